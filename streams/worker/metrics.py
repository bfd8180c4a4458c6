"""Metrics of one worker in Prometheus text form, in a registry of their own. Fed once a batch, read once a scrape."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client import core as prometheus
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from detector.contract.decisions import Action, Mode, Versions
from streams.metrics import Metric
from streams.redis.trunk_shares import TrunkView
from streams.state.durability import Figures
from streams.wire.repairs import Repair

LATENCY_BUCKETS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0,
)  # fmt: skip
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a scrape reads what is not counted here.

    Attributes:
        lag: unread records by partition of `call-events`.
        held_back: records by partition that wait for the end of a transaction.
        tracked: keys with windows by family.
        evictions: keys pushed out at a memory bound by family, since start.
        trunk_view: what is known of the trunk totals of other workers.
        versions: of model, policy and feature table in use.
        durability: where recovery and snapshots stand.
        leaderless: assigned partitions that no broker leads.
        unwritable: partitions of `call-decisions` that take nothing.
        clock_ahead_s: how far our clock is ahead of the brokers'.
        log_changes: partitions whose log was not the one that had been read, since start, by what became of it.
        lost: records that were deleted unread, since start.
        outage_s: how long decisions could not be published, seconds; 0 when they can.
        unpublished: decisions that wait to be published or for their acknowledgement.
        side_waiting: bytes that wait for each topic that only informs.
    """

    lag: Callable[[], Mapping[int, int]]
    held_back: Callable[[], Mapping[int, int]]
    tracked: Callable[[], Mapping[str, int]]
    evictions: Callable[[], Mapping[str, int]]
    trunk_view: Callable[[], TrunkView]
    versions: Callable[[], Versions]
    durability: Callable[[], Figures]
    leaderless: Callable[[], int]
    unwritable: Callable[[], int]
    clock_ahead_s: Callable[[], float]
    log_changes: Callable[[], Mapping[str, int]]
    lost: Callable[[], int]
    outage_s: Callable[[], float]
    unpublished: Callable[[], int]
    side_waiting: Callable[[], Mapping[str, int]]


class BatchHistogram(Collector):
    """A histogram that takes a whole array at once: 0.02 us a value instead of 1 us."""

    def __init__(self, metric: Metric, bounds: Sequence[float]) -> None:
        self._metric = metric
        self._bounds: NDArray[np.float64] = np.asarray(bounds, dtype=np.float64)
        self._counts: NDArray[np.int64] = np.zeros(len(bounds) + 1, dtype=np.int64)
        self._sum = 0.0

    def observe(self, values: NDArray[np.float64]) -> None:
        """Count values, shape (n,); a bucket holds those up to and including its bound."""
        places = np.searchsorted(self._bounds, values, side="left")
        self._counts += np.bincount(places, minlength=len(self._counts))
        self._sum += float(values.sum())

    def collect(self) -> Iterable[prometheus.Metric]:
        """Give the family for a scrape."""
        family = prometheus.HistogramMetricFamily(self._metric, self._metric.meaning)
        edges = [*(repr(float(bound)) for bound in self._bounds), "+Inf"]
        family.add_metric((), list(zip(edges, np.cumsum(self._counts).tolist(), strict=True)), self._sum)
        yield family


class ScrapeTime(Collector):
    """Families that are read from their source when somebody asks; goes into `Metrics.registry`."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give all families for a scrape."""
        source = self._sources
        yield Metric.LAG.many({(str(partition),): records for partition, records in sorted(source.lag().items())})
        yield Metric.HELD_BACK.many({(str(number),): held for number, held in sorted(source.held_back().items())})
        yield Metric.TRACKED_KEYS.many({(family,): keys for family, keys in source.tracked().items()})
        yield Metric.EVICTIONS.many({(family,): keys for family, keys in source.evictions().items()})
        view = source.trunk_view()
        yield Metric.TRUNK_VIEW.many({(name,): float(view.view == name) for name in ("shared", "partial", "local")})
        yield Metric.TRUNK_KNOWN.one(view.known)
        yield Metric.TRUNK_AGE.one(math.inf if view.age_s is None else view.age_s)
        versions = source.versions()
        yield Metric.VERSIONS.many({(versions.model_version, versions.policy_version, versions.feature_schema): 1})
        yield Metric.LEADERLESS.one(source.leaderless())
        yield Metric.UNWRITABLE.one(source.unwritable())
        yield Metric.CLOCK_AHEAD.one(source.clock_ahead_s())
        yield Metric.LOG_CHANGES.many({(change,): partitions for change, partitions in source.log_changes().items()})
        yield Metric.LOST.one(source.lost())
        yield Metric.OUTAGE.one(source.outage_s())
        yield Metric.UNPUBLISHED.one(source.unpublished())
        yield Metric.SIDE_WAITING.many({(topic,): size for topic, size in source.side_waiting().items()})
        yield from _durability(source.durability())


def _durability(figures: Figures) -> Iterator[prometheus.Metric]:
    """What is there of partitions' state, in memory and in snapshots."""
    yield Metric.PARTITIONS.many({("ready",): figures.ready, ("unready",): figures.unready})
    yield Metric.ASSIGNMENTS.one(figures.assignments)
    yield Metric.WARM_STARTS.one(figures.warm_starts)
    yield Metric.RESTORE.one(figures.restored_s)
    if figures.taken is None:
        return
    yield Metric.SNAPSHOTS.one(figures.taken.published)
    yield Metric.SNAPSHOT_FAILURES.one(figures.taken.failures)
    yield Metric.SNAPSHOT_TIMESTAMP.one(figures.taken.last_ms / 1_000)
    yield Metric.SNAPSHOT_BYTES.one(figures.taken.size_bytes)
    yield Metric.SNAPSHOT_STEP.one(figures.taken.longest_step_s)


class Metrics:
    """Everything that a worker counts. Safe to read from another thread; written from the event loop only.

    Attributes:
        registry: takes further collectors, for what others know.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Metric.EVENTS.counter(self.registry)
        self._decisions = Metric.DECISIONS.counter(self.registry)
        self._dead_letters = Metric.DEAD_LETTERS.counter(self.registry)
        self._unreadable = Metric.UNREADABLE.counter(self.registry)
        self._side_dropped = Metric.SIDE_DROPPED.counter(self.registry)
        self._errors = Metric.INTERNAL_ERRORS.counter(self.registry)
        self._fail_open = Metric.FAIL_OPEN.counter(self.registry)
        self._passed = Metric.PASSED_UNSCORED.counter(self.registry)
        self._skewed = Metric.CLOCK_SKEW.counter(self.registry)
        self._mismatches = Metric.KEY_MISMATCHES.counter(self.registry)
        self._places = Metric.PLACES_CHECKED.counter(self.registry)
        self._strays = Metric.STRAY_PARTITIONS.counter(self.registry)
        self._unbelieved = Metric.UNBELIEVED.counter(self.registry)
        self._setups_again = Metric.REPEATED_SETUPS.counter(self.registry)
        self._ends_again = Metric.REPEATED_ENDS.counter(self.registry)
        self._repaired = Metric.REPAIRED.counter(self.registry)
        self._since_setup = self._histogram(Metric.SINCE_SETUP, LATENCY_BUCKETS_S)
        self._since_arrival = self._histogram(Metric.SINCE_ARRIVAL, LATENCY_BUCKETS_S)
        self._batches = self._histogram(Metric.BATCH_EVENTS, BATCH_BUCKETS)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def _histogram(self, metric: Metric, bounds: Sequence[float]) -> BatchHistogram:
        histogram = BatchHistogram(metric, bounds)
        self.registry.register(histogram)
        return histogram

    def batch(self, *, setups: int, ends: int, key_mismatches: int) -> None:
        """Count one batch of events that were read."""
        self._batches.observe(np.array([setups + ends], dtype=np.float64))
        self._events.labels("call_setup").inc(setups)
        self._events.labels("call_end").inc(ends)
        self._mismatches.inc(key_mismatches)

    def decided(self, kinds: Mapping[tuple[str, str, str], int], *, passed: int = 0) -> None:
        """Count decisions.

        Args:
            kinds: how many there are of each (action, decided_by, mode), as they were judged: in shadow the switch is
                told to allow, whatever the action.
            passed: how many of them failed open without any error, being late or shed.
        """
        failed = -passed
        for (action, step, mode), count in kinds.items():
            told = (Action.ALLOW, step, mode, action) if mode == Mode.SHADOW else (action, step, mode, "")
            self._decisions.labels(*told).inc(count)
            if step == "fail_open":
                failed += count
        self._fail_open.inc(failed)

    def took(self, setup_ms: Any, arrival_ms: Any, now_ms: float) -> None:
        """Note how long calls waited for their decisions.

        Args:
            setup_ms: setup time of each call, epoch milliseconds.
            arrival_ms: time stamp of each record, epoch milliseconds.
            now_ms: time of the decision.
        """
        self._since_setup.observe(_seconds_since(setup_ms, now_ms))
        self._since_arrival.observe(_seconds_since(arrival_ms, now_ms))

    def passed(self, code: str, calls: int) -> None:
        """Count calls that were allowed whatever their score, `late` or `overload`."""
        self._passed.labels(code).inc(calls)

    def clock_skew(self, events: int) -> None:
        """Count events whose switch had a wrong clock."""
        self._skewed.inc(events)

    def unbelieved(self, calls: int) -> None:
        """Count calls whose claim of a priority was not believed."""
        self._unbelieved.inc(calls)

    def repeated(self, *, setups: int, ends: int) -> None:
        """Count events that came before."""
        self._setups_again.inc(setups)
        self._ends_again.inc(ends)

    def placed(self, *, checked: int, astray: int) -> None:
        """Count events whose partition was held against their key."""
        self._places.inc(checked)
        self._strays.inc(astray)

    def repaired(self, repairs: Mapping[Repair, int]) -> None:
        """Count what was put right in events, by its name."""
        for repair, count in repairs.items():
            self._repaired.labels(repair.value).inc(count)

    def dead_letter(self, code: str) -> None:
        """Count a record that could not be used."""
        self._dead_letters.labels(code).inc()

    def unreadable(self, topic: str, code: str) -> None:
        """Count a batch of records that was stepped over."""
        self._unreadable.labels(topic, code).inc()

    def side_dropped(self, topic: str, reason: str, records: int) -> None:
        """Count records that only inform and that nobody will read, by the name of the broker's error."""
        self._side_dropped.labels(topic, reason).inc(records)

    def internal_error(self, cause: str) -> None:
        """Count an internal error by the name of its class."""
        self._errors.labels(cause).inc()

    def exposition(self) -> bytes:
        """Everything in Prometheus text format."""
        return generate_latest(self.registry)


def _seconds_since(times_ms: Any, now_ms: float) -> NDArray[np.float64]:
    """Never negative: a clock that runs ahead of ours counts as zero."""
    elapsed = (now_ms - np.asarray(times_ms, dtype=np.float64)) / 1_000.0
    return np.maximum(elapsed, 0.0)
