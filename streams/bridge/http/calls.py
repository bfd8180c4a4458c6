"""Bodies of requests into fields of the contract, and decisions into bodies of responses. Pure: no clock, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import Any, Literal

import msgspec

from detector.contract.decisions import Decision, Reason
from detector.contract.events import CallEnd, CallSetup, documented
from streams.bridge.events import EventInvalid, Fields, event_fields, without_nothing
from streams.bridge.http.problems import Problem
from streams.bridge.peers import Peer
from streams.trust.own_fields import without_own
from streams.wire.records import encode
from streams.wire.refusals import CODE_MEANINGS, REFUSALS, Code, classify, passed_in_silence

MAX_DEADLINE_MS = 1_000
"""A caller hears a pause of a second; whoever waits longer has a routing script that hangs."""
DEADLINE_HEADER = "Robocall-Deadline-Ms"

WHY_OPEN: Mapping[str, str] = {
    "late": "No decision came within the deadline.",
    "unhealthy": "The bridge has lost Kafka or its decisions, so it does not wait.",
    "not_published": "The call could not be published.",
    "internal_error": "The bridge failed.",
}
"""Sentence for each reason of a call that passes undecided."""

_STATUS = {
    Code.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.MISSING_FIELD: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.WRONG_TYPE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.OUT_OF_RANGE: HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""Of what is JSON and no record; all else is a bad request."""
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VALUE = msgspec.json.Decoder()
_NAMES = frozenset(field.name for event in (CallSetup, CallEnd) for field in fields(event))


@dataclass(frozen=True, slots=True)
class FailedOpen:
    """The answer about a call that nobody decided in time: it passes. Fields have the names of a decision's."""

    call_id: str | None = documented("The call that this answers, where the bridge could read it.")
    reasons: tuple[Reason, ...] = documented("Why it passes: `late`, `unhealthy`, `not_published`, `internal_error`.")
    decision_id: None = documented("There is no decision.", default=None)
    action: Literal["allow"] = documented("Route the call.", default="allow")
    decided_by: Literal["fail_open"] = documented("The bridge decided nothing.", default="fail_open")
    label: None = documented("Nothing is shown.", default=None)
    sip: None = documented("Nothing is sent.", default=None)


def read_setup(body: bytes, peer: Peer, now_ms: int) -> Fields:
    """Read a `call_setup`. Its switch is the peer's; its trunk group too, unless it names one that may be believed.

    Args:
        body: one JSON object with the fields of the contract; `type` and `setup_time_ms` are optional here.
        peer: who asks.
        now_ms: when the request came, epoch milliseconds: the set-up time where the body has none.

    Raises:
        EventInvalid: the body is no such record.
    """
    otherwise = {"setup_time_ms": now_ms, "upstream_ocn": peer.upstream_ocn, "role": peer.role}
    return event_fields(otherwise | _object(body, peer) | {"type": "call_setup"})


def read_end(body: bytes, call_id: str, peer: Peer, now_ms: int) -> Fields:
    """Read a `call_end`, as `read_setup` does a set-up; `end_time_ms` is now where the body has none.

    Raises:
        EventInvalid: the body is no such record.
    """
    return event_fields({"end_time_ms": now_ms} | _object(body, peer) | {"call_id": call_id, "type": "call_end"})


def _object(body: bytes, peer: Peer) -> Fields:
    """Fields of a body that are not null, and the peer's. Of verifying only we say what we found."""
    try:
        found = _OBJECT.decode(body)
        if not body.isascii():
            body.decode()  # msgspec skips the text of unknown fields unread
    except REFUSALS as error:
        raise EventInvalid(*classify(body, error)) from error
    silent = passed_in_silence(body)
    if silent is not None:
        raise EventInvalid(silent, CODE_MEANINGS[silent])
    said = without_own(without_nothing({name: _value(body, name, found[name]) for name in found if name in _NAMES}))
    return said | fields_of(peer, said.get("trunk_group_id"))


def _value(body: bytes, name: str, written: msgspec.Raw) -> Any:
    """Read the value of a known field; those of others are skipped, as a worker skips them."""
    try:
        return _VALUE.decode(written)
    except msgspec.ValidationError as error:
        raise EventInvalid(Code.OUT_OF_RANGE, f"The field `{name}` is outside of its bounds.") from error
    except REFUSALS as error:
        raise EventInvalid(*classify(body, error)) from error


def fields_of(peer: Peer, trunk_group_id: Any = None) -> Fields:
    """What a peer's entry says of each of its calls.

    Args:
        peer: who asks.
        trunk_group_id: that the request names.
    """
    is_believed = peer.reads_trunk_group is not False and trunk_group_id is not None
    return {"trunk_group_id": trunk_group_id if is_believed else peer.trunk_group_id, "switch_id": peer.switch}


def refused(error: EventInvalid) -> Problem:
    """The problem of a body that makes no event."""
    return Problem(_STATUS.get(error.code, HTTPStatus.BAD_REQUEST), error.code, str(error))


def deadline_s(header: str | None, default_ms: int) -> float:
    """How long a request may wait for its decision, seconds: what its header says, up to `MAX_DEADLINE_MS`.

    Args:
        header: value of `DEADLINE_HEADER`, whole milliseconds.
        default_ms: without it.

    Raises:
        Problem: the header is no whole number of 1 or more.
    """
    if header is None:
        return default_ms / 1_000
    if not (header.isascii() and header.isdigit() and len(header) <= len("999999") and int(header)):
        detail = f"{DEADLINE_HEADER} must be a whole number of milliseconds, 1 to {MAX_DEADLINE_MS}."
        raise Problem(HTTPStatus.BAD_REQUEST, "wrong_deadline", detail)
    return min(int(header), MAX_DEADLINE_MS) / 1_000


def answer(call_id: str | None, decision: Decision | None, why_open: str | None) -> bytes:
    """Body of the answer about a call: its decision as the worker made it, or that it passes.

    Args:
        call_id: of the call.
        decision: None where there is none.
        why_open: why there is none.
    """
    if decision is not None:
        return encode(decision)
    code = why_open or "internal_error"
    return encode(FailedOpen(call_id, (Reason(code, WHY_OPEN.get(code, WHY_OPEN["internal_error"])),)))
