"""Whether an address on the web can be reached from outside at all, told by its host alone: nothing is looked up."""

from ipaddress import ip_address
from urllib.parse import urlsplit

NEVER = frozenset({"invalid", "localhost", "test", "local", "internal", "lan", "home", "corp"})
"""Last labels that no public name has: RFC 6761, RFC 6762, and those that ICANN keeps back. `example` stands in manuals
and tests for a name of the carrier's own, so it passes."""
PLACES = frozenset({"example.com", "example.net", "example.org"})
"""Kept for examples by RFC 2606."""


def is_public(url: str) -> bool:
    """Tell whether a stranger could reach the host of an address.

    False for names without a dot, reserved names, and addresses that are private, loopback or reserved (RFC 6890); for
    what has no host, too. True says nothing of whether anybody answers there.

    Args:
        url: As in a setting: `https://redress.carrier.com/blocked`.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        labels = host.split(".")
        return len(labels) > 1 and labels[-1] not in NEVER and ".".join(labels[-2:]) not in PLACES
