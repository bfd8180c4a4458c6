"""What is in force of a model by answers about callers drawn by lot: measured where it was judged, hit later.

By the code of `robocall budgets measure`, without any registered sender. On each day an analyst answers 20 questions,
one in twenty wrongly. Who is called lawful is looked at once more, by somebody who errs as often.
"""

from dataclasses import asdict, dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.adapting.analyst import A_DAY, MOSTLY, WRONG
from detector.policy.budgets import HOUR_S, MILLION, Budgets
from detector.policy.settings import StandingBlocks
from models.adapt.calls import Calls
from models.budgets.audit import LAWFUL, ROBOCALL, UNKNOWN, Answers
from models.budgets.bounds import Floats, Ints
from models.budgets.making import Subject, asked_by_lot, make
from models.budgets.measure import Measure, Threshold
from models.budgets.references import References, Span, find

DAYS = (0, 1, 2, 4, 6)
"""Of answers, after which it is looked what is in force."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Step:
    """What is in force after some answers.

    Attributes:
        answered: Callers about whom somebody answered.
        hit: Lawful calls labelled or blocked, in a million.
        blocked: Of these blocked.
        caught: Share of the robocalls labelled or blocked.
        caught_blocked: Blocked.
        found: Lawful calls hit in the measured span, in a million of its lawful ones.
    """

    answered: int
    hit: float
    blocked: float
    caught: float
    caught_blocked: float
    found: float


@dataclass(frozen=True, slots=True, eq=False)
class Later:
    """The span in which a measure is in force, shape (n,) each.

    Attributes:
        scores: That the model decides by.
        is_number: Whether the calling number is one that somebody can have.
        is_lawful: The truth.
        is_new: Robocalls that count.
    """

    scores: Floats
    is_number: Mask
    is_lawful: Mask
    is_new: Mask


def in_force(calls: Calls, chosen: Mask, scores: Floats, is_robocall: Mask, later: Later, seed: int) -> list[Any]:
    """Measure budgets with more and more answers, and count what is hit later; plain values for each of `DAYS`.

    Args:
        calls: All n of the span.
        chosen: Those that may be measured, shape (n,).
        scores: That the model decides by, shape (n,).
        is_robocall: The truth, shape (n,).
        later: Another span.
        seed: Of answers that are wrong.
    """
    budgets, standing, analyst = Budgets(), StandingBlocks(), Random(f"lot {seed}")
    chosen = chosen & calls.is_number & (calls.windows_s >= budgets.windows_h * HOUR_S)
    span, truth = calls.span(chosen, scores), is_robocall[chosen]
    answers = np.full(len(truth), UNKNOWN, np.int8)
    given, steps = 0, []
    for day in range(max(DAYS) + 1):
        references, found = _measured(span, answers, budgets, standing)
        if day in DAYS:
            steps.append(asdict(_step(found, given, span, truth, later)))
        asked = asked_by_lot(references, budgets, standing, found)[:A_DAY]
        given += len(asked)
        for places in asked:
            answers[places] = _answer(places, truth, analyst)
    return steps


def _measured(span: Span, answers: Answers, budgets: Budgets, standing: StandingBlocks) -> tuple[References, Measure]:
    references = find(span, np.zeros(0, np.int64), answers.copy(), "carrier")
    subject = Subject(
        model_version="carrier",
        partitions=1,
        calibrated=lambda margins: 1 / (1 + np.exp(-margins)),
        begin_ms=int(span.at_ms.min()),
        end_ms=int(span.at_ms.max()),
        written_ms=int(span.at_ms.max()),
        scored=len(span.at_ms),
        traffic=None,
    )
    return references, make(subject, references, budgets, standing, None)


def _answer(places: Ints, truth: Mask, analyst: Random) -> int:
    """What most of the calls are, if nobody errs."""
    is_robocall = bool(truth[places].mean() > MOSTLY)
    if is_robocall ^ (analyst.random() < WRONG):
        return ROBOCALL
    return ROBOCALL if is_robocall ^ (analyst.random() < WRONG) else LAWFUL


def _step(found: Measure, given: int, span: Span, truth: Mask, later: Later) -> Step:
    label, block = (_above(later, one) for one in (found.label, found.block))
    hit = label | block
    measured = np.zeros(len(truth), np.bool_) if found.label is None else span.margins >= found.label.margin
    return Step(
        given,
        float(hit[later.is_lawful].mean()) * MILLION,
        float(block[later.is_lawful].mean()) * MILLION,
        float(hit[later.is_new].mean()),
        float(block[later.is_new].mean()),
        float(measured[~truth].mean()) * MILLION,
    )


def _above(later: Later, threshold: Threshold | None) -> Mask:
    if threshold is None:
        return np.zeros(len(later.scores), np.bool_)
    above: Mask = later.is_number & (later.scores >= threshold.margin)
    return above


HEADINGS = (
    "carrier", "model", "caught at 1e-3", "of these in force: all calls count as lawful",
    *(f"after {day * A_DAY} answers" for day in DAYS[1:]),
    "lawful hit in a million, after as many answers", "blocked, of robocalls / lawful in a million",
)  # fmt: skip


def cells(row: dict[str, Any], carrier: str) -> list[str]:
    """What stands in the columns of one carrier.

    Args:
        row: As the ladder writes it.
        carrier: Its name.
    """
    steps = row["in_force"]
    last = steps[-1]
    return [
        carrier,
        row["took"],
        f"{row['taken'][0]:.3f}",
        *(f"{one['caught']:.3f}" for one in steps),
        " / ".join(f"{one['hit']:,.0f}" for one in steps),
        f"{last['caught_blocked']:.3f} / {last['blocked']:,.0f}",
    ]
