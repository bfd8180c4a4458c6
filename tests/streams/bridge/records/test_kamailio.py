"""Accounting of Kamailio: failed INVITEs and records of dialogs end a call, all else ends none."""

import json
from typing import Any

import pytest

from streams.bridge.events import EventInvalid, event_fields
from streams.bridge.records.kamailio import read_kamailio
from streams.wire.refusals import Code

NOW_MS = 1_760_000_020_000
EXTRA = {"calling_number": "+12025550101", "called_number": "+13125550142", "trunk_group_id": "tg-7"}


def read(**said: Any) -> dict[str, Any] | None:
    return read_kamailio(json.dumps({"callid": "a@b", "from_tag": "x", "to_tag": "y"} | EXTRA | said).encode(), NOW_MS)


def test_a_failed_invite_ends_a_call_when_its_record_comes() -> None:
    """Values are texts; times of the record are whatever its format says, so they are not read."""
    found = read(method="INVITE", sip_code="486", sip_reason="Busy here", time="2026/11/27 20:00:00")

    assert found is not None
    assert {"type": "call_end", "call_id": "a@b", "end_time_ms": NOW_MS, "sip_status": 486}.items() <= found.items()
    assert EXTRA.items() <= found.items()


def test_an_attribute_without_a_value_is_left_out() -> None:
    """`acc_json` writes an empty text for a variable that is not set, as of a call that was routed by the timer."""
    found = read(method="INVITE", sip_code="486", setup_time_ms="", treatment="timeout", decision_id="")

    assert found is not None
    assert found["treatment"] == "timeout"
    assert not {"setup_time_ms", "decision_id"} & found.keys()


def test_the_record_of_a_dialog_is_an_answered_call() -> None:
    """`cdr_enable`: seconds since 1970 with three decimals, and the duration from the answer."""
    found = read(
        start_time="1760000006.100", end_time="1760000009.400", duration="3.300", setup_time_ms="1760000000000"
    )

    assert found is not None
    assert (found["sip_status"], found["end_time_ms"], found["answer_time_ms"]) == (
        200, 1_760_000_009_400, 1_760_000_006_100,
    )  # fmt: skip
    assert found["setup_time_ms"] == 1_760_000_000_000


@pytest.mark.parametrize(
    "said",
    [
        {"method": "INVITE", "sip_code": "200"},
        {"method": "BYE", "sip_code": "200"},
        {"method": "ACK", "sip_code": "481"},
        {"method": "INVITE", "sip_code": "soon"},
        {"duration": "inf"},
        {"duration": "nan"},
        {"method": ["INVITE"], "sip_code": {}},
        {},
    ],
)
def test_what_ends_no_call_is_none(said: dict[str, Any]) -> None:
    """The end of an answered call comes with its dialog."""
    assert read(**said) is None


@pytest.mark.parametrize(
    "said",
    [
        {"duration": "1", "end_time": 1e308},
        {"duration": "9" * 400},
        {"duration": -1e308},
        {"duration": "1", "setup_time_ms": "9" * 400},
        {"method": "INVITE", "sip_code": "9" * 400},
    ],
)
def test_numbers_beyond_all_bounds_are_refused(said: dict[str, Any]) -> None:
    """As other wrong fields are, for good: whoever sends it again after an error of ours would do so for ever."""
    with pytest.raises(EventInvalid) as refused:
        event_fields(read(**said) or {})

    assert refused.value.code is Code.OUT_OF_RANGE


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 5_000])
def test_what_is_no_record_is_refused(body: bytes) -> None:
    """In one sentence."""
    with pytest.raises(EventInvalid, match="not JSON"):
        read_kamailio(body, NOW_MS)
