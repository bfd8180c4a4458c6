"""The fourth author's traffic as a stream of events, with what a carrier hears about its calls."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detector.contract.events import CallEvent, Feedback
from models.traffic.fourth.arrays import Ints, draws
from models.traffic.fourth.calls import Calls, join
from models.traffic.fourth.carrier import Carrier
from models.traffic.fourth.events import Teller
from models.traffic.fourth.feedback import Witnesses
from models.traffic.span import DEFAULT_START_MS, HOUR_MS, after_hours
from models.traffic.truth import Truth

HISTORY_HOURS = 24.0
LEAST_SHARE, MOST_SHARE = 0.01, 0.1
_BUSY = 1.5  # calls of a judged hour over those of a mean one: spans are judged by day
_JUDGED_HOURS = (3.0, 10.0)
_PART = 16_384  # events


@dataclass(frozen=True, slots=True)
class FourthTraffic:
    """What to generate of the fourth author's traffic.

    Attributes:
        seed: at least 0; all else about the carrier and its calls follows from it.
        start_ms: first instant, epoch milliseconds UTC. An hour is the same in whatever span it is.
        hours: length of the span.
        history_hours: the first part of the span only fills windows; its calls are neither learnt nor judged.
        calls_per_second: mean rate of all calls on a usual weekday, about.
        robocall_share: share of robocalls among them, about.
        new_kinds_ms: instant before which some kinds of campaign are held back; None is the end of the history.

    Raises:
        ValueError: the history leaves no calls to judge.
    """

    seed: int = 1
    start_ms: int = DEFAULT_START_MS
    hours: float = HISTORY_HOURS + 4.0
    history_hours: float = HISTORY_HOURS
    calls_per_second: float = 4.0
    robocall_share: float = 0.05
    new_kinds_ms: int | None = None

    def __post_init__(self) -> None:
        """Refuse a span without calls to judge."""
        if not 0.0 <= self.history_hours < self.hours:
            raise ValueError(f"history_hours is {self.history_hours}: it has to be below the {self.hours} hours in all")

    @property
    def judged_ms(self) -> int:
        """First instant whose calls are learnt or judged."""
        return after_hours(self.start_ms, self.history_hours)

    @property
    def end_ms(self) -> int:
        """The instant before which calls are set up; they end later."""
        return after_hours(self.start_ms, self.hours)

    def carrier(self) -> Carrier:
        """Draw the carrier."""
        new_kinds_ms = self.judged_ms if self.new_kinds_ms is None else self.new_kinds_ms
        return Carrier(self.seed, self.calls_per_second, self.robocall_share, new_kinds_ms)


@dataclass(frozen=True, slots=True)
class Told:
    """A part of the traffic.

    Attributes:
        events: in order of time, each with what its call was; calls end when they end.
        feedback: what was said since the part before, in order of time.
        until_ms: how far the traffic is told.
    """

    events: list[tuple[CallEvent, Truth]]
    feedback: list[Feedback]
    until_ms: int


def drawn_share(seed: int) -> float:
    """The share of robocalls that a carrier has, from 1 to 10 %."""
    return float(np.exp(draws(seed, "base rate").uniform(np.log(LEAST_SHARE), np.log(MOST_SHARE))))


def drawn(seed: int, *, start_ms: int, calls: int) -> FourthTraffic:
    """Draw a carrier, with a day of history.

    Args:
        seed: Of the draws and of the traffic.
        start_ms: First instant of its traffic, epoch milliseconds.
        calls: How many calls are judged, about.
    """
    hours = draws(seed, "span").uniform(*_JUDGED_HOURS)
    return FourthTraffic(
        seed=seed,
        start_ms=start_ms,
        hours=HISTORY_HOURS + hours,
        calls_per_second=calls / (hours * HOUR_MS / 1_000) / _BUSY,
        robocall_share=drawn_share(seed),
    )


def generate(spec: FourthTraffic) -> Iterator[tuple[CallEvent, Truth]]:
    """Events in order of their time, a call's end when it ends, each with what the call was.

    It takes processor time alone, and holds the columns of an hour and of the calls that have not ended. The same
    description always gives the same events.
    """
    for part in told(spec):
        yield from part.events


def told(spec: FourthTraffic) -> Iterator[Told]:
    """The traffic of `generate` in parts, with what is said about it until the span ends.

    Of calls that were set up before the span nothing is said in it.
    """
    carrier = spec.carrier()
    teller, witnesses = Teller(carrier.world), Witnesses(carrier.world)
    going_on: Calls | None = None
    first, stop = spec.start_ms // HOUR_MS, -(-spec.end_ms // HOUR_MS)
    for hour in range(first, stop):
        calls = carrier.calls(hour)
        setup_ms = calls.attempts.setup_ms
        calls = calls.take((setup_ms >= spec.start_ms) & (setup_ms < spec.end_ms))
        witnesses.hear(calls, hour)
        until_ms = min((hour + 1) * HOUR_MS, spec.end_ms)
        every = calls if going_on is None else join(going_on, calls)
        has_ended = every.end_ms < until_ms if hour < stop - 1 else np.ones(len(every), dtype=bool)
        yield from _parts(teller, every, np.arange(len(every) - len(calls), len(every)), np.flatnonzero(has_ended))
        yield Told([], witnesses.said_until(until_ms), until_ms)
        going_on = every.take(~has_ended)


def _parts(teller: Teller, calls: Calls, begun: Ints, ended: Ints) -> Iterator[Told]:
    """Set-ups of some calls and ends of others, in order of time."""
    times = np.concatenate([calls.attempts.setup_ms[begun], calls.end_ms[ended]])
    order = np.argsort(times, kind="stable")
    places, is_end = np.concatenate([begun, ended])[order], order >= len(begun)
    for start in range(0, len(order), _PART):
        part = slice(start, start + _PART)
        events = teller.events(calls.take(places[part]), is_end[part])
        yield Told(events, [], int(times[order[part][-1]]))
