"""Choosing how to train: settings drawn with a seed, fitted small, compared on calls of later time or other worlds."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from models.data.dataset import Dataset
from models.learn.training import BLOCK_RATE, LABEL_RATE, Parameters, fit, recall_at, split

CHOICES: dict[str, tuple[float, ...]] = {
    "max_leaf_nodes": (15, 31),
    "learning_rate": (0.06, 0.12, 0.2),
    "min_samples_leaf": (50, 200, 800),
    "l2_regularization": (1.0, 5.0, 50.0),
    "max_features": (0.1, 0.25, 0.5),
}
_MOST_CALLS = 200_000
_TREES = 60


def search(
    data: Dataset, seed: int, n: int, parameters: Parameters, progress: Callable[[Parameters, float], None]
) -> Parameters:
    """Try the given settings and `n` others; return the best by mean recall at the block and at the label rate.

    The test span is not looked at: settings are compared on the calibration span. It blocks for processor time on all
    cores: `n` + 1 fits of 60 trees to 200,000 calls at most, and as many times the scores of the calibration span.

    Args:
        data: All calls.
        seed: Of the settings, of the calls that they are fitted on, and of the fits.
        n: How many other settings to try.
        parameters: To start from; what is not a choice stays as it is.
        progress: Told every setting and its mean recall, a share in [0, 1].

    Raises:
        TrainingDataInvalid: a span lacks robocalls of new campaigns, or lawful calls.
    """
    random = np.random.default_rng(seed)
    spans = split(data, parameters)
    chosen = np.sort(random.permutation(spans.train)[:_MOST_CALLS])
    later = data.take(spans.calibration)
    tried = [parameters] + [
        replace(
            parameters,
            max_leaf_nodes=int(random.choice(CHOICES["max_leaf_nodes"])),
            learning_rate=float(random.choice(CHOICES["learning_rate"])),
            min_samples_leaf=int(random.choice(CHOICES["min_samples_leaf"])),
            l2_regularization=float(random.choice(CHOICES["l2_regularization"])),
            max_features=float(random.choice(CHOICES["max_features"])),
        )
        for _ in range(n)
    ]
    scores = []
    for setting in tried:
        raw = fit(data, chosen, seed, replace(setting, n_trees=_TREES)).decision_function(later.rows)
        recalls = [recall_at(raw, later.is_robocall, rate) for rate in (BLOCK_RATE, LABEL_RATE)]
        scores.append(float(np.mean(recalls)))
        progress(setting, scores[-1])
    return tried[int(np.argmax(scores))]
