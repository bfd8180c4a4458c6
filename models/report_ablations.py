"""What each kind of evidence is worth: the same training on the same split, with features taken away."""

import re
from dataclasses import replace
from typing import Any

import numpy as np

from models.dataset import Dataset
from models.errors import TrainingDataInvalid
from models.evaluation import ranking
from models.training import Parameters, fit, train

ATTESTATION = re.compile(r"origin_.*|.*(attested|verified|verification_failed|failed_share).*")
"""Features that come from signatures: who signed, how, and the windows of a signer's origin."""
TRUNK = re.compile(r"(trunk|block)_.*")
"""Windows of a trunk group, and of a number's block within its trunk group."""


def without(data: Dataset, pattern: re.Pattern[str]) -> Dataset:
    """The same calls with the features of matching names held at 0, so that nothing can be learnt from them."""
    rows = data.rows.copy()
    rows[:, [pattern.fullmatch(name) is not None for name in data.feature_names]] = 0.0
    return replace(data, rows=rows)


def ablations(data: Dataset, parameters: Parameters, seed: int) -> dict[str, dict[str, Any]]:
    """Ranking on the test span of models trained on numbers only, plus trunks, plus attestation (everything).

    Trains three models.

    Raises:
        TrainingDataInvalid: the calls cannot be split.
    """
    no_attestation = without(data, ATTESTATION)
    found = {}
    for name, reduced in (
        ("numbers only", without(no_attestation, TRUNK)),
        ("numbers and trunks", no_attestation),
        ("numbers, trunks and attestation", data),
    ):
        trained = train(reduced, seed, parameters)
        test = reduced.take(trained.split.test)
        found[name] = ranking(trained.scorer.raw(test.rows), test.is_robocall)
    return found


def within(data: Dataset, parameters: Parameters, seed: int) -> dict[str, Any]:
    """Ranking of calls whose traffic is known: half of the campaigns and lawful numbers is learnt, the other judged.

    What it lacks is not the move to other traffic, but evidence in the features, or calls to learn from; so it is no
    bound: a model that learnt more calls elsewhere may rank better.

    Raises:
        TrainingDataInvalid: there is no robocall or no lawful call in one of the halves.
    """
    group = np.where(data.campaign >= 0, -1 - data.campaign, data.number)
    _, where = np.unique(group, return_inverse=True)
    is_learnt = (np.random.default_rng(seed).random(int(where.max()) + 1) < 0.5)[where]  # noqa: PLR2004 - half
    judged = data.take(~is_learnt)
    for half in (data.is_robocall[is_learnt], judged.is_robocall):
        if half.all() or not half.any():
            raise TrainingDataInvalid("there are too few campaigns or lawful numbers to learn from half of them")
    return ranking(
        fit(data, np.flatnonzero(is_learnt), seed, parameters).decision_function(judged.rows), judged.is_robocall
    )
