"""Kamailio's accounting, as its `acc_json` writes it, into `call_end`: a failed INVITE, or the record of a dialog.

`acc` knows neither numbers nor trunk group: name them as extra attributes with the names of the contract
(`calling_number`, `called_number`, `trunk_group_id`, `setup_time_ms`, `decision_id`, `treatment`). One without a value
is an empty text.
"""

import math
from typing import Any

import msgspec

from detector.contract.events import LATEST_TIME_MS
from streams.bridge.events import EventInvalid, Fields, without_nothing
from streams.wire.refusals import CODE_MEANINGS, Code

ANSWERED, FIRST_FAILURE = 200, 300
WHOLE = ("setup_time_ms", "end_time_ms", "answer_time_ms", "ring_time_ms", "q850_cause", "sip_status")
_OBJECT = msgspec.json.Decoder(dict[str, Any])


def read_kamailio(body: bytes, now_ms: int) -> Fields | None:
    """Read one record.

    Args:
        body: one JSON object, its values texts or numbers.
        now_ms: when it came, epoch milliseconds: the end of a call whose record does not say when.

    Returns:
        Fields of a `call_end`, not yet looked at (`streams.bridge.events.event_fields`); None for a record that ends no
        call, as that of an INVITE that was answered.

    Raises:
        EventInvalid: the body is no such record.
    """
    try:
        record = _OBJECT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EventInvalid(Code.INVALID_JSON, CODE_MEANINGS[Code.INVALID_JSON]) from error
    said = {name: value for name, value in record.items() if value is not None and value != ""}
    said |= {name: _number(said[name]) for name in WHOLE if name in said}
    said |= {"type": "call_end", "call_id": said.get("call_id") or said.get("callid")}
    duration_s = _number(said.get("duration"))
    if duration_s is not None:
        return without_nothing(_dialog(said, duration_s, now_ms))
    status = _number(said.get("sip_code"))
    if said.get("method") != "INVITE" or not isinstance(status, int) or status < FIRST_FAILURE:
        return None
    return without_nothing({"end_time_ms": now_ms, "sip_status": status} | said)


def _dialog(said: Fields, duration_s: float, now_ms: int) -> Fields:
    """Of `cdr_enable`: a call that was answered and has ended."""
    end_s = _number(said.get("end_time"))
    end_ms = now_ms if end_s is None else _milliseconds(end_s)
    times = {"end_time_ms": end_ms, "answer_time_ms": end_ms - _milliseconds(duration_s), "sip_status": ANSWERED}
    return times | said


def _milliseconds(seconds: float) -> int:
    if abs(seconds) > LATEST_TIME_MS:
        raise EventInvalid(Code.OUT_OF_RANGE, CODE_MEANINGS[Code.OUT_OF_RANGE])
    return int(seconds * 1_000)


def _number(value: Any) -> Any:
    """A number, also one that was written as text; None where it is none, as `inf` and `nan` are."""
    try:
        found = msgspec.convert(value, float | int, strict=False)
    except msgspec.ValidationError:
        return None
    return found if isinstance(found, int) or math.isfinite(found) else None
