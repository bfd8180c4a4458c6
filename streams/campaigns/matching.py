"""Decisions beside the events of their calls: two topics, read in any order, joined in a bounded memory.

A call is told by its id, set-up time and called number: callers choose ids, and one that gives all its calls the same
must not stay unseen by it.

A decision says whether a call is suspect, its `call_setup` who signed it and by which way it came. Set-ups wait for
their decision as bytes, and are read only where that is a suspect one.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast

import msgspec

from detector.campaigns.calls import SuspectCall
from detector.contract.decisions import Action
from detector.contract.events import EARLIEST_TIME_MS, LATEST_TIME_MS, CallSetup
from streams.wire.decoder import decode_one
from streams.wire.repairs import as_decided, repair

MOST_SETUPS = 200_000
MOST_SETUP_BYTES = 256 * 1024 * 1024
"""Of the set-ups that wait: usual ones have some 500 bytes, and a record may have 16 KiB."""
MOST_DECISIONS = 20_000

_TimeMs = Annotated[int, msgspec.Meta(ge=EARLIEST_TIME_MS, le=LATEST_TIME_MS)]


class _Decision(msgspec.Struct, gc=False):
    """What is read of a decision."""

    call_id: str
    decision_id: str
    action: str
    setup_time_ms: int
    decided_time_ms: _TimeMs
    called_number: str
    would_be: str | None = None
    score: float | None = None


class _Event(msgspec.Struct, gc=False):
    """What is read of every event."""

    call_id: str
    type: str
    called_number: str
    setup_time_ms: _TimeMs | None = None
    end_time_ms: _TimeMs | None = None
    answer_time_ms: _TimeMs | None = None


_Key = tuple[str, int | None, str]
_DECISION = msgspec.json.Decoder(_Decision)
_EVENT = msgspec.json.Decoder(_Event)


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a call.

    Attributes:
        call_id: Identifies it.
        talk_ms: How long it lasted from the answer on; None where it was never answered.
    """

    call_id: str
    talk_ms: int | None


class Matching:
    """Joins decisions and set-ups.

    Args:
        score: From this score on a call is suspect, whatever was done with it.
        keeps_setups: Whether set-ups wait for decisions. Where all decisions come first, none has to, and all suspect
            ones wait for their set-up.

    Attributes:
        missed: Suspect calls whose set-up did not come as long as there was room.
        unread: Records that nobody can read, of either topic.
    """

    def __init__(self, score: float, *, keeps_setups: bool = True) -> None:
        self._score = score
        self._keeps_setups = keeps_setups
        self._setups: OrderedDict[_Key, bytes] = OrderedDict()
        self._setup_bytes = 0
        self._decisions: OrderedDict[_Key, tuple[_Decision, Any]] = OrderedDict()
        self.missed = 0
        self.unread = 0

    @property
    def waiting(self) -> int:
        """Suspect decisions whose set-up has not come."""
        return len(self._decisions)

    @property
    def is_ahead(self) -> bool:
        """Whether so many set-ups wait that the decisions should be read first."""
        return len(self._setups) > MOST_SETUPS // 2 or self._setup_bytes > MOST_SETUP_BYTES // 2

    def event(self, value: bytes | None) -> tuple[SuspectCall, Any] | Ended | None:
        """Take a record of `call-events`.

        Returns:
            A suspect call with the place of its decision, where that came before; the end of a call; None else, and of
            what nobody can read.
        """
        try:
            found = _EVENT.decode(value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.unread += 1
            return None
        call_id, called_number = as_decided(found.call_id, found.called_number)
        if found.type == "call_end":
            answer_ms, end_ms = found.answer_time_ms, found.end_time_ms
            return Ended(call_id, None if answer_ms is None or end_ms is None else max(end_ms - answer_ms, 0))
        key = call_id, found.setup_time_ms, called_number
        waiting = self._decisions.pop(key, None)
        if waiting is not None:
            return _joined(value or b"", *waiting)
        if self._keeps_setups:
            self._keep(key, value or b"")
        return None

    def _keep(self, key: _Key, setup: bytes) -> None:
        """Have a set-up wait; of too many, or too large ones, the oldest go."""
        self._setup_bytes += len(setup) - len(self._setups.get(key, b""))
        self._setups[key] = setup
        while len(self._setups) > MOST_SETUPS or self._setup_bytes > MOST_SETUP_BYTES:
            self._setup_bytes -= len(self._setups.popitem(last=False)[1])

    def decision(self, value: bytes | None, place: Any) -> tuple[SuspectCall, Any] | None:
        """Take a record of `call-decisions`.

        Args:
            value: The record.
            place: Given back with the call.

        Returns:
            A suspect call whose set-up came before; None else.
        """
        try:
            found = _DECISION.decode(value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.unread += 1
            return None
        key = found.call_id, found.setup_time_ms, found.called_number
        setup = self._setups.pop(key, None)
        self._setup_bytes -= len(setup or b"")
        if not self._is_suspect(found):
            return None
        if setup is not None:
            return _joined(setup, found, place)
        self._decisions[key] = found, place
        if self._keeps_setups and len(self._decisions) > MOST_DECISIONS:
            self._decisions.popitem(last=False)
            self.missed += 1
        return None

    def _is_suspect(self, found: _Decision) -> bool:
        done = found.would_be or found.action
        return done != Action.ALLOW or (found.score is not None and found.score >= self._score)


def _joined(value: bytes, decision: _Decision, place: Any) -> tuple[SuspectCall, Any] | None:
    """The suspect call, of a set-up that keeps the contract.

    Its time is that of the decision where a switch dates it later: one clock that is ahead would age all that is
    remembered.
    """
    event = decode_one(value)
    if isinstance(event, tuple) or not hasattr(event, "user_agent"):
        return None
    setup = cast("CallSetup", repair(event))
    call = SuspectCall.of(setup, decision.decision_id, decision.score)
    return replace(call, at_ms=min(call.at_ms, decision.decided_time_ms)), place
