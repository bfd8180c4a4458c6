"""The peers file: who asks is found by address, and what makes no sense is one line."""

from pathlib import Path

import pytest

from streams.bridge.peers import LabelHeader, Peers, PeersInvalid, Profile, load_peers

GOOD = """
peers:
  - name: chicago-1
    addresses: [192.0.2.10, 198.51.100.0/28]
    profile: clearip
    trunk_group_id: tg-chi
    switch_id: sbc-chi-1
  - name: everybody-else-there
    addresses: [198.51.100.0/24, "2001:db8::/32"]
    profile: ribbon
    trunk_group_id: tg-any
    role: originating
    deadline_ms: 120
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "peers.yaml"


def load(path: Path, text: str) -> Peers:
    path.write_text(text, encoding="utf-8")
    return load_peers(path)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.10", "chicago-1"),
        ("::ffff:192.0.2.10", "chicago-1"),
        ("198.51.100.15", "chicago-1"),
        ("198.51.100.16", "everybody-else-there"),
        ("2001:db8::7", "everybody-else-there"),
        ("192.0.2.11", None),
        ("fe80::1%eth0", None),
        ("no address", None),
    ],
)
def test_a_peer_is_found_by_the_smallest_network_that_has_the_address(
    written: Path, address: str, name: str | None
) -> None:
    found = load(written, GOOD).find(address)
    assert (found and found.name) == name


def test_what_is_left_out_has_a_default(written: Path) -> None:
    first, second = load(written, GOOD).all

    assert (first.profile, first.switch, first.deadline_ms) == (Profile.CLEARIP, "sbc-chi-1", None)
    assert (second.switch, second.deadline_ms, second.role) == ("everybody-else-there", 120, "originating")
    assert (first.asserts_identity, first.verifies, first.label_header) == (
        True,
        False,
        LabelHeader.P_ASSERTED_IDENTITY,
    )


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("profile: clearip", "profile: teapot", "peer chicago-1: profile: Input should be 'clearip'"),
        ("192.0.2.10,", "192.0.2.300,", "peer chicago-1: addresses: "),
        ("198.51.100.0/28", "198.51.100.1/28", "has host bits set"),
        ("trunk_group_id: tg-chi\n", "trunk_grp: tg-chi\n", "peer chicago-1: trunk_group_id: Field required"),
        ("name: chicago-1", "nick: chicago-1", "peer 1: name: Field required"),
        ("name: everybody-else-there", "name: chicago-1", "the name chicago-1 stands at two peers"),
        ("198.51.100.0/24", "192.0.2.10", "the address 192.0.2.10/32 stands at two peers"),
        ("deadline_ms: 120", "deadline_ms: 1", "deadline_ms: Input should be greater than or equal to 5"),
        ("peers:", "peer:", "peers: Field required"),
        ("    profile: clearip", "   profile: clearip", "no YAML, look at line 5"),
    ],
)
def test_what_makes_no_sense_is_one_line(written: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(PeersInvalid) as refused:
        load(written, GOOD.replace(old, new))

    assert complaint in str(refused.value)
    assert str(refused.value).startswith(f"{written}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "- a\n", "peers: []", "peers: 3", "peers: [3]", "\x00", "peers: [" * 5_000])
def test_no_file_at_all_is_as_good(written: Path, text: str) -> None:
    with pytest.raises(PeersInvalid):
        load(written, text)


def test_peers_that_are_all_wrong_are_named_and_nothing_else_is_said(written: Path) -> None:
    with pytest.raises(PeersInvalid) as refused:
        load(written, "peers: [{name: a, addresses: [10.0.0.5/24], profile: clearip, trunk_group_id: t}]")
    assert str(refused.value) == f"{written}: peer a: addresses: 10.0.0.5/24 has host bits set"
    with pytest.raises(PeersInvalid, match="at least 1 item"):
        load(written, "peers: []")


def test_a_missing_file_says_what_to_do(written: Path) -> None:
    with pytest.raises(PeersInvalid, match="set ROBOCALL_BRIDGE_PEERS_FILE"):
        load_peers(written)


TOKENS = """
peers:
  - {{name: one, trunk_group_id: tg-1, token_sha256: ["{0}", "{1}"]}}
  - {{name: two, trunk_group_id: tg-2, token_sha256: ["{2}"]}}
"""


def test_a_peer_that_asks_over_http_needs_a_token_and_no_address(written: Path) -> None:
    """Two while one is replaced."""
    one, next_one, two = "a" * 64, "b" * 64, "c" * 64

    peers = load(written, TOKENS.format(one, next_one, two))

    assert [(digest, peer.name) for digest, peer in peers.tokens] == [(one, "one"), (next_one, "one"), (two, "two")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (TOKENS.format("a" * 64, "b" * 64, "a" * 64), "token aaaaaaaa"),
        (TOKENS.format("a" * 64, "b" * 64, "secret"), "two"),
        ("peers: [{name: one, trunk_group_id: t}]", "token_sha256"),
        ("peers: [{name: one, trunk_group_id: t, addresses: [192.0.2.1]}]", "profile"),
    ],
)
def test_a_token_of_two_peers_and_a_peer_without_any_way_to_ask_are_refused(
    written: Path, text: str, complaint: str
) -> None:
    """As is a peer of SIP whose profile is not named; a token that stands there by mistake is not shown."""
    with pytest.raises(PeersInvalid, match=complaint) as refused:
        load(written, text)

    assert "secret" not in str(refused.value)
