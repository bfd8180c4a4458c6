"""Training data without a broker or a file: generated traffic through the window engine that serves.

Four exchanges of different size, so that the model learns shapes and not one carrier's call rates: one that is watched
for the whole time, through a night, and three busier ones that are watched for minutes from a cold start, as after a
restart. All are cut at the same instants.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from detector.columns.call_columns import build_batch
from detector.contract.events import CallEnd, CallEvent, CallSetup
from detector.features.schemas import F2, Schema
from detector.windows import WindowEngine, WindowSettings
from models.data.dataset import Dataset, assemble
from models.traffic.authors import Slice, Traffic, slices
from models.traffic.batches import batches
from models.traffic.first.spec import TrafficSpec
from models.traffic.span import HOUR_MS
from models.traffic.truth import Truth

TRAINING_WINDOWS = WindowSettings(
    max_hot_numbers=131_072,
    max_cold_numbers=2_097_152,
    max_trunks=4_096,
    max_blocks=32_768,
    max_origins=4_096,
    max_called=131_072,
    seed=1,
    partitions=1,
    shared_trunks=True,
)
"""Room for every key of the generated traffic. The shipped model was trained with these: other ones give other rows."""
BATCH_EVENTS = 512
TRAIN_SHARE = 0.8
CALIBRATION_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class BusyExchange:
    """An exchange that is watched for short spans.

    Attributes:
        times_busier: Calls a second, as a multiple of the exchange that is watched for the whole time.
        span: Length of a span, a share of the whole time.
        learn: Starts of the spans to learn from, shares of the whole time.
        calibrate: Of those to calibrate on.
        judge: Of those to judge by.
    """

    times_busier: float
    span: float
    learn: tuple[float, ...]
    calibrate: tuple[float, ...]
    judge: tuple[float, ...]


BUSY_EXCHANGES = (
    BusyExchange(10.0, 1 / 180, tuple(0.05 + 0.08 * part for part in range(9)), (0.82, 0.86), (0.92, 0.96)),
    BusyExchange(40.0, 1 / 900, tuple(0.07 + 0.05 * part for part in range(14)), (0.84, 0.87), (0.93, 0.97)),
    BusyExchange(100.0, 1 / 1800, tuple(0.06 + 0.08 * part for part in range(9)), (0.85, 0.88), (0.94, 0.98)),
)
"""Many short spans rather than few long ones: each has campaigns of its own, and those are what there is to learn."""


def plan(hours: float, seed: int, calls_per_second: float) -> list[TrafficSpec]:
    """The spans of traffic to train on, in no order; every exchange has its own seed, so its own subscribers.

    Args:
        hours: Length of the whole time, above 0.
        seed: Of the exchange that is watched for the whole time; the busier ones have those behind it.
        calls_per_second: Mean rate of lawful calls of that exchange, above 0.

    Raises:
        ValueError: A figure is out of its bounds (`TrafficSpec`).
    """
    long = TrafficSpec(hours=hours, seed=seed, calls_per_second=calls_per_second)
    spans = [long]
    for number, exchange in enumerate(BUSY_EXCHANGES, start=1):
        spans += [
            TrafficSpec(
                start_ms=long.start_ms + round(start * hours * HOUR_MS),
                hours=exchange.span * hours,
                seed=seed + number,
                calls_per_second=calls_per_second * exchange.times_busier,
                rhythm=False,
                warm=True,
            )
            for start in (*exchange.learn, *exchange.calibrate, *exchange.judge)
        ]
    return spans


def from_traffic(
    specs: Sequence[Traffic],
    progress: Callable[[int], None],
    *,
    partitions: Sequence[int] = (1,),
    schema: Schema = F2,
    told: Callable[[Traffic], Iterable[Slice]] = slices,
) -> Dataset:
    """Generate spans of traffic and compute the features of their calls as workers would, each from a cold start.

    It blocks for processor time alone, on one core, that grows with the events; the first call of a process also loads
    or compiles the windows. All judged calls are held.

    Args:
        specs: The traffic, of any author; campaigns of different spans count as different, and their calls from the
            first, which may be in the history.
        progress: Told the number of events so far, after each slice of traffic.
        partitions: Partitions that the windows of a span are counted in, one figure after the other in turn; at least
            one.
        schema: The feature table.
        told: Gives the traffic of a span, in slices.

    Raises:
        ValueError: No call is set up from the `judged_ms` of its span on.
    """
    calls = _Calls()
    turns = [partitions[number % len(partitions)] for number in range(len(specs))]
    for number, (spec, counted_in) in enumerate(zip(specs, turns, strict=True)):
        engine = WindowEngine(replace(TRAINING_WINDOWS, partitions=counted_in))
        engine.use(schema)
        for events, truths in told(spec):
            calls.add(events, truths, engine, f"span{number}-", spec.judged_ms)
            progress(calls.n_events)
    rows, times_ms = np.concatenate(calls.rows), np.array(calls.times_ms, np.int64)
    data = assemble(schema.names, rows, times_ms, calls.numbers, calls.truths, calls.placed_before)
    return replace(data, counted_in=tuple(sorted(set(turns))))


@dataclass(slots=True)
class _Calls:
    """What has been generated so far; of campaigns also how many calls they placed in the history."""

    rows: list[NDArray[np.float32]] = field(default_factory=list)
    times_ms: list[int] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    placed_before: Counter[str] = field(default_factory=Counter)
    n_events: int = 0

    def add(
        self, events: list[CallEvent], truths: list[Truth], engine: WindowEngine, prefix: str, judged_ms: int
    ) -> None:
        """Run one slice through the windows and keep its calls from `judged_ms` on.

        `prefix` keeps campaigns of different spans apart.
        """
        setups = [event for event in events if isinstance(event, CallSetup)]
        first = sum(setup.setup_time_ms < judged_ms for setup in setups)
        self.placed_before.update(prefix + truth.campaign for truth in truths[:first] if truth.campaign)
        for truth in truths[first:]:
            self.truths.append(replace(truth, campaign=prefix + truth.campaign if truth.campaign else ""))
        rows = []
        for batch in batches(events, BATCH_EVENTS):
            is_setup = [isinstance(event, CallSetup) for event in batch]
            columns = build_batch(
                batch, is_setup, _homes(batch, engine.settings.partitions), seed=TRAINING_WINDOWS.seed
            )
            if first < len(setups):
                rows.append(engine.update(columns).copy())
            else:
                engine.count(columns)
        if rows:
            self.rows.append(np.concatenate(rows)[first:])
        self.times_ms += [setup.setup_time_ms for setup in setups[first:]]
        self.numbers += [setup.calling_number for setup in setups[first:]]
        self.n_events += len(events)


def _homes(events: Sequence[CallSetup | CallEnd], partitions: int) -> list[int]:
    """Partition of each event: one for all events of a calling number, as its key says where they are published."""
    return [zlib.crc32(event.calling_number.encode()) % partitions for event in events]
