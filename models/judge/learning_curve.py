"""Measure a learning curve: train again on fewer of the labelled campaigns and callers, and judge on the same calls."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.data.thresholds import threshold_at
from models.judge.evaluation import by_campaign
from models.learn.training import TrainedModel, fit
from models.serve.learning_curve import RATES, Caught, LearningCurve, Point

SHARES = (0.25, 0.5, 0.75)
"""Of the labelled campaigns and callers; with all of them it is the model itself."""


def learning_curve(data: Dataset, trained: TrainedModel, say: Callable[[str, int, int], None]) -> LearningCurve:
    """Fit three more models, each on some campaigns and lawful callers of the training span, drawn by lot.

    A smaller share is part of every larger one. Each model ranks the calls of the test span by its raw score, which
    calibration does not change. It blocks for processor time on all cores, less than three trainings.

    Args:
        data: All calls of the training.
        trained: What it made.
        say: Told what is done, how much is done, and of how much.
    """
    train, test = trained.split.train, data.take(trained.split.test)
    group = groups_of(data.campaign, data.number)
    judged = Judged(test.is_robocall, group[trained.split.test])
    lots = lots_of(group[train], data.is_robocall[train], trained.seed)
    is_robocall, points = data.is_robocall[train], []
    for number, share in enumerate(SHARES):
        say(f"{share:.0%} of the campaigns and callers", number, len(SHARES))
        chosen = lots < share
        raw = fit(data, train[chosen], trained.seed, trained.parameters).decision_function(test.rows)
        points.append(judged.point(share, group[train][chosen & is_robocall], raw))
    points.append(judged.point(1.0, group[train][is_robocall], trained.scorer.raw(test.rows)))
    return LearningCurve(int((~test.is_robocall).sum()), tuple(points))


def groups_of(campaign: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whom each call is of: its campaign, or its caller where it has none, shape (n,).

    Args:
        campaign: Code of the campaign, -1 for none, shape (n,).
        number: Code of the calling number, not negative, shape (n,).
    """
    return np.where(campaign >= 0, campaign, campaign.max(initial=-1) + 1 + number)


def lots_of(group: NDArray[np.int64], is_robocall: NDArray[np.bool_], seed: int) -> NDArray[np.float64]:
    """Draw a lot in [0, 1) for the calls of each group, shape (n,), robocalls and lawful ones apart.

    Those below a share are that share of the groups of both, and at least one group of each that has any.

    Args:
        group: Of each call, shape (n,).
        is_robocall: What each call is, shape (n,).
        seed: Of the draw.
    """
    random, lots = np.random.default_rng(seed), np.empty(len(group))
    for chosen in (is_robocall, ~is_robocall):
        found, where = np.unique(group[chosen], return_inverse=True)
        lots[chosen] = (random.permutation(len(found)) / max(len(found), 1))[where]
    return lots


class Judged:
    """The calls that all points of a curve are judged on.

    Args:
        is_robocall: What each call is, shape (n,); of both classes.
        group: Campaign or caller of each, shape (n,): calls of one are caught or missed together.
    """

    def __init__(self, is_robocall: NDArray[np.bool_], group: NDArray[np.int64]) -> None:
        self._is_robocall, self._group = is_robocall, group[is_robocall]

    def point(self, share: float, learnt: NDArray[np.int64], raw: NDArray[np.float64]) -> Point:
        """The point of a model.

        Args:
            share: Of the labels that it learnt from.
            learnt: Group of each robocall that it learnt from, shape (any,).
            raw: What it makes of the calls, shape (n,), in any monotonic unit.
        """
        caught = tuple(self._caught(raw, rate) for rate in RATES)
        return Point(share, len(np.unique(learnt)), len(learnt), caught)

    def _caught(self, raw: NDArray[np.float64], rate: float) -> Caught:
        hit = raw[self._is_robocall] >= threshold_at(raw, self._is_robocall, rate)
        within = by_campaign(hit, self._group)
        return Caught(float(hit.mean()), within["low"], within["high"])
