"""Labels that are contradicted: how far one is believed beside trees that did not learn from its caller.

A third of complaints are about lawful calls, and who looks at callers errs in one of twenty. One wrong answer about a
busy caller can undo what ten right ones teach. But trees that learnt from all other callers tell most of the wrong
labels. So callers are parted by lot, trees learn from all parts but one, and labels of that one which they contradict
count less. Nothing is turned round: a campaign unlike all others is contradicted, too. Cross-validated trees that find
wrong labels are known as confident learning (Northcutt, Jiang and Chuang 2021, doi:10.1613/jair.1.12125).
"""

import numpy as np
from numpy.typing import NDArray

from models.adapt.labels import Labels
from models.adapt.teaching import SPOKEN_SHARE
from models.budgets.bounds import Floats, Ints

PARTS = 5
"""Of the labelled callers."""
WRONG_ANSWERS = 0.05
"""Share of the labels of somebody who looked that are wrong, before trees are heard."""
WRONG = 0.3
"""Of all other labels: complaints and traps."""
EVEN = -float(np.log(SPOKEN_SHARE))
"""Of log-odds: what to add where robocalls and lawful calls are equally likely. Labelled robocalls are taught as a
tenth of the lawful calls."""
CONTRADICTED = 0.5
"""A label is, that is less likely to be right."""


def parted(caller: Ints, random: np.random.Generator) -> NDArray[np.int64]:
    """Part of each call, from 0 on, shape (n,): all calls of a caller are in one, drawn by lot.

    Args:
        caller: Code of each call's caller, from 0 on, shape (n,).
        random: What draws.
    """
    found: NDArray[np.int64] = random.permutation(int(caller.max(initial=0)) + 1)[caller] % PARTS
    return found


def trust(labels: Labels, caller: Ints, log_odds: Floats) -> Floats:
    """Chance that each label is right, by Bayes' theorem, between 0 and 1; shape (n_labelled,).

    Args:
        labels: Of n calls.
        caller: Code of the caller of each labelled call, from 0 on, shape (n_labelled,). It counts by the mean of its
            labelled calls.
        log_odds: That each is a robocall, by trees that did not learn from its caller, likewise.
    """
    said = labels.weight > 0
    mean = (np.bincount(caller, weights=log_odds) / np.maximum(np.bincount(caller), 1))[caller] + EVEN
    wrong = np.where(labels.is_looked_at, WRONG_ANSWERS, WRONG)[said]
    found: Floats = 1 / (1 + np.exp(-np.where(labels.is_robocall[said], mean, -mean) - np.log(1 / wrong - 1)))
    return found
