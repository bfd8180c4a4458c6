"""What a scrape tells of models, and what `robocall doctor` makes of it."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from detector.contract.decisions import Action, Decision, Mode, Step
from detector.contract.events import Feedback, FeedbackSource, Verdict
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.settings import Thresholds
from detector.testing import ManualClock
from models.serve.artifact import Model
from models.serve.manifest import TREES
from models.serve.reference import Reference
from models.serve.scorer import UNCALIBRATED, TreeScorer
from models.store.promotions import Promotions
from models.store.registry import Registry
from models.watch.drift import FEWEST_ROWS, STRIDE, DriftWatch
from models.watch.shadow import Shadow
from models.watch.watched import WatchedModel
from streams.commands.models import doctor as model_doctor
from streams.metrics import Metric
from streams.redis.connection import RedisUnreachable, asked
from streams.redis.worker_reports import WorkerReport, tell
from streams.settings import load_settings
from streams.worker.feedback import DAY_MS, FALSE_BLOCKS_ALARM, FEWEST_JUDGED, NOT_KEPT, FeedbackCounts
from streams.worker.health import Enforcement
from streams.worker.model_metrics import ALARMS, ModelMetrics
from tests.models.serve.stumps import stump
from tests.models.small_model import save_small_model
from tests.valkey_process import ValkeyProcess

THRESHOLDS = Thresholds(label_at=0.6, label_clear=0.5, block_at=0.9, block_clear=0.6)
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def model(version: str) -> Model:
    scorer = TreeScorer(stump(feature=0, low=-4.0, high=4.0, n_features=2), UNCALIBRATED)
    return Model(scorer, {"version": version, "schema_id": "f1"})


ENFORCEMENT = Enforcement("measured", "labels from margin 2.00 on", 1_763_600_000_000, 900, 2.0)


def metrics_of(watched: WatchedModel, counts: FeedbackCounts) -> CollectorRegistry:
    registry = CollectorRegistry()
    made = ModelMetrics(lambda: watched, lambda: THRESHOLDS, counts, lambda: 3, lambda: ENFORCEMENT)
    registry.register(made)
    assert made.found()[0] == tuple(raised(samples(registry)))  # what Redis is told is what a scrape is
    return registry


def samples(registry: CollectorRegistry) -> Samples:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def raised(found: Samples) -> list[str]:
    return [name for name in ALARMS if found[Metric.MODEL_ALARM, (("alarm", name),)]]


def decision(action: Action, score: float | None = 0.95, step: Step = Step.MODEL, call_id: str = "call-1") -> Decision:
    return Decision(
        call_id, "id-1", Action.ALLOW, Mode.SHADOW, action, step, score, None, (), None,
        "+12025550123", "+12025550199", "trunk-1", None, 1_700_000_000_000, 1_700_000_000_001, "gbt-1", "p1", "f1",
    )  # fmt: skip


def feedback(verdict: Verdict) -> Feedback:
    return Feedback(time_ms=1_700_000_000_000, verdict=verdict, source=FeedbackSource.REDRESS, call_id="call-1")


def test_a_model_without_reference_and_shadow_raises_no_alarm() -> None:
    """Every alarm is told all the same, as 0, so that a rule can watch for it."""
    found = samples(metrics_of(WatchedModel(model("gbt-1"), None, None, lambda: 0), FeedbackCounts(ManualClock(0))))

    assert raised(found) == []
    assert found["robocall_models_refused_total", ()] == 3
    assert not any(name.startswith("robocall_model_feature_psi") for name, _ in found)


def test_drift_is_told_by_feature_and_raises_the_alarm() -> None:
    """The first feature is always set where the reference never had it."""
    n_rows = FEWEST_ROWS * STRIDE
    reference = Reference.measure(np.zeros((100, 2), np.float32), np.zeros(100), np.ones((1, 2)))
    watched = WatchedModel(model("gbt-1"), DriftWatch(reference, ("one", "other"), 0), None, lambda: 0)
    watched.score(np.tile(np.array([[1.0, 0.0]], np.float32), (n_rows, 1)))

    found = samples(metrics_of(watched, FeedbackCounts(ManualClock(0))))

    assert found["robocall_model_feature_psi", (("feature", "one"),)] > 1.0
    assert found["robocall_model_feature_psi", (("feature", "other"),)] == 0.0
    assert raised(found) == ["features"]


def test_disagreements_of_the_shadow_are_counted_by_version_and_pair() -> None:
    """Two calls that both models block, one that both allow."""
    shadow = Shadow(model("gbt-1"), model("gbt-2"), lambda: THRESHOLDS, lambda _: None)
    watched = WatchedModel(model("gbt-1"), None, shadow, lambda: 0)
    watched.score(np.array([[1, 0], [1, 0], [0, 0]], np.float32))
    shadow.settle()

    found = samples(metrics_of(watched, FeedbackCounts(ManualClock(0))))

    both_block = (("active", "block"), ("model_version", "gbt-2"), ("shadow", "block"))
    assert found["robocall_shadow_calls_total", both_block] == 2
    assert found["robocall_shadow_skipped_total", ()] == 0


def test_false_blocks_are_counted_by_source_and_step_and_raise_the_alarm_when_they_crowd() -> None:
    """Five within a day do; the same five do not a day later. What was only labelled is no false block."""
    clock = ManualClock(0)
    counts = FeedbackCounts(clock)
    watched = WatchedModel(model("gbt-1"), None, None, lambda: 0)
    counts.take(feedback(Verdict.LEGITIMATE), decision(Action.LABEL))
    for _ in range(FALSE_BLOCKS_ALARM - 1):
        counts.take(feedback(Verdict.LEGITIMATE), decision(Action.BLOCK, step=Step.ENTITY_BLOCK, score=None))
    assert raised(samples(metrics_of(watched, counts))) == []

    counts.take(feedback(Verdict.LEGITIMATE), decision(Action.BLOCK, step=Step.ENTITY_BLOCK, score=None))

    found = samples(metrics_of(watched, counts))
    labels = (("mode", "shadow"), ("source", "redress"), ("step", "entity_block"))
    assert found["robocall_false_block_reports_total", labels] == FALSE_BLOCKS_ALARM
    assert raised(found) == ["false_blocks"]
    clock.advance(DAY_MS)
    assert raised(samples(metrics_of(watched, counts))) == []


def test_the_calibration_gap_is_the_mean_score_less_the_share_of_robocalls() -> None:
    """Scores of 0.95 where four of five were robocalls: 0.15 too high; nothing is said of fewer than a hundred."""
    counts = FeedbackCounts(ManualClock(0))
    for index in range(FEWEST_JUDGED - 1):
        counts.take(feedback(Verdict.LEGITIMATE if index % 5 == 0 else Verdict.ROBOCALL), decision(Action.LABEL))
    assert counts.calibration_gap is None

    counts.take(feedback(Verdict.ROBOCALL), decision(Action.LABEL))
    counts.take(feedback(Verdict.LEGITIMATE), NOT_KEPT)

    assert counts.calibration_gap == pytest.approx(0.15)
    assert counts.heard["legitimate", "redress", "none", ""] == 1


def test_a_call_that_was_blocked_is_told_apart_from_one_that_shadow_would_have_blocked() -> None:
    """Both were reported lawful; one caller was harmed."""
    counts = FeedbackCounts(ManualClock(0))
    tried = decision(Action.BLOCK)
    for one in (tried, tried, replace(tried, action=Action.BLOCK, mode=Mode.ENFORCE, would_be=None)):
        counts.take(feedback(Verdict.LEGITIMATE), one)

    assert counts.false_blocks == {("redress", "model", "shadow"): 2, ("redress", "model", "enforce"): 1}
    assert counts.heard == {
        ("legitimate", "redress", "block", "shadow"): 2,
        ("legitimate", "redress", "block", "enforce"): 1,
    }


def test_doctor_says_of_each_alarm_what_to_do_and_who_raises_it(valkey: ValkeyProcess) -> None:
    """It reads what workers told Redis, wherever they run; where none told anything there is nothing to say."""
    settings = load_settings(redis_url=valkey.url)
    assert model_doctor.alarms(settings) is None
    calm = WorkerReport("w-1", "gbt-1", 1_763_600_000_000)
    asked(settings, lambda client: tell(client, calm))
    assert model_doctor.alarms(settings) == []

    for worker in ("w-2", "w-3", "w-4\x1b[2J", "w-5", "w-6"):
        alarmed = msgspec.structs.replace(calm, worker=worker, alarms=("false_blocks", "of a later version"))
        asked(settings, lambda client, said=alarmed: tell(client, said))  # type: ignore[misc]
    sentences = model_doctor.alarms(settings) or []

    assert len(sentences) == 2
    assert "robocall models rollback" in sentences[0]
    assert all("(w-2, w-3, w-4" in one and one.endswith(" and 2 more)") for one in sentences)
    assert not any("\x1b" in one for one in sentences)


def test_doctor_says_where_redis_does_not_answer() -> None:
    with pytest.raises(RedisUnreachable):
        model_doctor.alarms(load_settings(redis_url="redis://127.0.0.1:1/0"))


def test_every_alarm_has_a_sentence() -> None:
    """One that doctor could not explain would be silent."""
    assert set(model_doctor.SENTENCES) == set(ALARMS)


def test_doctor_compares_what_was_promoted_with_what_workers_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing promoted, promoted and told, told something else, promoted and then damaged."""
    monkeypatch.setenv("ROBOCALL_MODELS_URL", str(tmp_path / "registry"))
    registry = Registry(tmp_path / "registry")
    settings = load_settings()
    assert model_doctor.promoted(settings, None)[1] == []

    made, _ = registry.add(save_small_model(tmp_path / "made"), schema_id=FEATURE_SCHEMA_ID)
    Promotions(registry.store).promote(made.version, "gbt-000000000000", gate=[])

    assert model_doctor.promoted(settings, made.version)[1] == []
    assert f"models promote {made.version}" in model_doctor.promoted(settings, "gbt-000000000000")[1][0]
    registry.store.write(f"{made.version}/{TREES}", b"")
    assert "keep the model that they have" in model_doctor.promoted(settings, made.version)[1][0]
