"""A learning curve is honest: shares nest, nobody is cut in two, and its last point is the model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.judge.learning_curve import SHARES, Judged, groups_of, learning_curve, lots_of
from models.learn.training import TrainedModel, recall_at, train
from models.serve.learning_curve import RATES
from tests.models.labelled_calls import dataset
from tests.models.learn.test_training import SMALL

CALLS = st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=60)


@given(calls=CALLS, seed=st.integers(0, 1_000))
def test_groups_are_drawn_whole_and_by_class(calls: list[tuple[int, bool]], seed: int) -> None:
    """Of k groups of a class, a share has the k x share of them, rounded up: one at least."""
    group = np.array([one for one, _ in calls], np.int64)
    is_robocall = np.array([hit for _, hit in calls], np.bool_)

    lots = lots_of(group, is_robocall, seed)

    for which in (is_robocall, ~is_robocall):
        known = set(group[which].tolist())
        for share in (*SHARES, 1.0):
            chosen = which & (lots < share)
            drawn = set(group[chosen].tolist())
            assert len(drawn) == -(-len(known) * int(share * 100) // 100)
            assert not set(group[which & ~chosen].tolist()) & drawn


def test_a_call_is_of_its_campaign_else_of_its_caller() -> None:
    """Codes of campaigns and of callers do not meet."""
    campaign, number = np.array([0, 2, -1, -1, 2]), np.array([5, 0, 0, 2, 1])

    assert groups_of(campaign, number).tolist() == [0, 2, 3, 5, 2]
    assert groups_of(np.array([-1, -1]), np.array([0, 7])).tolist() == [0, 7]


def test_what_is_caught_is_counted_by_hand() -> None:
    """1,000 lawful calls below 1; of four robocalls of two campaigns three lie above all but one of them."""
    raw = np.array([*np.linspace(0, 0.999, 1_000), 1.5, 1.5, 1.5, -1.0])
    is_robocall = np.array([False] * 1_000 + [True] * 4)
    judged = Judged(is_robocall, np.array([0] * 1_000 + [1, 1, 2, 2]))

    point = judged.point(0.5, np.array([7, 7, 9]), raw)

    assert (point.share, point.groups, point.robocalls) == (0.5, 2, 3)
    assert [caught.share for caught in point.caught] == [0.75, 0.75]
    assert all(caught.low == 0.5 and caught.high == 1.0 for caught in point.caught)


@pytest.fixture(scope="module")
def trained() -> tuple[Dataset, TrainedModel]:
    data = dataset()
    return data, train(data, 7, SMALL)


def test_the_last_point_is_the_model_and_each_has_more_labels(trained: tuple[Dataset, TrainedModel]) -> None:
    """Judged on the test span; the same again gives the same."""
    data, model = trained
    said: list[tuple[str, int, int]] = []

    curve = learning_curve(data, model, lambda *one: said.append(one))

    test = data.take(model.split.test)
    raw: NDArray[np.float64] = model.scorer.raw(test.rows)
    assert [caught.share for caught in curve.points[-1].caught] == [
        recall_at(raw, test.is_robocall, rate) for rate in RATES
    ]
    assert curve.lawful == int((~test.is_robocall).sum())
    assert [one.share for one in curve.points] == [*SHARES, 1.0]
    groups, robocalls = ([one[place] for one in curve.points] for place in (1, 2))
    assert groups == sorted(groups)
    assert robocalls == sorted(robocalls)
    assert robocalls[-1] == int(data.is_robocall[model.split.train].sum())
    assert all(one.low <= one.share <= one.high for point in curve.points for one in point.caught)
    assert said == [(f"{share:.0%} of the campaigns and callers", n, 3) for n, share in enumerate(SHARES)]
    assert learning_curve(data, model, lambda *_: None) == curve
