"""Who asks: told by a token, or by a client certificate and the address that it comes from."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from http import HTTPStatus

from streams.bridge.http.problems import Problem
from streams.bridge.peers import Peer, Peers


class Access:
    """Knows who may ask.

    Args:
        peers: gives those that are in force.
        certified: whether nobody connects without a certificate that we trust. Then a request without a token is that
            of the peer that has its address.
    """

    def __init__(self, peers: Callable[[], Peers], *, certified: bool) -> None:
        self._peers = peers
        self._certified = certified

    def peer(self, authorization: str | None, address: str | None) -> Peer:
        """Tell who asks. A token is compared with all, in constant time.

        Args:
            authorization: `Bearer TOKEN`, or `Basic` with the token as password; None where there is no such header.
            address: that the request comes from.

        Raises:
            Problem: 401 for an unknown or missing token, 403 for a certificate from an address that no peer has.
        """
        if authorization is not None:
            found = self._by_token(_token_in(authorization))
            if found is not None:
                return found
        elif self._certified:
            found = self._peers().find(address or "")
            if found is None:
                raise Problem(HTTPStatus.FORBIDDEN, "unknown_peer", "No peer in the file of peers has this address.")
            return found
        detail = "Send `Authorization: Bearer TOKEN` with a token that the file of peers knows."
        raise Problem(HTTPStatus.UNAUTHORIZED, "unknown_token", detail, {"WWW-Authenticate": "Bearer"})

    def _by_token(self, token: bytes) -> Peer | None:
        digest = hashlib.sha256(token).hexdigest()
        found = None
        for known, peer in self._peers().tokens:
            if hmac.compare_digest(known, digest):
                found = peer
        return found


def _token_in(authorization: str) -> bytes:
    """The token in a header; empty, which is nobody's, where there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("utf-8", "surrogatepass")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""
