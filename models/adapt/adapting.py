"""From the calls of a span to a decision: a model of their own, the base with a group weight, or the base as it is.

What was said unasked judges both candidates. What was learnt is compared by an analyst's answers, too.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from detector.features.window_constants import HOUR_MS
from models.adapt.calls import Calls, Mask
from models.adapt.comparing import answers_in, compared
from models.adapt.gate import Proof, Verdict
from models.adapt.held_back import HeldBackCalls
from models.adapt.labels import clusters_of
from models.adapt.outcome import NAMES, WAYS, Choice, Outcome, Unsettled, is_unseen
from models.adapt.rounds import MOST_LAWFUL, ROUNDS, Material, Student, learn
from models.errors import TrainingDataInvalid

HELD_BACK = (1 / 3, 2 / 3)
"""Of the time: judged and not learnt from, where nobody says which hours judge. It lies in the middle: windows are warm
by then, and what is said of a call comes hours after it, so of the end of a span hardly anything was said yet."""


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


def adapt_model(material: Material, base_version: str, seed: int, say: Callable[[str, int, int], None]) -> Outcome:
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
    held = HeldBackCalls(material, seed, scores.get(wanted))
    verdicts = {choice: held.unjudged(held.missing or one) for choice, one in learnt.items() if isinstance(one, str)}
    candidates = [*students] if material.is_grouped else [*students, Choice.GROUPED]
    verdicts |= {one: held.judged(scores[one], NAMES[one], _proof(one, material)) for one in candidates}
    answers = answers_in(held.draw, material.labels)
    comparison, asked = compared(held.draw, answers)
    unasked = verdicts.get(wanted)
    if wanted in students:
        verdicts[wanted] = verdicts[wanted].with_answers(NAMES[wanted], comparison)
    choice = _chosen(verdicts)
    is_measurable = is_unseen(material) if choice in students else np.ones(len(calls), np.bool_)
    judged = wanted if choice is Choice.BASE else choice
    facts = _facts(material, base_version, choice, verdicts, judged, students)
    unsettled = None
    if choice is Choice.BASE and asked and unasked is not None and not unasked.is_final:
        unsettled = Unsettled(held.draw, answers, asked, unasked)
    return Outcome(choice, verdicts, students, judged, facts, scores[choice], is_measurable, unsettled)


def _round(say: Callable[[str, int, int], None], choice: Choice, number: int) -> None:
    say(f"{choice.value}, round {number}", number - 1, ROUNDS[WAYS[choice]] + 1)


def _chosen(verdicts: Mapping[Choice, Verdict]) -> Choice:
    """The candidate that gains most of those that pass."""
    gains = {one: verdict.gain for one, verdict in verdicts.items() if verdict.adapts}
    return max(gains, key=lambda one: math.inf if (gain := gains[one]) is None else gain, default=Choice.BASE)


def _proof(choice: Choice, material: Material) -> Proof:
    """What must be shown of a candidate; of what labels taught the less, the more callers somebody spoke of."""
    if choice is not Choice.LABELLED:
        return Proof.BY_LOT if choice is Choice.ADAPTED else Proof.SURE
    calls, labels = material.calls, material.labels
    said = np.flatnonzero((labels.weight > 0) & material.is_early)
    caller, looked = clusters_of(calls.number[said], calls.block[said]), labels.is_looked_at[said]
    accused, at_ms = labels.is_robocall[said], calls.at_ms[material.is_learning]
    seen, robocallers, any_said = (len(np.unique(caller[chosen])) for chosen in (looked, looked & accused, accused))
    return Proof.of_taught(seen, robocallers, any_said, float(at_ms.max() - at_ms.min()) / HOUR_MS)


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
