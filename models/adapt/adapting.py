"""From the calls of a span to a decision: a model of their own where the gate finds it better, else the base stays."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.adapt.calls import Calls, Mask
from models.adapt.gate import HeldBack, Verdict, judge, shortage
from models.adapt.labels import clusters_of
from models.adapt.rounds import Material, Student, learn
from models.budgets.bounds import Floats
from models.errors import TrainingDataInvalid

HELD_BACK = (1 / 3, 2 / 3)
"""Of the time: judged and not learnt from. It lies in the middle: windows are warm by then, and what is said of a call
comes hours after it, so of the end of a span hardly anything was said yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of it.

    Attributes:
        verdict: Of the gate.
        student: The adapted model; None where nothing was learnt. It is to be used only if the verdict says so.
        facts: On what all rests: spans, labels, purity, gate; plain values.
        is_measurable: Calls on which budgets of the chosen model can be measured, shape (n,).
    """

    verdict: Verdict
    student: Student | None
    facts: dict[str, Any]
    is_measurable: Mask

    @property
    def chosen(self) -> Student | None:
        """The adapted model where it takes the place of the base, else None."""
        return self.student if self.verdict.adapts else None

    def margins(self, base: Calls) -> Floats:
        """Margins of the model that is to run: the adapted one, else the base."""
        return base.margins if self.chosen is None else self.chosen.margins


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

    Where held-back labels are too few to judge by, nothing is learnt.

    Args:
        material: The calls, with what is known of them.
        base_version: Of the model whose margins they have.
        seed: Of all draws and fits.
        say: Told what is done, how much is done, and of how much.
    """
    held = ~material.is_learning
    positive = _judging(material)
    cluster = clusters_of(material.calls.number[positive], material.calls.block[positive])
    lawful = held & material.lawful.is_judging
    callers = len(np.unique(cluster)), len(np.unique(material.calls.number[lawful]))
    missing = shortage(*callers)
    learnt = missing or learn(material, seed, lambda number: say(f"round {number}", number - 1, 4))
    if isinstance(learnt, str):
        verdict, student = Verdict(learnt, *callers), None
    else:
        say("comparing with the base", 3, 4)
        weight = np.where(positive, material.labels.weight, 0.0)[held]
        both = material.calls.margins[held], learnt.margins[held]
        number = material.calls.number[held]
        student = learnt
        verdict = judge(HeldBack(*both, weight, cluster, lawful[held], number), seed)
    # References that were learnt from, and calls that were, would promise the adapted model too few false hits.
    is_measurable = held & ~material.lawful.is_taught if verdict.adapts else np.ones(len(held), np.bool_)
    return Outcome(verdict, student, _facts(material, base_version, verdict, student), is_measurable)


def _judging(material: Material) -> Mask:
    """Held-back calls that are labelled robocalls, of callers who were not labelled so in what was learnt from."""
    positive = material.labels.is_positive
    known = np.unique(material.calls.number[positive & material.is_learning])
    is_known = np.isin(material.calls.number, known[known != 0])
    return positive & ~material.is_learning & ~is_known


def _facts(material: Material, base_version: str, verdict: Verdict, student: Student | None) -> dict[str, Any]:
    labels, learning = material.labels, material.is_learning
    facts = {
        "base": base_version,
        "learnt_from": _span(material, learning),
        "held_back": _span(material, ~learning),
        "labels_learnt_from": labels.by_source(learning),
        "labels_held_back": labels.by_source(~learning),
        "complaints_about_lawful_references_ignored": labels.ignored,
        "gate": verdict.as_json(),
    }
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
