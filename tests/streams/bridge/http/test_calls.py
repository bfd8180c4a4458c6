"""Bodies into fields of the contract, and answers back: what wins, what is cut, what is refused."""

import json
from contextlib import suppress

import hypothesis.strategies as st
import pytest
from hypothesis import given

from streams.bridge.events import EventInvalid
from streams.bridge.http.calls import answer, fields_of, read_end, read_setup
from streams.bridge.peers import Peer
from streams.wire.repairs import short_call_id
from tests.streams.bridge.http.conftest import PEER

NOW_MS = 1_760_000_000_500
CALL = {"call_id": "a@b", "calling_number": "+12025550101", "called_number": "+13125550142"}
END = {"calling_number": "+12025550101", "called_number": "+13125550142", "sip_status": 486}


def body(**more: object) -> bytes:
    return json.dumps(CALL | more).encode()


def test_the_switch_is_the_peers_whatever_the_body_says() -> None:
    """Or one switch would get the decisions of another."""
    assert read_setup(body(switch_id="somebody-else"), PEER, NOW_MS)["switch_id"] == "sbc-chi-1"


def test_nobody_says_what_we_found_when_we_verified() -> None:
    """A switch has `verstat` for what it found itself."""
    said = {"own_verstat": "TN-Validation-Passed", "own_names": ["Bank"], "verstat": "No-TN-Validation"}
    found = read_setup(body(**said), PEER, NOW_MS)

    assert found["verstat"] == "No-TN-Validation"
    assert not any(name.startswith("own_") for name in found)


@pytest.mark.parametrize(("believed", "expected"), [(True, "tg-9"), (None, "tg-9"), (False, "tg-chi")])
def test_a_trunk_group_that_a_body_names_is_believed_unless_the_peers_entry_says_no(
    *, believed: bool | None, expected: str
) -> None:
    """Unlike in SIP, where callers write it: here the peer does."""
    peer = PEER.model_copy(update={"reads_trunk_group": believed})

    assert fields_of(peer, "tg-9")["trunk_group_id"] == expected
    assert read_setup(body(trunk_group_id="tg-9"), peer, NOW_MS)["trunk_group_id"] == expected
    assert read_setup(body(trunk_group_id=None), peer, NOW_MS)["trunk_group_id"] == "tg-chi"


def test_what_a_body_does_not_say_is_that_of_the_peer_or_of_now() -> None:
    """And what it says wins."""
    peer = Peer.model_validate(PEER.model_dump() | {"upstream_ocn": "123A", "role": "gateway"})

    bare, whole = (
        read_setup(body(), peer, NOW_MS),
        read_setup(body(upstream_ocn="9Z", setup_time_ms=NOW_MS - 1), peer, 0),
    )

    assert (bare["setup_time_ms"], bare["upstream_ocn"], bare["role"]) == (NOW_MS, "123A", "gateway")
    assert (whole["setup_time_ms"], whole["upstream_ocn"]) == (NOW_MS - 1, "9Z")


def test_fields_come_as_a_worker_reads_them() -> None:
    """Numbers in their normal form, long texts cut, unknown fields gone, a long call id hashed."""
    long_id = "i" * 200
    found = read_setup(
        body(call_id=long_id, called_number="tel:+1-312-555-0142", user_agent="u" * 300, x=1), PEER, NOW_MS
    )

    assert found["called_number"] == "+13125550142"
    assert found["user_agent"] == "u" * 256
    assert found["call_id"] == short_call_id(long_id)
    assert "x" not in found
    assert found["type"] == "call_setup"


@pytest.mark.parametrize("value", ["1e999", "9" * 5_000, '[{"y": -1e999}]'])
def test_what_a_worker_skips_costs_no_call(value: str) -> None:
    """No number of an unknown field is too large; one of a known field is refused by its name."""
    odd = body()[:-1] + b', "%s": ' + value.encode() + b"}"

    assert read_setup(odd % b"x", PEER, NOW_MS) == read_setup(body(), PEER, NOW_MS)
    with pytest.raises(EventInvalid, match="The field `setup_time_ms` is outside of its bounds"):
        read_setup(odd % b"setup_time_ms", PEER, NOW_MS)


@pytest.mark.parametrize(
    ("said", "code"),
    [(b'"x": "\xff"', "invalid_utf8"), (b'"x": 1, "x": 2', "duplicate_key"), (b'"x": nan', "invalid_json")],
)
def test_an_unknown_field_that_no_worker_takes_is_refused(said: bytes, code: str) -> None:
    with pytest.raises(EventInvalid) as refused:
        read_setup(body()[:-1] + b", " + said + b"}", PEER, NOW_MS)

    assert refused.value.code == code


def test_the_type_is_that_of_the_page() -> None:
    """A set-up that was sent to the page of ends is none."""
    end = read_end(json.dumps(END | {"type": "call_setup", "call_id": "other"}).encode(), "c", PEER, NOW_MS)

    assert (end["type"], end["call_id"], end["end_time_ms"]) == ("call_end", "c", NOW_MS)
    with pytest.raises(EventInvalid, match="sip_status"):
        read_end(body(), "c", PEER, NOW_MS)


@given(st.one_of(st.binary(max_size=200), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([*CALL, "type", "setup_time_ms", "identity", "role", "trunk_group_id", "x"]), inner, max_size=6,
    ), max_leaves=12,
).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_whatever_a_body_holds_it_is_read_or_refused(value: bytes) -> None:
    """Nothing else is raised: a bug here would let every such call pass unasked."""
    with suppress(EventInvalid):
        assert read_setup(value, PEER, NOW_MS)["switch_id"] == "sbc-chi-1"


def test_a_call_that_nobody_could_read_passes_without_its_id() -> None:
    """What a bug leaves."""
    found = json.loads(answer(None, None, "internal_error"))

    assert (found["call_id"], found["action"], found["sip"]) == (None, "allow", None)
