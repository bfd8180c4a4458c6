"""From the calls of a span to a decision: a model of their own, the base with a group weight, or the base as it is."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from models.adapt.calls import Calls, Mask
from models.adapt.gate import HeldBack, Verdict, judge, shortage
from models.adapt.labels import clusters_of
from models.adapt.rounds import Material, Student, learn
from models.budgets.bounds import Floats
from models.errors import TrainingDataInvalid

GROUP_WEIGHT = 0.5
"""That a base without one is tried with."""
HELD_BACK = (1 / 3, 2 / 3)
"""Of the time: judged and not learnt from. It lies in the middle: windows are warm by then, and what is said of a call
comes hours after it, so of the end of a span hardly anything was said yet."""


class Choice(StrEnum):
    """The model that is to run."""

    BASE = "base"
    GROUPED = "base with a group weight"
    ADAPTED = "adapted"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of it.

    Attributes:
        choice: The model that is to run.
        verdict: Of the gate on the adapted model.
        grouped: On the base with a group weight; None where it was not compared.
        student: The adapted model; None where nothing was learnt.
        facts: On what all rests: spans, labels, purity, gate; plain values.
        scores: That the chosen model decides by, shape (n,).
        is_measurable: Calls on which its budgets can be measured, shape (n,).
    """

    choice: Choice
    verdict: Verdict
    grouped: Verdict | None
    student: Student | None
    facts: dict[str, Any]
    scores: Floats
    is_measurable: Mask

    @property
    def is_base(self) -> bool:
        """The base model stays as it is."""
        return self.choice is Choice.BASE

    @property
    def chosen(self) -> Student | None:
        """The adapted model where it takes the place of the base, else None."""
        return self.student if self.choice is Choice.ADAPTED else None

    @property
    def judged(self) -> Verdict:
        """What the gate says of the chosen model; where that is the base, of the adapted one."""
        return self.grouped if self.choice is Choice.GROUPED and self.grouped is not None else self.verdict


def is_learnt_from(calls: Calls) -> Mask:
    """Which calls are learnt from: all but those of the middle third of the span, shape (n,).

    Raises:
        TrainingDataInvalid: all calls, or none, are of one instant.
    """
    if not len(calls) or calls.at_ms.min() == calls.at_ms.max():
        raise TrainingDataInvalid(
            "no span of calls reached the model in windows that are old enough: give more hours, or a lower --windows-h"
        )
    begin, end = int(calls.at_ms.min()), int(calls.at_ms.max())
    first, last = (begin + part * (end - begin) for part in HELD_BACK)
    found: Mask = (calls.at_ms < first) | (calls.at_ms >= last)
    return found


def adapt(material: Material, base_version: str, seed: int, say: Callable[[str, int, int], None]) -> Outcome:
    """Learn from the first and last third of a span, and judge on the middle; blocks for processor time, minutes.

    Two candidates are compared with the base: what was learnt, and the base with a group weight where it has none. Of
    those that pass, the one is chosen whose gain is surer. Where held-back labels are too few to judge by, nothing is
    learnt.

    Args:
        material: The calls, with what is known of them.
        base_version: Of the model whose margins they have.
        seed: Of all draws and fits.
        say: Told what is done, how much is done, and of how much.
    """
    calls, held = material.calls, ~material.is_learning
    positive = _judging(material)
    cluster = clusters_of(calls.number[positive], calls.block[positive])
    lawful = held & material.lawful.is_judging & ~_akin(material, material.labels.is_negative)
    callers = len(np.unique(cluster)), len(np.unique(calls.number[lawful]))
    weight = np.where(positive, material.labels.weight, 0.0)[held]

    def judged(scores: Floats, what: str) -> Verdict:
        both = material.base_scores[held], scores[held]
        return judge(HeldBack(*both, weight, cluster, lawful[held], calls.number[held]), what, seed)

    missing, grouped, student = shortage(*callers), None, None
    learnt = missing or learn(material, seed, lambda number: say(f"round {number}", number - 1, 4))
    if not missing:
        say("comparing with the base", 3, 4)
        grouped = None if material.is_grouped else judged(calls.grouped, "the base model with a group weight")
    if isinstance(learnt, str):
        verdict = Verdict(learnt, *callers)
    else:
        student = learnt
        verdict = judged(learnt.margins, "the adapted model")
    choice = _chosen(verdict, grouped)
    scores = calls.grouped if choice is Choice.GROUPED else material.base_scores
    if choice is Choice.ADAPTED and student is not None:
        scores = student.margins
    # References that were learnt from, and calls that were, would promise the adapted model too few false hits.
    is_measurable = held & ~material.lawful.is_taught if choice is Choice.ADAPTED else np.ones(len(held), np.bool_)
    facts = _facts(material, base_version, choice, (verdict, grouped), student)
    return Outcome(choice, verdict, grouped, student, facts, scores, is_measurable)


def _chosen(adapted: Verdict, grouped: Verdict | None) -> Choice:
    """The candidate whose gain is surer of those that pass."""
    passed = {Choice.ADAPTED: adapted, Choice.GROUPED: grouped}
    sure = {
        choice: verdict.gain_interval[0]
        for choice, verdict in passed.items()
        if verdict is not None and verdict.adapts and verdict.gain_interval is not None
    }
    return max(sure, key=sure.__getitem__, default=Choice.BASE)


def _judging(material: Material) -> Mask:
    """Held-back calls that are labelled robocalls, of callers who were not labelled so in what was learnt from."""
    positive = material.labels.is_positive
    return positive & ~material.is_learning & ~_akin(material, positive)


def _akin(material: Material, labelled: Mask) -> Mask:
    """Calls that share a number or a block with one that is labelled and learnt from, shape (n,).

    An analyst's answer labels a whole cluster, which may be an origin, and one part of it is learnt from. On the other
    part that is no evidence of what it is worth elsewhere, so where somebody looked, calls of the origin are akin, too.
    Complaints are spread too thin for that: an origin may be that of a whole provider.
    """
    calls, known = material.calls, labelled & material.is_learning
    found = np.zeros(len(labelled), np.bool_)
    for key, of in ((calls.number, known), (calls.block, known), (calls.origin, known & material.labels.is_looked_at)):
        learnt = np.unique(key[of])
        found |= np.isin(key, learnt[learnt != 0])
    return found


def _facts(
    material: Material,
    base_version: str,
    choice: Choice,
    verdicts: tuple[Verdict, Verdict | None],
    student: Student | None,
) -> dict[str, Any]:
    labels, learning = material.labels, material.is_learning
    adapted, grouped = verdicts
    facts: dict[str, Any] = {
        "base": base_version,
        "chosen": choice.value,
        "learnt_from": _span(material, learning),
        "held_back": _span(material, ~learning),
        "labels_learnt_from": labels.by_source(learning),
        "labels_held_back": labels.by_source(~learning),
        "complaints_about_lawful_references_ignored": labels.ignored,
        "gate": adapted.as_json(),
    }
    if grouped is not None:
        facts["gate_of_group_weight"] = grouped.as_json()
    if student is not None:
        rate = student.base_rate
        facts["believed_base_rate"] = None if rate is None else asdict(rate)
        facts["taught_as_robocalls"] = student.share
        facts["purity_by_round"] = student.purity
    return facts


def _span(material: Material, chosen: Mask) -> dict[str, int]:
    at_ms = material.calls.at_ms[chosen]
    references = int((material.lawful.is_reference & chosen).sum())
    return {
        "begin_ms": int(at_ms.min()),
        "end_ms": int(at_ms.max()),
        "calls": len(at_ms),
        "calls_of_lawful_references": references,
    }
