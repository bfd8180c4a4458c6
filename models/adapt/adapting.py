"""From the calls of a span to a decision: a model of their own, the base with a group weight, or the base as it is.

What was said unasked judges both candidates. What was learnt is compared by an analyst's answers, too.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np

from detector.features.window_constants import HOUR_MS
from models.adapt.calls import Calls, Mask
from models.adapt.comparing import Cluster, Drawn, answers_in, compared, drawn
from models.adapt.found import SHOWN_BY
from models.adapt.gate import HeldBack, Proof, Verdict, few_labels, few_references, judge
from models.adapt.labels import clusters_of, sharing
from models.adapt.rounds import MOST_LAWFUL, ROUNDS, Material, Student, Way, learn
from models.budgets.bounds import Floats
from models.errors import TrainingDataInvalid

HELD_BACK = (1 / 3, 2 / 3)
"""Of the time: judged and not learnt from, where nobody says which hours judge. It lies in the middle: windows are warm
by then, and what is said of a call comes hours after it, so of the end of a span hardly anything was said yet."""


class Choice(StrEnum):
    """The model that is to run."""

    BASE = "base"
    GROUPED = "base with a group weight"
    ADAPTED = "adapted"
    LABELLED = "adapted by labels alone"


WAYS = {Choice.LABELLED: Way.LABELS, Choice.ADAPTED: Way.TEACHER}
"""Those that can be learnt, and how; the first one that labels suffice for is."""
NAMES = {
    Choice.GROUPED: "the base model with a group weight",
    Choice.ADAPTED: "the adapted model",
    Choice.LABELLED: "the model of labels",
}


@dataclass(frozen=True, slots=True, eq=False)
class Unsettled:
    """A candidate that answers may show to be better.

    Attributes:
        draw: Whom the analyst may be asked about, in order.
        answers: Of each whether it is a robocaller, as far as somebody answered already.
        asked: Places in the draw of whom to ask about now.
        unasked: What the gate says of the candidate by what was said unasked.
    """

    draw: list[Drawn]
    answers: list[bool | None]
    asked: list[int]
    unasked: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of it.

    Attributes:
        choice: The model that is to run.
        verdicts: Of the gate, by candidate; of one that could not be learnt too.
        students: What was learnt, by candidate; one at most.
        judged: Candidate whose verdict tells most: that is chosen, else the one that answers are asked for.
        facts: On what all rests: spans, labels, purity, gate; plain values.
        scores: That the chosen model decides by, shape (n,).
        is_measurable: Calls on which its budgets can be measured, shape (n,).
        unsettled: Whose answers would tell more of `judged`; None where that is of no use.
    """

    choice: Choice
    verdicts: dict[Choice, Verdict]
    students: dict[Choice, Student]
    judged: Choice
    facts: dict[str, Any]
    scores: Floats
    is_measurable: Mask
    unsettled: Unsettled | None

    @property
    def is_base(self) -> bool:
        """The base model stays as it is."""
        return self.choice is Choice.BASE

    @property
    def chosen(self) -> Student | None:
        """What was learnt, where it takes the place of the base; else None."""
        return self.students.get(self.choice)

    @property
    def verdict(self) -> Verdict:
        """What the gate says of `judged`."""
        return self.verdicts[self.judged]

    @property
    def refused(self) -> list[Verdict]:
        """What the gate says of what was learnt, or could not be, and does not pass."""
        return [verdict for choice, verdict in self.verdicts.items() if choice in WAYS and not verdict.adapts]

    @property
    def questions(self) -> list[Cluster]:
        """Whom to ask about now."""
        lot = self.unsettled
        return [] if lot is None else [lot.draw[place].cluster for place in lot.asked]

    @property
    def answered(self) -> int:
        """Callers of the draw about whom somebody answered already, where answers are asked for."""
        return 0 if self.unsettled is None else sum(one is not None for one in self.unsettled.answers)

    def of_candidate(self, material: Material) -> "Outcome":
        """What comes of it if answers show later that the unsettled candidate is better.

        Args:
            material: What it was learnt from.
        """
        scores, is_measurable = self.students[self.judged].margins, _is_unseen(material)
        facts = self.facts | {"chosen": self.judged.value, SHOWN_BY: "answers that came later, see adapting.json"}
        return replace(self, choice=self.judged, facts=facts, scores=scores, is_measurable=is_measurable)


def is_learnt_from(calls: Calls, judge_h: float | None = None) -> Mask:
    """Which calls are learnt from, shape (n,): all but those of the middle third of the span, or of its end.

    Args:
        calls: Of the span.
        judge_h: Hours at the end of the span that judge; None: the middle third.

    Raises:
        TrainingDataInvalid: all calls, or none, are of one instant; or none is before the hours that judge.
    """
    if not len(calls) or calls.at_ms.min() == calls.at_ms.max():
        raise TrainingDataInvalid(
            "no span of calls reached the model in windows that are old enough: give more hours, or a lower --windows-h"
        )
    begin, end = int(calls.at_ms.min()), int(calls.at_ms.max())
    first, last = (begin + part * (end - begin) for part in HELD_BACK)
    if judge_h is not None:
        first, last = end - judge_h * HOUR_MS, math.inf
    if not first > begin:  # nor where hours are no number
        raise TrainingDataInvalid(f"the last {judge_h:g} hours are all of the calls: give a longer span before them")
    found: Mask = (calls.at_ms < first) | (calls.at_ms >= last)
    return found


def adapt(material: Material, base_version: str, seed: int, say: Callable[[str, int, int], None]) -> Outcome:
    """Learn from a part of a span, and judge on the calls held back; blocks for processor time, minutes.

    Where nobody said that a call was a robocall, nothing is learnt. The same calls, and the same labels of the calls
    learnt from, give the same candidates and the same draw: answers about held-back calls change the verdict alone.

    Args:
        material: The calls, with what is known of them.
        base_version: Of the model whose margins they have.
        seed: Of all draws and fits.
        say: Told what is done, how much is done, and of how much.
    """
    learnt: dict[Choice, Student | str] = {Choice.LABELLED: "no call is labelled a robocall: add feedback"}
    if material.labels.is_positive.any():
        learnt = learnt_from(material, seed, say)
    say("comparing with the base", 1, 1)
    return decided(material, learnt, base_version, seed)


def learnt_from(
    material: Material, seed: int, say: Callable[[str, int, int], None], most_lawful: int = MOST_LAWFUL
) -> dict[Choice, Student | str]:
    """What was learnt from labels alone, or by the teacher where they are too few; blocks for minutes.

    Args:
        material: The calls; labels of those that are held back are not looked at.
        seed: Of all draws and fits.
        say: Told what is done, how much is done, and of how much.
        most_lawful: Lawful calls that a round learns from.

    Returns:
        By candidate what was learnt, or why nothing could be.
    """
    found: dict[Choice, Student | str] = {}
    for choice, way in WAYS.items():
        found[choice] = learn(material, seed, partial(_round, say, choice), way, most_lawful)
        if isinstance(found[choice], Student):
            break
    return found


def decided(material: Material, learnt: Mapping[Choice, Student | str], base_version: str, seed: int) -> Outcome:
    """Compare what was learnt with the base, and choose; some seconds.

    Two candidates are compared: what was learnt, and the base with a group weight where it has none. Where both pass,
    the one with the larger gain is chosen; what only answers show to be better goes first.

    Args:
        material: As it was learnt from; labels of held-back calls may be others.
        learnt: By candidate what was learnt, one at most, or why nothing was.
        base_version: Of the model whose margins the calls have.
        seed: Of the draws.
    """
    calls = material.calls
    students = {choice: one for choice, one in learnt.items() if not isinstance(one, str)}
    scores = {Choice.BASE: material.base_scores, Choice.GROUPED: calls.grouped}
    scores |= {choice: student.margins for choice, student in students.items()}
    wanted = next(iter(students or learnt))
    held = Held(material, seed, scores.get(wanted))
    verdicts = {choice: held.unjudged(held.missing or one) for choice, one in learnt.items() if isinstance(one, str)}
    verdicts |= {choice: held.judged(scores[choice], choice) for choice in students}
    if not material.is_grouped:
        verdicts[Choice.GROUPED] = held.judged(calls.grouped, Choice.GROUPED)
    answers = answers_in(held.draw, material.labels)
    comparison, asked = compared(held.draw, answers)
    unasked = verdicts.get(wanted)
    if wanted in students:
        verdicts[wanted] = verdicts[wanted].with_answers(NAMES[wanted], comparison)
    choice = _chosen(verdicts)
    is_measurable = _is_unseen(material) if choice in students else np.ones(len(calls), np.bool_)
    judged = wanted if choice is Choice.BASE else choice
    facts = _facts(material, base_version, choice, verdicts, judged, students)
    unsettled = None
    if choice is Choice.BASE and asked and unasked is not None and not unasked.is_final:
        unsettled = Unsettled(held.draw, answers, asked, unasked)
    return Outcome(choice, verdicts, students, judged, facts, scores[choice], is_measurable, unsettled)


def _is_unseen(material: Material) -> Mask:
    """On which calls a learnt model can be measured: those that it learnt from, and references, promise too much."""
    found: Mask = ~material.is_learning & ~material.lawful.is_taught
    return found


def _round(say: Callable[[str, int, int], None], choice: Choice, number: int) -> None:
    say(f"{choice.value}, round {number}", number - 1, ROUNDS[WAYS[choice]] + 1)


class Held:
    """What judges: held-back calls that nothing was learnt from, nor from others like them.

    Args:
        material: All calls.
        seed: Of the draws.
        contender: Scores of the candidate that answers are asked for, shape (n,); None where there is none.

    Attributes:
        is_held: Calls that are held back, shape (n,).
        may_be_drawn: Those of them that an analyst may be asked about, shape (n,).
        draw: Whom the analyst is asked about.
        known: Robocalls, and lawful calls, that judge; shape (n,) each.
        missing: Why what was said unasked cannot judge; empty where it can.
    """

    def __init__(self, material: Material, seed: int, contender: Floats | None) -> None:
        self._material, self._seed = material, seed
        calls, labels, lawful = material.calls, material.labels, material.lawful
        self.is_held = ~material.is_learning
        is_known = lawful.is_reference | _akin(material, labels.weight > 0)
        self.may_be_drawn = self.is_held & ~is_known
        self.draw = [] if contender is None else drawn(calls, self.may_be_drawn, material.base_scores, contender, seed)
        positive = labels.is_positive & self.is_held & ~_akin(material, labels.is_positive)
        for one in self.draw:  # answers about these were asked for, and judge by the lot alone
            positive[one.cluster.calls] &= ~labels.is_looked_at[one.cluster.calls]
        self._caller = clusters_of(calls.number[positive], calls.block[positive])
        self._campaign = clusters_of(self._caller + 1, calls.origin[positive])  # of one origin they are one
        self._weight = np.where(positive, labels.weight, 0.0)[self.is_held]
        is_lawful = self.is_held & lawful.is_judging & ~_akin(material, labels.is_negative)
        self.known: tuple[Mask, Mask] = positive, is_lawful
        self._n = callers, references = len(np.unique(self._caller)), len(np.unique(calls.number[is_lawful]))
        self._proof = _proof_of(material)
        self._few_labels = few_labels(callers, len(np.unique(self._campaign)))
        self._few_references = few_references(references)
        self.missing = self._few_labels or self._few_references

    def unjudged(self, reason: str) -> Verdict:
        """That there is nothing to judge."""
        return Verdict(reason, *self._n)

    def judged(self, scores: Floats, choice: Choice) -> Verdict:
        """What was said unasked of a candidate with these scores, shape (n,)."""
        proof = {Choice.LABELLED: self._proof, Choice.ADAPTED: Proof.BY_LOT}.get(choice, Proof.SURE)
        missing = self._few_references if proof.presumes else self.missing
        if missing:
            return self.unjudged(missing)
        held, calls = self.is_held, self._material.calls
        weight = np.zeros_like(self._weight) if self._few_labels else self._weight
        both, whose = (self._material.base_scores[held], scores[held]), (self._caller, self._campaign)
        found = HeldBack(*both, weight, *whose, self.known[1][held], calls.number[held])
        return judge(found, NAMES[choice], self._seed, proof)


def _chosen(verdicts: Mapping[Choice, Verdict]) -> Choice:
    """The candidate that gains most of those that pass."""
    gains = {one: verdict.gain for one, verdict in verdicts.items() if verdict.adapts}
    return max(gains, key=lambda one: math.inf if (gain := gains[one]) is None else gain, default=Choice.BASE)


def _proof_of(material: Material) -> Proof:
    """What must be shown of what labels taught: the more callers somebody spoke of, the less."""
    calls, labels = material.calls, material.labels
    said = np.flatnonzero((labels.weight > 0) & material.is_early)
    caller, looked = clusters_of(calls.number[said], calls.block[said]), labels.is_looked_at[said]
    accused, at_ms = labels.is_robocall[said], calls.at_ms[material.is_learning]
    seen, robocallers, any_said = (len(np.unique(caller[chosen])) for chosen in (looked, looked & accused, accused))
    return Proof.of_taught(seen, robocallers, any_said, float(at_ms.max() - at_ms.min()) / HOUR_MS)


def _akin(material: Material, labelled: Mask) -> Mask:
    """Calls that share a number or a block with one that is labelled and learnt from, shape (n,).

    An answer labels all calls of a caller, and one part of them is learnt from. On the other part that is no evidence
    of what it is worth elsewhere. A caller has other numbers of its origin, so where somebody looked, calls of the
    origin are akin, too. Complaints are spread too thin for that: an origin may be that of a whole provider.
    """
    calls, known = material.calls, labelled & material.is_learning
    return (
        sharing(calls.number, known)
        | sharing(calls.block, known)
        | sharing(calls.origin, known & material.labels.is_looked_at)
    )


def _facts(
    material: Material,
    base_version: str,
    choice: Choice,
    verdicts: dict[Choice, Verdict],
    judged: Choice,
    students: dict[Choice, Student],
) -> dict[str, Any]:
    labels, learning = material.labels, material.is_learning
    facts: dict[str, Any] = {
        "base": base_version,
        "chosen": choice.value,
        "judged": judged.value,
        "learnt_from": _span(material, learning),
        "held_back": _span(material, ~learning),
        "labels_learnt_from": labels.by_source(learning),
        "labels_held_back": labels.by_source(~learning),
        "complaints_about_lawful_references_ignored": labels.ignored,
        "gate": verdicts[judged].as_json(),
        "candidates": {one.value: verdict.as_json() for one, verdict in verdicts.items()},
    }
    student = students.get(judged)
    if student is not None:
        rate = student.base_rate
        facts["believed_base_rate"] = None if rate is None else asdict(rate)
        facts["taught_as_robocalls"] = student.share
        facts["purity_by_round"] = student.purity
        facts["labels_contradicted"] = labels.by_source(student.is_contradicted)
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
