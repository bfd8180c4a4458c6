"""FreeSWITCH's `mod_json_cdr` into `call_end`: one record for each leg, of which only the caller's is an end.

What the routing script knows of the bridge's answer it sets as channel variables with the names of the contract and
`robocall_` before them (`robocall_setup_time_ms`, `robocall_decision_id`, `robocall_treatment`, ...): they win.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

import msgspec

from streams.bridge.events import EventInvalid, Fields, without_nothing
from streams.wire.refusals import CODE_MEANINGS, Code

OURS = "robocall_"
ANSWERED, CANCELLED = 200, 487
HIGHEST_CAUSE = 127
SIP_OF_CAUSE = {
    **dict.fromkeys((1, 2, 3, 26), 404),
    **dict.fromkeys((19, 20, 31), 480),
    **dict.fromkeys((21, 55, 57, 87), 403),
    **dict.fromkeys((22, 23), 410),
    **dict.fromkeys((34, 38, 41, 42, 47, 58, 88), 503),
    **dict.fromkeys((65, 70), 488),
    **dict.fromkeys((29, 69, 79), 501),
    17: 486,
    18: 408,
    27: 502,
    28: 484,
    102: 504,
    16: CANCELLED,
}
"""SIP status for a cause of Q.850 (RFC 3398, 8.2.6.1). Normal clearing of a call that was not answered: its caller gave
up."""
OTHERWISE = 500
RELEASED_BY = {"recv_bye": "calling", "recv_cancel": "calling", "send_bye": "called"}
"""Who ended a call, by `sip_hangup_disposition` of the leg from the caller."""
_STATUS = re.compile(r"(?:sip:)?([1-6][0-9]{2})")
_OBJECT = msgspec.json.Decoder(dict[str, Any])


def read_freeswitch(body: bytes) -> Fields | None:
    """Read what `mod_json_cdr` posts, encoded as it may be: JSON, `cdr=` of a form, or base64.

    Args:
        body: of the request.

    Returns:
        Fields of a `call_end`, not yet looked at (`streams.bridge.events.event_fields`); None for the leg to a callee.

    Raises:
        EventInvalid: the body is no such record.
    """
    record = _record(body)
    variables, profile = _part(record, "variables"), _caller_profile(record)
    if _text(_part(record, "channel_data"), "direction") == "outbound" or _text(variables, "direction") == "outbound":
        return None
    answer_ms = _milliseconds(variables, "answer")
    end_ms = _milliseconds(variables, "end")
    cause = _number(variables, "hangup_cause_q850")
    fields = {
        "type": "call_end",
        "call_id": _text(variables, "sip_call_id") or _text(variables, "uuid"),
        "end_time_ms": end_ms,
        "answer_time_ms": answer_ms,
        "calling_number": _text(profile, "caller_id_number") or _text(variables, "sip_from_user"),
        "called_number": _text(variables, "sip_req_user") or _text(profile, "destination_number"),
        "sip_status": ANSWERED if answer_ms else _status(variables, cause),
        "q850_cause": cause if cause is not None and cause <= HIGHEST_CAUSE else None,
        "released_by": RELEASED_BY.get(_text(variables, "sip_hangup_disposition") or ""),
        "ring_time_ms": _between(_milliseconds(variables, "progress"), answer_ms or end_ms),
        "reason": _text(variables, "sip_reason"),
    }
    return without_nothing(fields) | without_nothing(_ours(variables))


def _record(body: bytes) -> dict[str, Any]:
    text = body.strip().removeprefix(b"cdr=")
    try:
        if not text.startswith(b"{"):
            is_escaped = text[:1] == b"%"
            text = unquote_plus(text.decode()).encode() if is_escaped else base64.b64decode(unquote(text.decode()))
        return _OBJECT.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError, RecursionError) as error:
        raise EventInvalid(Code.INVALID_JSON, CODE_MEANINGS[Code.INVALID_JSON]) from error


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _caller_profile(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of the first step of the call's flow, which stands last: later ones are transfers."""
    flow = record.get("callflow")
    first = flow[-1] if isinstance(flow, list) and flow else flow
    return _part(first, "caller_profile") if isinstance(first, dict) else {}


def _text(part: Mapping[str, Any], name: str) -> str | None:
    """A value as text, unescaped where FreeSWITCH escapes values (`encode-values`); None where it is empty."""
    value = part.get(name)
    if value is None or isinstance(value, dict | list):
        return None
    return unquote(str(value)) or None


def _number(part: Mapping[str, Any], name: str) -> int | None:
    text = _text(part, name) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len("18446744073709551615") else None


def _milliseconds(variables: Mapping[str, Any], name: str) -> int | None:
    """An instant, from microseconds or seconds; 0 is never."""
    found = _number(variables, f"{name}_uepoch")
    if found is not None:
        return found // 1_000 or None
    return (_number(variables, f"{name}_epoch") or 0) * 1_000 or None


def _between(start_ms: int | None, end_ms: int | None) -> int | None:
    return None if start_ms is None or end_ms is None or end_ms < start_ms else end_ms - start_ms


def _status(variables: Mapping[str, Any], cause: int | None) -> int | None:
    """What the caller got: the first that is said of its own leg, of the leg beyond, else the status of the cause."""
    names = ("sip_term_status", "sip_invite_failure_status", "proto_specific_hangup_cause")
    for name in (*names, "last_bridge_proto_specific_hangup_cause"):
        found = _STATUS.fullmatch(_text(variables, name) or "")
        if found and int(found[1]) > ANSWERED:
            return int(found[1])
    if cause == CANCELLED:  # FreeSWITCH's ORIGINATOR_CANCEL has this number, and none of Q.850
        return CANCELLED
    return None if cause is None else SIP_OF_CAUSE.get(cause, OTHERWISE)


def _ours(variables: Mapping[str, Any]) -> Fields:
    """Fields that the routing script has set, numbers as numbers."""
    names = (name for name in variables if name.startswith(OURS))
    said = {name.removeprefix(OURS): _text(variables, name) for name in names}
    return {name: _number(variables, OURS + name) if name.endswith("_ms") else value for name, value in said.items()}
