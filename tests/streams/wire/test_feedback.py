"""A record of feedback is read, or refused with a reason that names fields and no values."""

import json
from typing import Any

import pytest

from detector.contract.events import MAX_RECORD_BYTES
from streams.wire.feedback import NAMES_NO_CALL, FeedbackRefused, read_feedback
from streams.wire.records import encode
from streams.wire.refusals import MESSAGE_LIMIT, Code

SAID: dict[str, Any] = {"time_ms": 1_780_000_000_000, "verdict": "robocall", "source": "analyst"}
CALLED: dict[str, Any] = {"called_number": "+13125550142", "call_time_ms": 1_780_000_000_000}


def record(**more: Any) -> bytes:
    return json.dumps(SAID | more).encode()


@pytest.mark.parametrize("names", [{"call_id": "c"}, {"calling_number": "+12025550101"}, CALLED])
def test_whatever_names_a_call_is_enough(names: dict[str, Any]) -> None:
    """Records of before have neither of the two fields of the called side."""
    found = read_feedback(record(**names))
    assert not isinstance(found, FeedbackRefused)
    assert {name: getattr(found, name) for name in names} == names
    assert read_feedback(encode(found)) == found


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        (None, Code.EMPTY, "no value"),
        (b"", Code.EMPTY, "no value"),
        (b"no json", Code.INVALID_JSON, "not JSON"),
        (b"\xff", Code.INVALID_UTF8, "not UTF-8"),
        (b"[]", Code.NOT_AN_OBJECT, "not an object"),
        (record(source="subscriber_repport", call_id="c"), Code.OUT_OF_RANGE, "`source`"),
        (record(verdict="spam", call_id="c"), Code.OUT_OF_RANGE, "`verdict`"),
        (record(call_id="c", time_ms="now"), Code.WRONG_TYPE, "`time_ms`"),
        (record(call_id="c", call_time_ms=5), Code.OUT_OF_RANGE, "`call_time_ms`"),
        (record(), Code.MISSING_FIELD, NAMES_NO_CALL),
        (record(called_number="+13125550142"), Code.MISSING_FIELD, NAMES_NO_CALL),
        (record(call_time_ms=1_780_000_000_000), Code.MISSING_FIELD, NAMES_NO_CALL),
        (record(call_id="c")[:-1] + b',"x":' + b"[" * 7_000 + b"]" * 7_000 + b"}", Code.TOO_DEEP, "deeper"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(value: bytes | None, code: Code, says: str) -> None:
    found = read_feedback(value)
    assert isinstance(found, FeedbackRefused)
    assert found.code == code
    assert says in found.message
    assert len(found.message) <= MESSAGE_LIMIT
    assert "repport" not in found.message


def test_a_record_is_measured_before_it_is_decoded() -> None:
    """One byte more than is allowed, and no JSON at all: it is its size that is told."""
    found = read_feedback(b"{" * (MAX_RECORD_BYTES + 1))
    assert isinstance(found, FeedbackRefused)
    assert found.code == Code.TOO_LARGE
