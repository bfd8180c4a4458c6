"""What `mod_json_cdr` posts, in each of its encodings, becomes the end of the caller's leg."""

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import hypothesis.strategies as st
import pytest
from hypothesis import given

from streams.bridge.events import EventInvalid, event_fields
from streams.bridge.records.freeswitch import read_freeswitch

ANSWERED = {
    "core-uuid": "5d2", "channel_data": {"direction": "inbound"},
    "variables": {
        "uuid": "7f3a", "sip_call_id": "a84b4c76e66710@203.0.113.7", "sip_from_user": "12025550101",
        "sip_req_user": "+13125550142", "start_uepoch": "1760000000000000", "progress_uepoch": "1760000001500000",
        "answer_uepoch": "1760000006100000", "end_uepoch": "1760000009400123", "hangup_cause_q850": "16",
        "sip_hangup_disposition": "send_bye", "sip_term_status": "200",
    },
    "callflow": [
        {"caller_profile": {"caller_id_number": "transferred", "destination_number": "900"}},
        {"caller_profile": {"caller_id_number": "+12025550101", "destination_number": "13125550142"}},
    ],
}  # fmt: skip


def record(**variables: Any) -> dict[str, Any]:
    """The same call; None takes a variable away."""
    found = ANSWERED["variables"] | variables  # type: ignore[operator]  # it is a dictionary
    return ANSWERED | {"variables": {name: value for name, value in found.items() if value is not None}}


def end(**variables: Any) -> dict[str, Any]:
    found = read_freeswitch(json.dumps(record(**variables)).encode())
    assert found is not None
    return found


def test_an_answered_call() -> None:
    """As worked out by hand from the record above."""
    assert end() == {
        "type": "call_end",
        "call_id": "a84b4c76e66710@203.0.113.7",
        "end_time_ms": 1_760_000_009_400,
        "answer_time_ms": 1_760_000_006_100,
        "calling_number": "+12025550101",
        "called_number": "+13125550142",
        "sip_status": 200,
        "q850_cause": 16,
        "released_by": "called",
        "ring_time_ms": 4_600,
    }


@pytest.mark.parametrize(
    ("variables", "status"),
    [
        ({"sip_term_status": "486"}, 486),
        ({"sip_term_status": None, "sip_invite_failure_status": "404"}, 404),
        ({"sip_term_status": None, "last_bridge_proto_specific_hangup_cause": "sip:480"}, 480),
        ({"sip_term_status": None, "hangup_cause_q850": "17"}, 486),
        ({"sip_term_status": None, "hangup_cause_q850": "1"}, 404),
        ({"sip_term_status": None, "hangup_cause_q850": "487"}, 487),
        ({"sip_term_status": None, "hangup_cause_q850": "99"}, 500),
    ],
)
@pytest.mark.parametrize("never", ["0", None])
def test_a_call_that_was_not_answered_has_the_status_that_its_caller_got(
    variables: dict[str, Any], status: int, never: str | None
) -> None:
    """FreeSWITCH writes 0 for an instant that never was."""
    found = end(answer_uepoch=never, **variables)

    assert found["sip_status"] == status
    assert "answer_time_ms" not in found
    assert found.get("q850_cause") != 487


def test_what_the_routing_script_knows_wins() -> None:
    """The set-up time with which the bridge was asked, and what was done."""
    found = end(
        robocall_setup_time_ms="1760000000000",
        robocall_treatment="label",
        robocall_decision_id="079175b3",
        robocall_trunk_group_id="tg-9",
        robocall_calling_number="%2B12025550199",
    )

    assert (found["setup_time_ms"], found["treatment"]) == (1_760_000_000_000, "label")
    assert (found["trunk_group_id"], found["calling_number"]) == ("tg-9", "+12025550199")


def test_the_leg_to_a_callee_ends_no_call() -> None:
    """One call has one end, however many legs."""
    assert read_freeswitch(json.dumps(ANSWERED | {"channel_data": {"direction": "outbound"}}).encode()) is None
    assert read_freeswitch(json.dumps(record(direction="outbound")).encode()) is None


@pytest.mark.parametrize("encoding", ["plain", "form", "base64", "form base64", "values"])
def test_each_encoding_of_the_module_is_read(encoding: str) -> None:
    """`encode` is true, base64 or false; `encode-values` escapes each value besides."""
    text = json.dumps(ANSWERED)
    values = {name: quote(str(value), safe="") for name, value in ANSWERED["variables"].items()}  # type: ignore[attr-defined]
    packed = base64.b64encode(text.encode()).decode()
    body = {
        "plain": text,
        "form": f"cdr={quote_plus(text)}",
        "base64": packed,
        "form base64": f"cdr={quote(packed)}",
        "values": json.dumps(ANSWERED | {"variables": values}),
    }[encoding]

    assert read_freeswitch(body.encode()) == end()


@given(st.binary(max_size=100) | st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from([*ANSWERED, *ANSWERED["variables"], "caller_profile", "robocall_x_ms"]), inner, max_size=5,
    ), max_leaves=20,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    """Nothing else is raised."""
    try:
        found = read_freeswitch(body)
        if found is not None:
            event_fields({"trunk_group_id": "t"} | found)
    except EventInvalid as refused:
        assert str(refused)  # noqa: PT017 - any may be refused
