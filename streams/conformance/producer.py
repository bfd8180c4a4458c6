"""The producer's cases: judges what a switch published, record by record, without asking anybody."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from detector.columns.decision_ids import decision_id
from detector.contract.events import CallEnd, CallSetup, Treatment
from streams.conformance.cases import PRODUCER, Verdict
from streams.conformance.listening import Heard
from streams.kafka.partitioner import partitions_of
from streams.wire.reading import read
from streams.wire.record_columns import records_of
from streams.wire.records import SetupRecord, decode_event

CLOCK_MS = 1_000
CANCELLED = 487
NANP_DIGITS = (10, 11)
ACTED_ON = (Treatment.ALLOW, Treatment.LABEL, Treatment.BLOCK)


@dataclass(frozen=True, slots=True)
class Event:
    """A record that keeps the contract."""

    heard: Heard
    event: CallSetup | CallEnd
    written_number: str
    """The calling number as the switch wrote it."""


@dataclass(slots=True)
class Traffic:
    """What a switch published, in order of each partition.

    Args:
        partitions: of the topic.
        switch_id: only events of this switch are judged, and records that name none; None: all.
        calls_last_ms: a call whose set-up is older than this at the end should have ended.
    """

    partitions: int
    switch_id: str | None = None
    calls_last_ms: int = 60_000
    heard: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    setups: list[Event] = field(default_factory=list)
    ends: list[Event] = field(default_factory=list)
    last_ms: int = 0
    """When the last record arrived, or listening ended."""

    def add(self, records: Sequence[Heard], now_ms: int) -> None:
        """Take what was heard; `now_ms` is the present, epoch milliseconds."""
        self.last_ms = now_ms
        found = read(records_of([record.value for record in records]))
        self.heard += len(records)
        self.refused.update(str(one.code) for one in found.rejected)
        for position, event in zip(found.positions.tolist(), found.events, strict=True):
            if self.switch_id is None or event.switch_id in {None, self.switch_id}:
                kept = self.setups if isinstance(event, SetupRecord) else self.ends
                written = decode_event(records[position].value or b"").calling_number
                kept.append(Event(records[position], event, written))

    @property
    def events(self) -> list[Event]:
        """Set-ups, then ends."""
        return self.setups + self.ends

    def pairs(self) -> Iterator[tuple[Event, Event]]:
        """Each end with the set-up of its call; ends of calls that began before are left out."""
        setups = {one.event.call_id: one for one in reversed(self.setups)}
        for end in self.ends:
            if end.event.call_id in setups:
                yield setups[end.event.call_id], end


def judge(traffic: Traffic) -> Iterator[Verdict]:
    """Give a verdict on each case, in order.

    It takes processor time, neither blocks nor raises, and leaves the traffic as it is. A case of which nothing came
    is not judged.
    """
    for one, check in zip(PRODUCER, _CHECKS, strict=True):
        yield Verdict(one, *check(traffic))


Judged = tuple[str, bool | None]
NO_RECORD: Judged = ("no record came", None)
NO_SETUP: Judged = ("no set-up came", None)
NO_END: Judged = ("no end came with its set-up", None)


def _share(wrong: int, total: int, what: str, advice: str = "") -> Judged:
    """Say how many are wrong, and what to do then."""
    hint = f": {advice}" if wrong and advice else ""
    return f"{wrong:,} of {total:,} {what}{hint}", not wrong


def _of(event: Event) -> Any:
    """Its fields: whoever asks knows whether it is a set-up or an end."""
    return event.event


def _readable(traffic: Traffic) -> Judged:
    if not traffic.heard:
        return NO_RECORD
    codes = ", ".join(f"{code} {count:,}" for code, count in traffic.refused.most_common())
    return _share(traffic.refused.total(), traffic.heard, "records refused", codes)


def _keyed(traffic: Traffic) -> Judged:
    events = traffic.events
    wrong = sum(one.heard.key != one.written_number.encode() for one in events)
    return _share(wrong, len(events), "keys differ from calling_number") if events else NO_RECORD


def _placed(traffic: Traffic) -> Judged:
    keyed = [(one.heard.key, one.heard.partition) for one in traffic.events if one.heard.key is not None]
    if not keyed:
        return "no record with a key came", None
    keys = [key for key, _ in keyed]
    expected = partitions_of(keys, traffic.partitions)
    wrong = sum(place != partition for place, (_, partition) in zip(expected, keyed, strict=True))
    is_librdkafka = all(zlib.crc32(key) % traffic.partitions == partition for key, partition in keyed)
    advice = "they are librdkafka's default, set partitioner=murmur2" if is_librdkafka else "set partitioner=murmur2"
    return _share(wrong, len(keyed), "records on another partition", advice)


def _idempotent(traffic: Traffic) -> Judged:
    events = traffic.events
    wrong = sum(not one.heard.is_idempotent for one in events)
    advice = "set enable.idempotence=true and acks=all"
    return _share(wrong, len(events), "records without a producer id", advice) if events else NO_RECORD


def _in_e164(traffic: Traffic) -> Judged:
    def is_local(number: str) -> bool:
        return number.isdigit() and len(number) in NANP_DIGITS

    events = traffic.events
    wrong = sum(is_local(one.written_number) or is_local(one.event.called_number) for one in events)
    return _share(wrong, len(events), "events with a number without +", "write +1") if events else NO_RECORD


def _with_switch(traffic: Traffic) -> Judged:
    wrong = sum(not one.event.switch_id for one in traffic.setups)
    return _share(wrong, len(traffic.setups), "set-ups without switch_id") if traffic.setups else NO_SETUP


def _one_setup(traffic: Traffic) -> Judged:
    seen: dict[str, set[bytes | None]] = defaultdict(set)
    for one in traffic.setups:
        seen[one.event.call_id].add(one.heard.value)  # the same bytes are a repeat by the client, and do no harm
    wrong = sum(len(values) > 1 for values in seen.values())
    return _share(wrong, len(seen), "calls with several set-ups") if seen else NO_SETUP


def _on_time(traffic: Traffic) -> Judged:
    behind = [one.heard.arrived_ms - _of(one).setup_time_ms for one in traffic.setups if one.heard.arrived_ms]
    if not behind:
        return "no set-up with the broker's time: does the topic have LogAppendTime?", None
    middle = round(median(behind))
    return f"set-ups arrive {middle:,} ms after setup_time_ms, in the middle", -CLOCK_MS <= middle <= CLOCK_MS


def _ends_come(traffic: Traffic) -> Judged:
    ended = {one.event.call_id for one in traffic.ends}
    due = {
        one.event.call_id
        for one in traffic.setups
        if traffic.last_ms - (one.heard.arrived_ms or _of(one).setup_time_ms) >= traffic.calls_last_ms
    }
    if not due:
        return f"no set-up is {traffic.calls_last_ms / 1e3:g} s old: listen longer, or see --calls-last", None
    return _share(len(due - ended), len(due), "calls without an end")


def _of_pairs(is_wrong: Callable[[Event, Event], object], what: str) -> Callable[[Traffic], Judged]:
    """A check of each end beside its set-up."""

    def check(traffic: Traffic) -> Judged:
        pairs = list(traffic.pairs())
        wrong = sum(bool(is_wrong(setup, end)) for setup, end in pairs)
        return _share(wrong, len(pairs), what) if pairs else NO_END

    return check


def _is_out_of_order(setup: Event, end: Event) -> bool:
    same = setup.heard.partition == end.heard.partition
    return not same or setup.heard.key != end.heard.key or setup.heard.offset > end.heard.offset


def _differs(setup: Event, end: Event) -> bool:
    names = ("calling_number", "called_number", "trunk_group_id")
    return any(getattr(setup.event, name) != getattr(end.event, name) for name in names)


def _times(_: Event, end: Event) -> bool:
    times = [_of(end).setup_time_ms, _of(end).answer_time_ms, _of(end).end_time_ms]
    known = [time_ms for time_ms in times if time_ms is not None]
    return known != sorted(known)


def _says_nothing(_: Event, end: Event) -> bool:
    """Except for a call that its caller cancelled before anything was done with it."""
    return _of(end).treatment is None and _of(end).sip_status != CANCELLED


def _names_another(setup: Event, end: Event) -> bool:
    """Acted on one that is not this call's, or on none, or says so of a call on which it acted on none."""
    named, treatment = _of(end).decision_id, _of(end).treatment
    return named != decision_id(_of(setup)) if treatment in ACTED_ON else named is not None


_CHECKS: tuple[Callable[[Traffic], Judged], ...] = (
    _readable,
    _keyed,
    _placed,
    _idempotent,
    _in_e164,
    _with_switch,
    _one_setup,
    _on_time,
    _ends_come,
    _of_pairs(_is_out_of_order, "ends before their set-up, or elsewhere"),
    _of_pairs(
        lambda setup, end: _of(end).setup_time_ms not in {None, _of(setup).setup_time_ms}, "ends with another time"
    ),
    _of_pairs(_differs, "ends with other numbers or another trunk group"),
    _of_pairs(_times, "ends with times out of order"),
    _of_pairs(_says_nothing, "ends without treatment"),
    _of_pairs(_names_another, "ends with another decision_id, or none"),
    _of_pairs(
        lambda _, end: _of(end).treatment == Treatment.BLOCK and _of(end).answer_time_ms is not None,
        "blocked calls with an answer",
    ),
)
