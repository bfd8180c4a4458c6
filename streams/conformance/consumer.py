"""The consumer's cases: plays the detector for calls from reserved numbers, and judges what the switch did with them.

The last two digits of the calling number, +1 NPA 555 0101 to 0113, name the case. Other calls are not answered.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from detector.columns.decision_ids import decision_id
from detector.contract.decisions import (
    PLAIN_ALLOW,
    Action,
    Label,
    Mode,
    Outcome,
    Reason,
    SipAnswer,
    Step,
    Versions,
    decide,
)
from detector.contract.events import CallEnd, CallSetup, Treatment
from detector.contract.sip import Location, Redress, analytics_block
from streams.conformance.calls import RESERVED
from streams.conformance.cases import CONSUMER, Verdict
from streams.conformance.line import Got, Line
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CALL_DECISIONS
from streams.wire.records import DecisionRecord, EndRecord, SetupRecord, decode_event, encode
from streams.wire.repairs import repair

LATE_S = 3.0
"""Longer than the timer of any switch."""
WHY = (Reason("conformance", "A case of the conformance kit"),)
VERSIONS = Versions("conformance", "conformance", "conformance")
NOT_FOUND = SipAnswer(404, "Not Found", None)
LABEL = Outcome(Action.LABEL, Step.RULE, WHY, Label("Maybe automated", "conformance", "Possible automated call"))
PLAIN_BLOCK = Outcome(Action.BLOCK, Step.DNO, WHY, sip=NOT_FOUND)
ROUTED = frozenset({Treatment.ALLOW, Treatment.LABEL, Treatment.TIMEOUT})
BLOCKED_STATUS = 603


@dataclass(frozen=True, slots=True)
class Sent:
    """A record to publish on `call-decisions`, so many seconds after the set-up."""

    after_s: float
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Script:
    """What the detector says in a case, and what the end of the call must say then.

    Attributes:
        plan: makes the records of a set-up.
        treatments: one of these is right.
        status: the final SIP status, where it is known.
    """

    plan: Callable[[CallSetup, int], Sequence[Sent]]
    treatments: frozenset[Treatment]
    status: int | None = None


def _value(setup: CallSetup, outcome: Outcome = PLAIN_ALLOW, mode: Mode = Mode.ENFORCE) -> bytes:
    record = decide(setup, decision_id(setup), outcome, None, mode, setup.setup_time_ms, VERSIONS, DecisionRecord)
    return encode(record)


def _block(setup: CallSetup) -> Outcome:
    redress = Redress(url="https://redress.invalid/")
    return Outcome(
        Action.BLOCK, Step.MODEL, WHY, sip=analytics_block(redress, Location.TERMINATING, decision_id(setup))
    )


def _key(setup: CallSetup) -> str:
    return setup.switch_id or setup.call_id


def _says(*outcomes: Callable[[CallSetup], bytes], after_s: float = 0.0) -> Callable[[CallSetup, int], Sequence[Sent]]:
    return lambda setup, _: [Sent(after_s, _key(setup), make(setup)) for make in outcomes]


def _allow(setup: CallSetup) -> bytes:
    return _value(setup)


def _changed(value: bytes, **fields: Any) -> bytes:
    return json.dumps(json.loads(value) | fields, separators=(",", ":")).encode()


def _other_switch(setup: CallSetup, partitions: int) -> Sequence[Sent]:
    """A block under a key of another switch that shares the partition, then the decision itself."""
    (own,) = partitions_of([_key(setup).encode()], partitions)
    keys = (f"another-switch-{number}" for number in range(100 * partitions))
    other = next(key for key in keys if partitions_of([key.encode()], partitions) == [own])
    blocked = _changed(_value(setup, _block(setup)), switch_id=other)
    return [Sent(0.0, other, blocked), Sent(0.0, _key(setup), _value(setup))]


ONLY_ALLOW, ONLY_BLOCK = frozenset({Treatment.ALLOW}), frozenset({Treatment.BLOCK})
ONLY_TIMEOUT = frozenset({Treatment.TIMEOUT})
SCRIPTS: tuple[Script, ...] = (
    Script(_says(_allow), ONLY_ALLOW),
    Script(_says(lambda s: _value(s, LABEL)), frozenset({Treatment.LABEL})),
    Script(_says(lambda s: _value(s, _block(s))), ONLY_BLOCK, BLOCKED_STATUS),
    Script(_says(lambda s: _value(s, PLAIN_BLOCK)), ONLY_BLOCK, NOT_FOUND.status),
    Script(_says(), ONLY_TIMEOUT),
    Script(_says(lambda s: _value(s, _block(s)), after_s=LATE_S), ONLY_TIMEOUT),
    Script(_says(_allow, _allow), ONLY_ALLOW),
    Script(_says(_allow, lambda s: _value(s, _block(s))), ONLY_ALLOW),
    Script(_says(lambda s: _changed(_value(s), action="challenge")), ROUTED),
    Script(_says(lambda _: b'{"call_id":', _allow), ONLY_ALLOW),
    Script(_other_switch, ONLY_ALLOW),
    Script(_says(lambda s: _value(s, _block(s), Mode.SHADOW)), ONLY_ALLOW),
    Script(_says(lambda s: _changed(_value(s), weather={"rain": True})), ONLY_ALLOW),
)
"""In the order of `CONSUMER`: case C07 is that of calls from +1 NPA 555 0107."""


@dataclass(slots=True)
class ConsumerCheck:
    """Plays the detector.

    Args:
        line: reads `call-events`, and keeps what `is_test_call` lets pass.
        switch_id: only calls of this switch are answered; None: of every switch.
    """

    line: Line
    switch_id: str | None = None
    setups: dict[str, tuple[int, CallSetup]] = field(default_factory=dict)
    """Case, counted from 0, and set-up by call id."""
    ends: dict[str, list[CallEnd]] = field(default_factory=dict)
    _publishing: set["asyncio.Task[None]"] = field(default_factory=set)
    _read: int = 0

    async def run(self, seconds: float, tell: Callable[[str], object]) -> None:
        """Answer calls for so long, or until every case has ended.

        Args:
            seconds: at most.
            tell: is told how far it is.
        """
        partitions = await self.line.partitions(CALL_DECISIONS)

        def is_done() -> bool:
            for got in self.line.got[self._read :]:
                self._take(got, partitions)
            if self._read != len(self.line.got):
                self._read = len(self.line.got)
                tell(f"{len(self.setups)} calls, {len(self.ends)} ended, of {len(SCRIPTS)} cases")
            cases = {number for number, setup in self.setups.values() if setup.call_id in self.ends}
            return len(cases) == len(SCRIPTS) and not self._publishing

        try:
            await self.line.until(is_done, seconds)
        finally:
            for task in self._publishing:
                task.cancel()
            await asyncio.gather(*self._publishing, return_exceptions=True)

    def _take(self, got: Got, partitions: int) -> None:
        try:
            event = repair(decode_event(got.value))
        except ValueError:
            return  # what is wrong with it is the producer's case
        number = _case_of(event.calling_number)
        if number is None or (self.switch_id is not None and event.switch_id != self.switch_id):
            return
        if isinstance(event, EndRecord):
            self.ends.setdefault(event.call_id, []).append(event)
        elif isinstance(event, SetupRecord) and event.call_id not in self.setups:
            self.setups[event.call_id] = number, event
            for sent in SCRIPTS[number].plan(event, partitions):
                task = asyncio.create_task(self._publish(sent))
                self._publishing.add(task)
                task.add_done_callback(self._publishing.discard)

    async def _publish(self, sent: Sent) -> None:
        await asyncio.sleep(sent.after_s)
        await self.line.publish(CALL_DECISIONS, sent.key, sent.value)

    def verdicts(self) -> Iterator[Verdict]:
        """Judge what was seen, in order of the cases."""
        for number, one in enumerate(CONSUMER):
            setups = [setup for case, setup in self.setups.values() if case == number]
            yield Verdict(one, *self._judge(number, setups))

    def _judge(self, number: int, setups: Sequence[CallSetup]) -> tuple[str, bool | None]:
        if not setups:
            return f"no call from +1 NPA 555 01{number + 1:02} came", None
        script = SCRIPTS[number]
        wrong = [seen for setup in setups if (seen := self._wrong(script, setup)) is not None]
        if wrong:
            return f"{len(wrong)} of {len(setups)} calls: {wrong[0]}", False
        return f"{len(setups)} calls: {', '.join(sorted({str(self._treatment(setup)) for setup in setups}))}", True

    def _treatment(self, setup: CallSetup) -> Treatment | None:
        return self.ends[setup.call_id][0].treatment

    def _wrong(self, script: Script, setup: CallSetup) -> str | None:
        """What is wrong with a call's end; None where nothing is."""
        ends = self.ends.get(setup.call_id, [])
        if not ends:
            return "no call_end came"
        if len({end.end_time_ms for end in ends}) > 1:
            return f"{len(ends)} ends came"
        (end, *_) = ends
        if end.treatment not in script.treatments:
            return f"treatment {end.treatment or 'missing'}, expected {' or '.join(sorted(script.treatments))}"
        if script.status is not None and end.sip_status != script.status:
            return f"sip_status {end.sip_status}, expected {script.status}"
        named = None if end.treatment is Treatment.TIMEOUT else decision_id(setup)
        if script.treatments is not ROUTED and end.decision_id != named:
            return "decision_id is missing" if end.decision_id is None else "decision_id of another decision"
        return None


def _case_of(calling_number: str) -> int | None:
    """Which case a calling number asks for, counted from 0."""
    found = RESERVED.fullmatch(calling_number)
    number = int(found[1]) - 1 if found else -1
    return number if 0 <= number < len(SCRIPTS) else None


def is_test_call(got: Got) -> bool:
    """Whether a record of `call-events` can be of a test call: its bytes have a reserved number."""
    return b"55501" in got.value.replace(b"-", b"")
