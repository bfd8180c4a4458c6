"""Who may ask: tokens in two headers, certificates by address, and nobody else."""

import base64
import hashlib

import pytest

from streams.bridge.http.access import Access
from streams.bridge.http.problems import Problem
from streams.bridge.peers import Peer, Peers


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{token}".encode()).decode()


ONE = Peer.model_validate({"name": "one", "trunk_group_id": "tg-1", "token_sha256": [digest("first"), digest("next")]})
TWO = Peer.model_validate(
    {"name": "two", "trunk_group_id": "tg-2", "token_sha256": [digest("other")], "addresses": ["192.0.2.0/24"],
     "profile": "clearip"}
)  # fmt: skip
PEERS = Peers([ONE, TWO])


@pytest.mark.parametrize(
    ("authorization", "peer"),
    [("Bearer first", ONE), ("bearer next", ONE), ("Bearer  other ", TWO), (basic("other"), TWO)],
)
def test_a_known_token_says_who_asks(authorization: str, peer: Peer) -> None:
    """A peer may have two, so that one can be replaced; the scheme is in any case (RFC 9110)."""
    assert Access(lambda: PEERS, certified=False).peer(authorization, None) is peer


@pytest.mark.parametrize(
    "authorization",
    [
        *(None, "", "first", "Bearer", "Bearer ", "Bearer firs", "Bearer first2", "Digest first"),
        *("Basic first", "Basic ####", "Bearer " + digest("first"), "Bearer \udcff"),
    ],
)
def test_anything_else_is_nobody(authorization: str | None) -> None:
    """The digest that stands in the file is no token, and an address alone is none."""
    with pytest.raises(Problem) as refused:
        Access(lambda: PEERS, certified=False).peer(authorization, "192.0.2.1")

    assert (refused.value.status, refused.value.code) == (401, "unknown_token")
    assert refused.value.headers == {"WWW-Authenticate": "Bearer"}


def test_a_client_with_a_certificate_is_the_peer_of_its_address() -> None:
    """A wrong token is wrong all the same."""
    access = Access(lambda: PEERS, certified=True)

    assert access.peer(None, "192.0.2.7") is TWO
    for address in ("198.51.100.1", None):
        with pytest.raises(Problem, match="No peer"):
            access.peer(None, address)
    with pytest.raises(Problem, match="token"):
        access.peer("Bearer wrong", "192.0.2.7")


def test_peers_that_change_are_known_at_the_next_request() -> None:
    """A token that left the file is nobody's."""
    in_force = PEERS
    access = Access(lambda: in_force, certified=False)
    access.peer("Bearer other", None)

    in_force = Peers([ONE])

    with pytest.raises(Problem):
        access.peer("Bearer other", None)
