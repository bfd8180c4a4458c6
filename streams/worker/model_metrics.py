"""What a worker tells of its models: drift, the shadow model's disagreements, what callers and subscribers report."""

import math
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from detector.policy.policy import Thresholds
from models.watch.drift import Drift
from models.watch.watched import WatchedModel
from streams.worker.feedback import FeedbackCounts

ALARM = "robocall_model_alarm"
ALARMS = ("features", "scores", "label_at", "block_at", "calibration", "false_blocks", "shadow", "watching")
"""What can be wrong, by the label `alarm`; `robocall doctor` explains each."""


class ModelMetrics(Collector):
    """Families for a scrape, computed when somebody asks.

    Args:
        watched: the model in place.
        thresholds: of the policy in use.
        feedback: what was heard so far.
        refused: names and models that were not taken.
    """

    def __init__(
        self,
        watched: Callable[[], WatchedModel],
        thresholds: Callable[[], Thresholds],
        feedback: FeedbackCounts,
        refused: Callable[[], int],
    ) -> None:
        self._watched = watched
        self._thresholds = thresholds
        self._feedback = feedback
        self._refused = refused

    def collect(self) -> Iterator[Metric]:
        """Give the families."""
        watched = self._watched()
        refused = CounterMetricFamily("robocall_models_refused", "Models that were to be put in place and were not.")
        refused.add_metric((), self._refused())
        yield refused
        drift = None if watched.drift is None else watched.drift.drift(self._thresholds())
        if drift is not None:
            yield from _drift(drift)
        yield from _shadow(watched)
        yield from self._reports()
        yield self._alarms(watched, drift)

    def _reports(self) -> Iterator[Metric]:
        counts = self._feedback
        heard = CounterMetricFamily(
            "robocall_feedback", "Feedback records read.", labels=("verdict", "source", "decided")
        )
        for labels, calls in sorted(counts.heard.items()):
            heard.add_metric(labels, calls)
        false_blocks = CounterMetricFamily(
            "robocall_false_block_reports", "Calls that were blocked and reported lawful.", labels=("source", "step")
        )
        for blocked, calls in sorted(counts.false_blocks.items()):
            false_blocks.add_metric(blocked, calls)
        invalid = CounterMetricFamily("robocall_feedback_invalid", "Feedback records that cannot be used.")
        invalid.add_metric((), counts.invalid)
        calibration = GaugeMetricFamily(
            "robocall_feedback_calibration_gap",
            "Mean score minus share of robocalls, over the latest reported calls that were labelled or blocked.",
        )
        calibration.add_metric((), math.nan if counts.calibration_gap is None else counts.calibration_gap)
        yield from (heard, false_blocks, invalid, calibration)

    def _alarms(self, watched: WatchedModel, drift: Drift | None) -> Metric:
        raised = set() if drift is None else set(drift.alarms)
        raised |= set(self._feedback.alarms)
        raised |= {"shadow"} if watched.shadow is not None and watched.shadow.failure else set()
        raised |= {"watching"} if watched.failure else set()
        family = GaugeMetricFamily(ALARM, "1 where a model needs a look: see `robocall doctor`.", labels=("alarm",))
        for name in ALARMS:
            family.add_metric((name,), float(name in raised))
        return family


def _drift(drift: Drift) -> Iterator[Metric]:
    features = GaugeMetricFamily(
        "robocall_model_feature_psi", "Population stability index of each feature.", labels=("feature",)
    )
    for name, value in drift.features.items():
        features.add_metric((name,), value)
    moved = GaugeMetricFamily(
        "robocall_model_features_moved",
        "Mean of these indices without trunks, weighted by what a feature moves the score.",
    )
    moved.add_metric((), math.nan if drift.moved is None else drift.moved)
    scores = GaugeMetricFamily("robocall_model_score_psi", "Population stability index of the scores.")
    scores.add_metric((), math.nan if drift.scores is None else drift.scores)
    shares = GaugeMetricFamily(
        "robocall_model_share", "Share of scored calls that reach a threshold.", labels=("threshold",)
    )
    band = GaugeMetricFamily(
        "robocall_model_share_band", "Band in which that share is expected.", labels=("threshold", "end")
    )
    for name, share in drift.shares.items():
        shares.add_metric((name,), share.found)
        band.add_metric((name, "low"), share.low)
        band.add_metric((name, "high"), share.high)
    yield from (features, moved, scores, shares, band)


def _shadow(watched: WatchedModel) -> Iterator[Metric]:
    shadow = watched.shadow
    if shadow is None:
        return
    calls = CounterMetricFamily(
        "robocall_shadow_calls",
        "Calls scored by a second model, by what either would do.",
        labels=("model_version", "active", "shadow"),
    )
    for (active, other), count in shadow.pairs.items():
        calls.add_metric((shadow.model.version, active, other), count)
    skipped = CounterMetricFamily("robocall_shadow_skipped", "Calls that the second model was too slow for.")
    skipped.add_metric((), shadow.skipped)
    yield from (calls, skipped)
