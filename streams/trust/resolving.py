"""Names become addresses, once, and each address is judged before anybody connects to it. It connects to nobody."""

import socket
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from detector.trust.verdict import Cause, Refused

Address = IPv4Address | IPv6Address
Lookup = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a name, blocking; raises OSError where there is none."""
EVERYWHERE = ("0.0.0.0/0", "::/0")
_IN_USE = ip_network("2000::/3")
"""All that was given out of IPv6 to be reached from everywhere."""
_NOT_PUBLIC = tuple(ip_network(one) for one in ("192.88.99.0/24", "2002::/16"))
"""Ways into other networks that `ipaddress` calls global: 6to4 and its relays."""


def system_lookup(host: str, port: int) -> list[str]:
    """Ask the system's resolver. It blocks, for as long as the system's own patience is.

    Raises:
        OSError: the name has no address, or nobody answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Resolver:
    """Looks names up, and lets no private address through (RFC 6890): a token must not make us ask our own network.

    Args:
        networks: those that are let through though they are not public, as `10.1.0.0/16`.
        lookup: who knows names.
    """

    def __init__(self, networks: Iterable[str] = (), lookup: Lookup = system_lookup) -> None:
        self._networks = tuple(ip_network(one) for one in networks)
        self._lookup = lookup

    def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """All addresses of a name. It blocks: call it in a thread.

        Raises:
            Refused: there is none, or one of them is not public: then none of them is used.
        """
        try:
            found = tuple(ip_address(one) for one in self._lookup(host, port))
        except (OSError, ValueError) as error:  # UnicodeError, of a label that is none, is a ValueError
            raise Refused(Cause.CERTIFICATE_UNAVAILABLE, "the name of the certificate's host is not known") from error
        if not found:
            raise Refused(Cause.CERTIFICATE_UNAVAILABLE, "the certificate's host has no address")
        if not all(self._is_allowed(one) for one in found):
            raise Refused(Cause.INFO_INVALID, "the certificate's host has an address that is not public")
        return found

    def _is_allowed(self, address: Address) -> bool:
        if any(address in network for network in self._networks):
            return True
        return is_public(address)


def is_public(address: Address) -> bool:
    """Tell whether anybody may be asked there: no private, loopback, link-local, shared, reserved or group address."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _IN_USE:
            return False
    is_special = address.is_multicast or address.is_reserved or any(address in one for one in _NOT_PUBLIC)
    return address.is_global and not is_special
