"""What a worker tells of its models: drift, the shadow model's disagreements, what callers and subscribers report."""

import math
from collections.abc import Callable, Iterator

from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from detector.policy.settings import Thresholds
from models.watch.drift import Drift
from models.watch.shadow import Shadow
from models.watch.watched import WatchedModel
from streams.metrics import Metric
from streams.wire.refusals import Code
from streams.worker.feedback import FeedbackCounts
from streams.worker.health import Enforcement

ALARMS = ("features", "scores", "label_at", "block_at", "calibration", "false_blocks", "shadow", "watching")
"""What can be wrong, by the label `alarm`; `robocall doctor` explains each."""
ENFORCEMENT_STATES = ("measured", "labels", "absolute", "tried")


class ModelMetrics(Collector):
    """Families for a scrape, computed when somebody asks.

    Args:
        watched: the model in place.
        thresholds: of the policy in use.
        feedback: what was heard so far.
        refused: names and models that were not taken.
        enforcement: what the model's step goes by.
    """

    def __init__(
        self,
        watched: Callable[[], WatchedModel],
        thresholds: Callable[[], Thresholds],
        feedback: FeedbackCounts,
        refused: Callable[[], int],
        enforcement: Callable[[], Enforcement],
    ) -> None:
        self._watched = watched
        self._thresholds = thresholds
        self._feedback = feedback
        self._refused = refused
        self._enforcement = enforcement

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give the families."""
        watched = self._watched()
        yield Metric.MODELS_REFUSED.one(self._refused())
        yield from _enforced(self._enforcement())
        raised, drift = self.found()
        if drift is not None:
            yield from _drift(drift)
        if watched.shadow is not None:
            yield from _shadow(watched.shadow)
        yield from self._reports()
        yield Metric.MODEL_ALARM.many({(name,): float(name in raised) for name in ALARMS})

    def found(self) -> tuple[tuple[str, ...], Drift | None]:
        """Which alarms are raised now, and how far calls have drifted; takes part of a millisecond."""
        watched = self._watched()
        drift = None if watched.drift is None else watched.drift.drift(self._thresholds())
        return alarms_of(watched, drift, self._feedback), drift

    def _reports(self) -> Iterator[prometheus.Metric]:
        counts = self._feedback
        yield Metric.FEEDBACK.many(dict(sorted(counts.heard.items())))
        yield Metric.FALSE_BLOCK_REPORTS.many(dict(sorted(counts.false_blocks.items())))
        yield Metric.FEEDBACK_INVALID.many({(code,): counts.invalid[code] for code in Code})
        yield Metric.CALIBRATION_GAP.one(math.nan if counts.calibration_gap is None else counts.calibration_gap)


def alarms_of(watched: WatchedModel, drift: Drift | None, feedback: FeedbackCounts) -> tuple[str, ...]:
    """Which alarms are raised, in the order of `ALARMS`.

    Args:
        watched: The model in place.
        drift: What its watch found; None without one.
        feedback: What was heard of its decisions.
    """
    raised = set() if drift is None else set(drift.alarms)
    raised |= set(feedback.alarms)
    raised |= {"shadow"} if watched.shadow is not None and watched.shadow.failure else set()
    raised |= {"watching"} if watched.failure else set()
    return tuple(name for name in ALARMS if name in raised)


def _drift(drift: Drift) -> Iterator[prometheus.Metric]:
    yield Metric.FEATURE_PSI.many({(name,): value for name, value in drift.features.items()})
    yield Metric.FEATURES_MOVED.one(math.nan if drift.moved is None else drift.moved)
    yield Metric.SCORE_PSI.one(math.nan if drift.scores is None else drift.scores)
    yield Metric.MODEL_SHARE.many({(name,): share.found for name, share in drift.shares.items()})
    low: dict[tuple[str, ...], float] = {(name, "low"): share.low for name, share in drift.shares.items()}
    yield Metric.MODEL_SHARE_BAND.many(low | {(name, "high"): share.high for name, share in drift.shares.items()})


def _shadow(shadow: Shadow) -> Iterator[prometheus.Metric]:
    version = shadow.model.version
    yield Metric.SHADOW_CALLS.many({(version, *pair): count for pair, count in shadow.pairs.items()})
    yield Metric.SHADOW_SKIPPED.one(shadow.skipped)


def _enforced(enforcement: Enforcement) -> Iterator[prometheus.Metric]:
    yield Metric.ENFORCEMENT.many({(state,): float(state == enforcement.state) for state in ENFORCEMENT_STATES})
    measured_ms = enforcement.measured_ms
    yield Metric.MEASURED.one(math.nan if measured_ms is None else measured_ms / 1_000)
    yield Metric.MEASURED_CALLS.one(enforcement.calls or 0)
    margins = {"label": enforcement.label_margin, "block": enforcement.block_margin}
    found: dict[tuple[str, ...], float] = {
        (action,): margin for action, margin in margins.items() if margin is not None
    }
    yield Metric.THRESHOLD_MARGIN.many(found)
