"""The learning curve of an adapted model: learnt again from fewer labelled callers, judged on the same calls."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from models.adapt.held_back import HeldBackCalls
from models.adapt.labels import clusters_of
from models.adapt.outcome import WAYS, Outcome
from models.adapt.rounds import MOST_LAWFUL, Material, learn
from models.budgets.bounds import Floats, Ints
from models.judge.learning_curve import SHARES, Judged, lots_of
from models.serve.learning_curve import LearningCurve


def learning_curve(
    material: Material,
    outcome: Outcome,
    seed: int,
    say: Callable[[str, int, int], None],
    most_lawful: int = MOST_LAWFUL,
) -> LearningCurve | str:
    """Learn three times more in the way that was chosen, each time from the labels of some callers, drawn by lot.

    Judged are the calls that the gate judged: robocalls and lawful references of the held-back third. What nobody spoke
    of teaches each time alike. A share with too little to teach is left out. It blocks for processor time, three times
    what learning in that way took.

    Args:
        material: The calls, with what is known of them.
        outcome: What came of all labels.
        seed: Of all draws and fits.
        say: Told what is done, how much is done, and of how much.
        most_lawful: Lawful calls that a round learns from.

    Returns:
        The curve; or why there is none: nothing that was learnt is to run, or only answers about callers drawn by lot
        chose it. Those were drawn where it raises alerts, so they would judge for it.
    """
    whole = outcome.chosen
    if whole is None:
        return "nothing that was learnt is to run"
    held = HeldBackCalls(material, seed, whole.margins)
    if held.missing:
        return held.missing
    is_robocall, is_lawful = held.known
    places = np.flatnonzero(is_robocall | is_lawful)
    judged = Judged(is_robocall[places], clusters_of(material.calls.number[places], material.calls.block[places]))
    lots, clusters = _lots(material, seed)
    is_taught = material.labels.is_positive & material.is_learning
    points = []
    for number, share in enumerate(SHARES):
        say(f"{share:.0%} of the labelled callers", number, len(SHARES))
        labels = replace(material.labels, weight=np.where(lots < share, material.labels.weight, 0.0))
        some = replace(material, labels=labels)
        student = learn(some, seed, lambda _: None, WAYS[outcome.choice], most_lawful)
        if not isinstance(student, str):
            learnt = clusters[is_taught & labels.is_positive]
            points.append(judged.point(share, learnt, student.margins[places]))
    points.append(judged.point(1.0, clusters[is_taught], whole.margins[places]))
    return LearningCurve(int(is_lawful.sum()), tuple(points))


def _lots(material: Material, seed: int) -> tuple[Floats, Ints]:
    """Lot of each labelled call that is learnt from, 0 of all others; and the code of its caller. Shape (n,) each."""
    labels, calls = material.labels, material.calls
    places = np.flatnonzero((labels.weight > 0) & material.is_learning)
    lots, clusters = np.zeros(len(calls)), np.zeros(len(calls), np.int64)
    clusters[places] = clusters_of(calls.number[places], calls.block[places])
    lots[places] = lots_of(clusters[places], labels.is_robocall[places], seed)
    return lots, clusters
