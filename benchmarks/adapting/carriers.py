"""A carrier of one author as files: a span to learn from with what is said of it, and a later one that judges."""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from benchmarks.adapting.hearsay import Hearsay
from benchmarks.adapting.senders import Senders
from detector.contract.events import CallEvent, CallSetup, Feedback
from models.traffic.authors import AUTHORS, Traffic, slices
from models.traffic.first.slices import event_json
from models.traffic.first.spec import TrafficSpec
from models.traffic.first.world import Family, World
from models.traffic.fourth.generate import FourthTraffic, drawn_share, told
from models.traffic.span import DEFAULT_START_MS, HOUR_MS, after_hours
from models.traffic.truth import Truth
from streams.files import open_output
from streams.running.progress import Say
from streams.wire.records import encode

NAMES = ("first", "second", "third", "fourth")
DAY_MS = 24 * HOUR_MS
APART = 7_000_000
"""Added to seeds, so that no carrier is one that the shipped model learnt from."""
Part = tuple[list[CallEvent], list[Truth], list[Feedback]]
"""Events, what each call was that is set up among them, and what was said meanwhile."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which carrier, and how much of it.

    Attributes:
        author: Of `NAMES`.
        seed: Of the carrier.
        hours: Of the span that is learnt from.
        judge_hours: Of the one that judges: its first three only fill windows.
        rate: Calls a second, about.
        gate_hours: Of a span between both in which answers judge, to `--judge-h`; 0: there is none.
        senders: Share of the lawful organisations that are registered, 0 to 1.
        without: Kinds of organisations of which none is registered.
    """

    author: str
    seed: int
    hours: float
    judge_hours: float
    rate: float
    gate_hours: float = 0.0
    senders: float = 0.0
    without: tuple[str, ...] = ()

    @property
    def taught_hours(self) -> float:
        """Of all that `adapt` is given."""
        return self.hours + self.gate_hours


@dataclass(frozen=True, slots=True)
class Carrier:
    """The files, and the truth that only judging knows.

    Attributes:
        learn: Call events.
        feedback: What was said by the end of them.
        judge: Call events of a later span.
        learnt: Truths of the calls of the span learnt from, by call id.
        truths: Of the judging calls, likewise.
        said: Records of feedback.
        senders: Numbers of registered senders, one a line.
        registered: How many of them there are.
    """

    learn: Path
    feedback: Path
    judge: Path
    learnt: dict[str, Truth]
    truths: dict[str, Truth]
    said: int
    senders: Path
    registered: int

    @property
    def known(self) -> frozenset[str]:
        """Campaigns that called in the span learnt from."""
        return frozenset(truth.campaign for truth in self.learnt.values() if truth.is_robocall)

    @property
    def robocalls(self) -> int:
        """Of the calls of the span learnt from."""
        return sum(truth.is_robocall for truth in self.learnt.values())


def written(wanted: Wanted, folder: Path, say: Say) -> Carrier:
    """Generate a carrier into a folder; processor time, about a minute for a million events.

    Args:
        wanted: Which one.
        folder: Of the files.
        say: Told how far it is.

    Raises:
        OSError: the folder cannot be written.
    """
    learn, feedback, judge = (folder / name for name in ("learn.jsonl", "feedback.jsonl", "judge.jsonl"))
    listed, senders = folder / "senders.txt", Senders(wanted.seed, wanted.senders, wanted.without)
    learnt: dict[str, Truth] = {}
    judged: dict[str, Truth] = {}
    said = 0
    with ExitStack() as stack:
        files = [open_output(str(path), stack) for path in (learn, feedback, judge)]
        for is_learning, (events, told_truths, spoken) in _parts(wanted):
            _write(files[0] if is_learning else files[2], events)
            files[1].write(b"".join(encode(one) + b"\n" for one in spoken) if is_learning else b"")
            said += len(spoken) if is_learning else 0
            calls = list(zip((one for one in events if isinstance(one, CallSetup)), told_truths, strict=True))
            (learnt if is_learning else judged).update((setup.call_id, truth) for setup, truth in calls)
            senders.note(calls if is_learning else ())
            say(f"{len(learnt):,} calls to learn from, {len(judged):,} to judge")
    listed.write_text("".join(f"{number}\n" for number in sorted(senders.registered)))
    return Carrier(learn, feedback, judge, learnt, judged, said, listed, len(senders.registered))


def _write(file: BinaryIO, events: list[CallEvent]) -> None:
    file.write(b"".join(event_json(event) + b"\n" for event in events))


def _parts(wanted: Wanted) -> Iterator[tuple[bool, Part]]:
    """Parts of both spans, in order of time; whether a part is learnt from stands before it."""
    if wanted.author == "fourth":
        yield from _fourth(wanted)
        return
    spec = _OTHERS[wanted.author](wanted)
    cut_ms = after_hours(spec.start_ms, wanted.taught_hours)
    hearsay = Hearsay(wanted.seed)
    is_learning = True
    for events, truths in slices(spec):
        here, there = _cut(events, truths, cut_ms)
        hearsay.hear(*here)
        yield True, (*here, [])
        if there[0]:
            if is_learning:
                yield True, ([], [], hearsay.said_until(cut_ms))
            is_learning = False
            yield False, (*there, [])


def _cut(
    events: list[CallEvent], truths: list[Truth], cut_ms: int
) -> tuple[tuple[list[CallEvent], list[Truth]], tuple[list[CallEvent], list[Truth]]]:
    """Events before and from an instant on, each with the truths of the calls that are set up among them."""
    before = [event for event in events if _at_ms(event) < cut_ms]
    setups = sum(isinstance(event, CallSetup) for event in before)
    return (before, truths[:setups]), (events[len(before) :], truths[setups:])


def _at_ms(event: CallEvent) -> int:
    return event.setup_time_ms if isinstance(event, CallSetup) else event.end_time_ms


def _fourth(wanted: Wanted) -> Iterator[tuple[bool, Part]]:
    """Spans from the same hour of the day on, one behind the other: some kinds of campaign begin only in the last."""
    spans = [(True, wanted.hours), (True, wanted.gate_hours), (False, wanted.judge_hours)]
    spans = [one for one in spans if one[1]]
    days = accumulate((math.ceil(hours * HOUR_MS / DAY_MS) for _, hours in spans[:-1]), initial=0)
    begins = [DEFAULT_START_MS + day * DAY_MS for day in days]
    for begin_ms, (is_learning, hours) in zip(begins, spans, strict=True):
        spec = FourthTraffic(
            seed=wanted.seed,
            start_ms=begin_ms,
            hours=hours,
            history_hours=0.0,
            calls_per_second=wanted.rate,
            robocall_share=drawn_share(wanted.seed),
            new_kinds_ms=begins[-1],
        )
        for part in told(spec):
            events = [event for event, _ in part.events]
            truths = [truth for event, truth in part.events if isinstance(event, CallSetup)]
            yield is_learning, (events, truths, part.feedback)


def _first(wanted: Wanted) -> TrafficSpec:
    world = World(Family.TRAINING, APART + wanted.seed)
    return TrafficSpec(
        hours=wanted.taught_hours + wanted.judge_hours,
        seed=APART + wanted.seed,
        calls_per_second=wanted.rate,
        robocall_share=world.value("robocall_share"),
        trunks=world.count("trunks"),
        world=world,
    )


def _drawn(author: str) -> Callable[[Wanted], Traffic]:
    def of(wanted: Wanted) -> Traffic:
        hours = wanted.taught_hours + wanted.judge_hours
        drawn = AUTHORS[author](APART + wanted.seed, start_ms=DEFAULT_START_MS, calls=int(hours * 3_600 * wanted.rate))
        size = {"hours": hours, "history_hours": 0.0, "calls_per_second": wanted.rate}
        return replace(drawn, **size)  # type: ignore[arg-type]

    return of


_OTHERS: dict[str, Callable[[Wanted], Traffic]] = {
    "first": _first, "second": _drawn("second"), "third": _drawn("third"),
}  # fmt: skip
