"""What was asked and what was answered, side by side: pure bookkeeping of an audit, in bounded memory.

A call is what a worker takes for one: its id, the instant of its set-up, both numbers and the trunk group, since a
caller may write one id into several. It is kept until it is old; then it is judged and forgotten. It knows no broker
and no clock.
"""

import hashlib
import re
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from detector.contract.decisions import Action, Decision, Mode, Step
from detector.policy.reasons import WAITED
from detector.policy.settings import DISPLAY_LIMIT
from streams.kafka.topics import CALL_EVENTS
from streams.wire.records import DECISION_DECODER
from streams.wire.repairs import as_decided

EXAMPLES = 5
KEY_BYTES = 16
MOST_OF_A_BATCH = 1_000_000
SLOWEST_MS = 600_000
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""As the contract has it: the audit does not take it from the code that makes identifiers, which it judges."""
NEVER = frozenset({604, 608})
UNWANTED_STATUS = 607
BY_ANALYTICS = frozenset({Step.RULE, Step.MODEL})
"""Steps that block by analytics alone; an entity may be blocked by an order or for a subscriber."""
ANALYTICS = 'SIP;cause=603;text="v=analytics1;'


class Breach(StrEnum):
    """A promise that was not kept."""

    UNDECIDED = "undecided"
    UNKNOWN = "unknown"
    TWO_IDS = "two_ids"
    CHANGED = "changed"
    STALE = "stale"
    MALFORMED = "malformed"

    @property
    def meaning(self) -> str:
        """In a sentence."""
        return MEANINGS[self]


MEANINGS = {
    Breach.UNDECIDED: "A call set-up has no decision, and is no dead letter.",
    Breach.UNKNOWN: "A decision is on a call that nobody set up.",
    Breach.TWO_IDS: "Decisions on one call have different ids.",
    Breach.CHANGED: "A repeated decision says something else, and neither is fail_open.",
    Breach.STALE: "A label or a block was decided after the deadline.",
    Breach.MALFORMED: "A decision does not keep its contract.",
}


class _SetUp(msgspec.Struct):
    """What an auditor needs of an event; everything else of it is the worker's business."""

    type: str
    call_id: str
    setup_time_ms: int
    calling_number: str = ""
    called_number: str = ""
    trunk_group_id: str = ""


class _Letter(msgspec.Struct):
    """Which offsets a dead letter is about."""

    topic: str
    partition: int
    offset: int
    last_offset: int


_SET_UP = msgspec.json.Decoder(_SetUp)
_LETTER = msgspec.json.Decoder(_Letter)
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class _Call:
    """One call: its id, when it came, where it lies, and what was said first, in short."""

    call_id: str
    came_ms: int | None = None
    place: tuple[int, int] = (-1, -1)
    is_judged: bool = True
    decision_id: str | None = None
    digest: bytes = b""
    last_ms: int = 0


@dataclass
class Ledger:
    """Of one audit.

    Attributes:
        deadline_ms: a label or block may be so old at most, from the broker's stamp on the call.
        most: calls that are kept at a time; beyond, the oldest are given up, and counted.
        counts: what was seen: `calls`, `decisions`, `repeats`, `late`, `refused`, `given_up`.
        breaches: of each kind, how many.
        examples: of each kind, call ids.
        answer_ms: how many first answers took so many milliseconds.
    """

    deadline_ms: int
    most: int = 2_000_000
    counts: Counter[str] = field(default_factory=Counter)
    breaches: Counter[Breach] = field(default_factory=Counter)
    examples: dict[Breach, list[str]] = field(default_factory=dict)
    answer_ms: Counter[int] = field(default_factory=Counter)
    _calls: OrderedDict[bytes, _Call] = field(default_factory=OrderedDict)
    _open: OrderedDict[bytes, _Call] = field(default_factory=OrderedDict)
    _refused: OrderedDict[tuple[int, int], None] = field(default_factory=OrderedDict)

    def event(self, partition: int, offset: int, value: bytes | None, came_ms: int, *, is_judged: bool = True) -> None:
        """Note a record of `call-events`; what is no set-up is passed over.

        Args:
            partition: where it lies.
            offset: where it lies.
            value: its bytes.
            came_ms: the broker's stamp, epoch milliseconds.
            is_judged: whether its decision must have been seen; False for those before the audit begins.
        """
        try:
            found = _SET_UP.decode(value or b"")
        except UNREADABLE:
            return
        if found.type != "call_setup" or not found.call_id:
            return
        self.counts["calls"] += is_judged
        said = as_decided(found.call_id, found.calling_number, found.called_number)
        call = self._call(*said, found.trunk_group_id, found.setup_time_ms)
        if call.came_ms is None:
            call.place, call.is_judged = (partition, offset), is_judged
        call.came_ms = came_ms

    def letter(self, value: bytes | None) -> None:
        """Note a record of `dead-letters`: what it is about needs no decision."""
        try:
            found = _LETTER.decode(value or b"")
        except UNREADABLE:
            return
        if found.topic == CALL_EVENTS:
            self.counts["refused"] += found.last_offset - found.offset + 1
            for offset in range(found.offset, min(found.last_offset + 1, found.offset + MOST_OF_A_BATCH)):
                self._refused[found.partition, offset] = None
                if len(self._refused) > self.most:
                    self._refused.popitem(last=False)

    def decision(self, value: bytes | None) -> None:
        """Note a record of `call-decisions`."""
        self.counts["decisions"] += 1
        try:
            found = DECISION_DECODER.decode(value or b"")
        except UNREADABLE:
            self._breach(Breach.MALFORMED, "a record that is no decision")
            return
        if problem := problem_of(found):
            self._breach(Breach.MALFORMED, f"{found.call_id}: {problem}")
        said = found.call_id, found.calling_number, found.called_number
        self._judge(self._call(*said, found.trunk_group_id, found.setup_time_ms), found)

    def _judge(self, call: _Call, found: Decision) -> None:
        """Hold a decision against its call, and against what was said before."""
        is_late = bool(WAITED & {reason.code for reason in found.reasons})
        digest = b"" if found.decided_by is Step.FAIL_OPEN else _substance(found)
        self.counts["late"] += is_late
        call.last_ms = found.decided_time_ms
        if call.came_ms is not None:
            waited_ms = found.decided_time_ms - call.came_ms
            if (found.would_be or found.action) is not Action.ALLOW and waited_ms > self.deadline_ms:
                self._breach(Breach.STALE, found.call_id)
        if call.decision_id is None:
            call.decision_id, call.digest = found.decision_id, digest
            if call.came_ms is not None:
                self.answer_ms[max(0, min(waited_ms, SLOWEST_MS))] += 1
            return
        self.counts["repeats"] += 1
        if call.decision_id != found.decision_id:
            self._breach(Breach.TWO_IDS, found.call_id)
        elif call.digest and digest and call.digest != digest:
            self._breach(Breach.CHANGED, found.call_id)
        call.digest = call.digest or digest

    def forget(self, before_ms: int) -> None:
        """Forget the calls that came before an instant and were decided since; those without a decision stay."""
        while self._calls:
            key, call = next(iter(self._calls.items()))
            if max(call.came_ms or 0, call.last_ms) >= before_ms:
                return
            del self._calls[key]
            if call.came_ms is None:
                self._unknown(call.call_id)
            elif call.decision_id is None and call.place not in self._refused:
                self._open[key] = call
                self._bound(self._open)

    def conclude(self) -> None:
        """Nothing more will come: judge what is left. Where calls were given up, a decision may be on one of those."""
        for calls in (self._open, self._calls):
            for call in calls.values():
                if call.came_ms is None:
                    self._unknown(call.call_id)
                elif call.decision_id is None and call.is_judged and call.place not in self._refused:
                    self._breach(Breach.UNDECIDED, call.call_id)
            calls.clear()

    def percentile_ms(self, percent: float) -> int | None:
        """Within how many milliseconds so many of a hundred calls were answered; None without any."""
        left = sum(self.answer_ms.values()) * percent / 100
        for ms in sorted(self.answer_ms):
            left -= self.answer_ms[ms]
            if left <= 0:
                return ms
        return None

    def _call(self, call_id: str, *others: str | int) -> _Call:
        """Find a call, or open its account, by all that a worker tells calls apart by."""
        joined = "\x1f".join(map(str, (call_id, *others))).encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(joined, digest_size=KEY_BYTES).digest()
        call = self._calls.get(key) or self._open.get(key)
        if call is None:
            call = self._calls[key] = _Call(call_id)
            self._bound(self._calls)
        return call

    def _bound(self, calls: OrderedDict[bytes, _Call]) -> None:
        if len(calls) > self.most:
            calls.popitem(last=False)
            self.counts["given_up"] += 1

    def _unknown(self, call_id: str) -> None:
        """Note a decision on a call that is not known; whether one that was given up was its own nobody can tell."""
        if not self.counts["given_up"]:
            self._breach(Breach.UNKNOWN, call_id)

    def _breach(self, kind: Breach, example: str) -> None:
        self.breaches[kind] += 1
        shown = self.examples.setdefault(kind, [])
        if len(shown) < EXAMPLES:
            shown.append(example)


def _substance(found: Decision) -> bytes:
    """What must not change: action, label, SIP answer and step, whatever the mode."""
    action = found.would_be or found.action
    said = msgspec.json.encode([action, found.decided_by, found.label, found.sip])
    return hashlib.blake2b(said, digest_size=8).digest()


def problem_of(found: Decision) -> str:
    """What in a decision breaks the contract, in words; empty where nothing does."""
    sip, is_shadow = found.sip, found.mode is Mode.SHADOW
    header = None if sip is None else sip.reason_header
    checks = {
        "its id is not 1 to 64 of A-Z a-z 0-9 _ -": IDENTIFIER.fullmatch(found.decision_id) is None,
        "in shadow it says something else than allow": is_shadow and found.action is not Action.ALLOW,
        "would_be stands in enforce, or does not in shadow": is_shadow == (found.would_be is None),
        "a block without a SIP answer, or an answer without a block": (found.action is Action.BLOCK) == (sip is None),
        "a label without a text": found.action is Action.LABEL and found.label is None,
        "its label has more than 15 characters": found.label is not None and len(found.label.text) > DISPLAY_LIMIT,
        "it is answered 604 or 608": sip is not None and sip.status in NEVER,
        "it is answered 607, and no subscriber asked for that": sip is not None
        and sip.status == UNWANTED_STATUS
        and (found.decided_by is not Step.ENTITY_BLOCK or header is not None),
        "it is analytics without 603+": sip is not None and header is None and found.decided_by in BY_ANALYTICS,
        "it is do-not-originate with a Reason header": header is not None and found.decided_by is Step.DNO,
        "its 603+ is not v=analytics1 with its own id": header is not None
        and not (header.startswith(ANALYTICS) and f'id={found.decision_id}"' in header),
    }
    return next((words for words, is_broken in checks.items() if is_broken), "")
