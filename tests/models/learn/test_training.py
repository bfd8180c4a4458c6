"""Training is honest about time, campaigns and calibration, and repeats itself."""

from dataclasses import replace

import numpy as np
import pytest

from models.data.dataset import assemble
from models.errors import TrainingDataInvalid
from models.judge.calibration import expected_calibration_error
from models.learn.training import Parameters, split, train, weights
from models.traffic.truth import Truth
from tests.models.labelled_calls import dataset

SMALL = Parameters(n_trees=30, min_samples_leaf=10, lawful_share=0.6, max_features=1.0)


def test_spans_follow_each_other_in_time() -> None:
    """What is judged is later than what was calibrated on, which is later than what was learnt from."""
    data = dataset()
    spans = split(data, SMALL)

    assert data.setup_time_ms[spans.train].max() < data.setup_time_ms[spans.calibration].min()
    assert data.setup_time_ms[spans.calibration].max() < data.setup_time_ms[spans.test].min()


def test_no_campaign_and_no_robocall_number_of_the_test_was_seen_before() -> None:
    """A campaign that goes on over the cut is left out of the later span and counted."""
    data = dataset()
    spans = split(data, SMALL)
    before = np.concatenate([spans.train, spans.calibration])
    robocalls_before = before[data.is_robocall[before]]
    robocalls = spans.test[data.is_robocall[spans.test]]

    assert not set(data.campaign[robocalls]) & set(data.campaign[robocalls_before])
    assert not set(data.number[robocalls]) & set(data.number[robocalls_before])
    late = data.setup_time_ms >= data.setup_time_ms[spans.test].min()
    assert int(late.sum()) - len(spans.test) == spans.dropped_seen_campaign + spans.dropped_seen_number


def test_lawful_callers_stay_in_the_test() -> None:
    """A business that calls every day is there in production too."""
    data = dataset()
    spans = split(data, SMALL)
    late = data.setup_time_ms >= data.setup_time_ms[spans.test].min()

    assert int(np.sum(~data.is_robocall[spans.test])) == int(np.sum(late & ~data.is_robocall))


def test_data_without_robocalls_is_refused() -> None:
    """There is nothing to learn, and the message says so."""
    truths = [Truth(False, "", "person")] * 50
    data = assemble(["f"], np.zeros((50, 1), np.float32), np.arange(50), ["n"] * 50, truths)

    with pytest.raises(TrainingDataInvalid, match="lacks robocalls"):
        split(data, SMALL)


def test_rare_kinds_weigh_more_than_common_ones() -> None:
    """30 calls of a flood and 10 of another kind: 40 / 2 = 20 each, so weights 2/3 and 2; lawful calls keep 1."""
    truths = [Truth(True, "a", "flood")] * 30 + [Truth(True, "b", "quiet")] * 10 + [Truth(False, "", "person")] * 5
    data = assemble(["f"], np.zeros((45, 1), np.float32), np.arange(45), ["n"] * 45, truths)

    found = weights(data)

    np.testing.assert_allclose(found, [2 / 3] * 30 + [2.0] * 10 + [1.0] * 5)


def test_a_trained_model_is_calibrated_on_calls_that_it_never_saw() -> None:
    """On data that it can learn, the promised probability is off by less than three points in the mean."""
    data = dataset()
    trained = train(data, 1, SMALL)
    test = data.take(trained.split.test)
    scores = trained.scorer.score(test.rows)

    assert expected_calibration_error(scores, test.is_robocall) < 0.03
    assert scores[test.is_robocall].mean() > 5 * scores[~test.is_robocall].mean()


def test_probabilities_are_meant_for_the_base_rate_that_is_asked_for() -> None:
    """With twice the share of robocalls in mind every probability between 0 and 1 is higher; the ranking stays."""
    data = dataset()
    share = float(data.is_robocall[split(data, SMALL).calibration].mean())
    as_found, same, doubled = (
        train(data, 1, replace(SMALL, base_rate=rate)).scorer.score(data.rows) for rate in (None, share, 2 * share)
    )
    between = (as_found > 0) & (as_found < 1)

    np.testing.assert_allclose(same, as_found, atol=1e-9)
    assert between.any()
    assert np.all(doubled[between] > as_found[between])
    odds = as_found[between] / (1 - as_found[between])
    wanted = odds * (2 * share / (1 - 2 * share)) / (share / (1 - share))
    np.testing.assert_allclose(doubled[between], wanted / (1 + wanted), atol=0.02)


def test_what_may_only_speak_against_a_call_never_speaks_for_it() -> None:
    """Here dead numbers are lawful callers', and long talks robocallers': the model must learn neither."""
    random = np.random.default_rng(0)
    is_robocall = np.arange(6_000) % 4 == 0
    rows = random.uniform(0, 1, (6_000, 3)).astype(np.float32)
    rows[:, 0] += is_robocall
    rows[:, 1] -= is_robocall
    rows[:, 2] += is_robocall
    truths = [Truth(one, f"c{when // 400}" if one else "", "k") for when, one in enumerate(is_robocall.tolist())]
    names = ("trunk_surge_1h", "number_bad_number_share_level_24h", "number_long_share_level_24h")
    numbers = [str(n) for n in range(6_000)]
    trained = train(assemble(names, rows, np.arange(6_000), numbers, truths), 1, SMALL)
    steps = np.linspace(-1, 2, 50, dtype=np.float32)
    middle = np.full((50, 3), 0.5, np.float32)

    for column, sign in ((1, 1), (2, -1)):
        scores = trained.scorer.raw(np.insert(np.delete(middle, column, 1), column, steps, 1))
        assert np.all(sign * np.diff(scores) >= 0)
    learnt = trained.scorer.raw(np.insert(np.delete(middle, 0, 1), 0, steps, 1))
    assert learnt[-1] > learnt[0]


def test_training_repeats_itself() -> None:
    """The same data and seed give the same trees; another seed gives others."""
    data = dataset()
    one, again, other = train(data, 1, SMALL), train(data, 1, SMALL), train(data, 2, SMALL)

    np.testing.assert_array_equal(one.scorer.forest.value, again.scorer.forest.value)
    np.testing.assert_array_equal(one.scorer.forest.threshold, again.scorer.forest.threshold)
    assert one.thresholds == again.thresholds
    assert one.scorer.forest.value.tolist() != other.scorer.forest.value.tolist()


def test_a_label_that_is_half_trusted_weighs_half() -> None:
    """Beside what its kind weighs: one kind alone, so 1 for each robocall and lawful call that is trusted whole."""
    truths = [
        Truth(True, "", "k", "analyst", 1.0),
        Truth(True, "", "k", "report", 0.25),
        Truth(False, "", "p", "", 0.5),
    ]
    data = assemble(["f"], np.zeros((3, 1), np.float32), np.arange(3), ["n"] * 3, truths)

    np.testing.assert_allclose(weights(data), [1.0, 0.25, 0.5])
    np.testing.assert_allclose(weights(data, 0.5), [1.0, 0.25, 1.0])


def test_wrong_labels_of_little_weight_do_little_harm() -> None:
    """Three robocalls in ten are said to be lawful; where that weighs a hundredth the model promises them more."""
    data = dataset()
    random = np.random.default_rng(3)
    wrong = data.is_robocall & (random.random(len(data)) < 0.3)
    labels = data.is_robocall & ~wrong
    score = {}
    for weight in (1.0, 0.01):
        learnt = replace(data, is_robocall=labels, weight=np.where(wrong, weight, 1.0))
        score[weight] = train(learnt, 1, SMALL).scorer.score(data.rows[wrong]).mean()

    assert score[0.01] > 1.1 * score[1.0]
