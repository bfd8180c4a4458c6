"""Traffic generated slice by slice: bounded memory, events in time order, reproducible from its specification alone."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from detector.contract.events import CallEvent, CallSetup
from models.traffic.first.actors import Actors, build_network
from models.traffic.first.crowds import LawfulMix, inbound_numbers, lawful_crowds, office_numbers
from models.traffic.first.outcomes import Calls, resolve
from models.traffic.first.plan import HourPlanner
from models.traffic.first.population import build_population
from models.traffic.first.rhythm import OFFICE_HOURS, PERSON_HOURS, Rhythm
from models.traffic.first.slices import LabelRow, TrafficSlice
from models.traffic.first.sources import Job, Persons, Source
from models.traffic.first.spec import TrafficSpec
from models.traffic.kinds import CAMPAIGN_KINDS
from models.traffic.span import HOUR_MS

_LIVE_SLICE_MS = 250
_WARM_UP_MS = 360_000
_LONGEST_JOB_HOURS = 3
_WARM_UP_SLICE_MS = 10_000
_LIVE_HOURS = 24.0 * 30


class _Generator:
    """Draws the slices of one span. Holds the calls that have not ended and the jobs that are running."""

    def __init__(self, spec: TrafficSpec) -> None:
        self._spec = spec
        self._rng = np.random.default_rng([spec.seed, 4, spec.start_ms // 1_000])
        population = build_population(spec)
        self._network = build_network(spec)
        self._actors = Actors(np.random.default_rng([spec.seed, 5]), spec.trunks, spec.world)
        mix = LawfulMix.of(spec.world)
        self._crowds: list[Source] = lawful_crowds(spec, mix, population, self._actors)
        inbound, offices = inbound_numbers(self._crowds), office_numbers(self._crowds)
        self._planner = HourPlanner(spec, mix, population, self._actors, inbound, offices)
        self._jobs: list[Job] = []
        self._open = Calls.empty()
        self._serial = 0
        # Spans of one seed may be joined, so their call ids have to differ too.
        self._first_id = int(np.random.default_rng([spec.seed, 6, spec.start_ms // 1_000]).integers(0, 1 << 62))
        self._person = Rhythm(PERSON_HOURS, spec)
        self._office = Rhythm(OFFICE_HOURS, spec, shift_h=spec.world.value("office_shift_h"))

    def slices(self) -> Iterator[TrafficSlice]:
        """Yield the slices of the span, and at the end one with the ends of the calls that outlast it."""
        spec = self._spec
        if spec.warm:
            self._warm_up()
        planned_ms = start = spec.start_ms
        while start < spec.end_ms:
            if start >= planned_ms:
                self._plan(planned_ms)
                planned_ms += HOUR_MS
            end = min(spec.slice_end_ms(start), spec.end_ms, planned_ms)
            yield self._slice(start, end)
            start = end
        yield self._merged(Calls.empty(), int(self._open.end_ms.max(initial=start)) + 1)

    def _warm_up(self) -> None:
        """Draw the minutes before the span and keep what is still going on at its start."""
        first = self._spec.start_ms
        for hours in range(_LONGEST_JOB_HOURS, 0, -1):
            self._plan(first - hours * HOUR_MS)
        for start in range(first - _WARM_UP_MS, first, _WARM_UP_SLICE_MS):
            self._slice(start, start + _WARM_UP_SLICE_MS)

    def _plan(self, hour_ms: int) -> None:
        self._jobs = [job for job in self._jobs if job.end_ms > hour_ms]
        self._jobs.extend(self._planner.plan(hour_ms, self._office.rate(hour_ms + HOUR_MS // 2)))
        self._columns = self._actors.freeze()

    def _slice(self, start_ms: int, end_ms: int) -> TrafficSlice:
        middle = (start_ms + end_ms) // 2
        office, person = self._office.rate(middle), self._person.rate(middle)
        drafts = []
        for source in (*self._crowds, *self._jobs):
            draft = source.draw(self._rng, start_ms, end_ms, person if isinstance(source, Persons) else office)
            if draft is not None:
                drafts.append(draft)
        calls = resolve(self._rng, self._columns, drafts, self._serial)
        self._serial += len(calls)
        return self._merged(calls, end_ms)

    def _merged(self, calls: Calls, end_ms: int) -> TrafficSlice:
        """Merge new setups with the ends before `end_ms`; the other calls stay open."""
        before = len(self._open)
        calls = Calls.join(self._open, calls)
        setups = np.arange(before, len(calls), dtype=np.int64)
        ended = calls.end_ms < end_ms
        ends = np.flatnonzero(ended)
        self._open = calls.take(~ended)
        rows = np.concatenate([setups, ends])
        is_end = np.arange(len(rows)) >= len(setups)
        times = np.where(is_end, calls.end_ms[rows], calls.setup_ms[rows])
        order = np.lexsort((calls.serial[rows], is_end, times))
        return TrafficSlice(
            calls, rows[order], is_end[order], self._first_id, self._network, self._actors, self._columns
        )


def generate(spec: TrafficSpec) -> Iterator[TrafficSlice]:
    """Generate the traffic of a span in slices, events in time order within and across slices.

    Every setup lies in the span and has exactly one end, which may come after it: the last slice has those ends. It
    takes processor time, and no input or output; held are the calls in progress and the callers, not what was given.
    """
    return _Generator(spec).slices()


def live_spec(
    *,
    events_per_second: float,
    seed: int = 1,
    scenarios: tuple[str, ...] = CAMPAIGN_KINDS,
) -> TrafficSpec:
    """Describe thirty days of traffic at a flat rate with every campaign kind on air nearly always.

    Half of the events are setups. Talk times stay real (a call of six seconds must stay one), so it is not time that is
    compressed: few, large campaigns are running from the start, which shows each within seconds.

    Args:
        events_per_second: Mean rate of setups and ends together, above 0.
        seed: Of everything, at least 0.
        scenarios: Campaign kinds to run.

    Raises:
        ValueError: A figure is out of its bounds.
    """
    default = TrafficSpec()
    return replace(
        default,
        hours=_LIVE_HOURS,
        seed=seed,
        calls_per_second=events_per_second / 2 * (1 - default.robocall_share),
        scenarios=scenarios,
        campaigns_per_hour=8.0,
        bursts_per_hour=5.0,
        rhythm=False,
        warm=True,
        slice_ms=_LIVE_SLICE_MS,
    )


def live_events(spec: TrafficSpec, *, first_ms: int) -> Iterator[tuple[float, CallEvent, LabelRow | None]]:
    """Yield (seconds after the first instant, event, truth of a setup) of a `live_spec`, in time order.

    Whoever sends waits between events; each quarter of a second of traffic is drawn when it is asked for, and the
    minutes before the first instant with the first event.

    The stream starts with ends of calls whose setup nobody saw, as on a real switch. A sender that keeps the offsets
    needs no other time stamps. The rate is a mean: lawful bursts, each many calls a second, come and go.

    Args:
        spec: What to generate; its `start_ms` gives way to `first_ms`.
        first_ms: Event time of the first instant, epoch milliseconds UTC: the wall clock when sending starts.
    """
    for part in generate(replace(spec, start_ms=first_ms)):
        truths = iter(part.truths())
        for time_ms, event in zip(part.times_ms().tolist(), part.events(), strict=True):
            truth = next(truths) if isinstance(event, CallSetup) else None
            yield (time_ms - first_ms) / 1_000, event, truth
