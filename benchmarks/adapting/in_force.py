"""What is in force of a model by answers about callers drawn by lot: measured where it was judged, hit later.

    python -m benchmarks.adapting.in_force --author fourth --seed 1 2 3 --lawful 10000

A model is learnt and judged as in `benchmarks.adapting.ladder`. Then budgets are measured by the code of `robocall
budgets measure`, without any registered sender. On each day an analyst answers 20 questions, one in twenty wrongly. Who
is called lawful is looked at once more, by somebody who errs as often.
Prints a row for each carrier.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.adapting.analyst import A_DAY, LOOKS, MOSTLY, seems
from benchmarks.adapting.carriers import Wanted
from benchmarks.adapting.judging import group_before
from benchmarks.adapting.ladder import Judging, counted, days_of, judged_by_answers, named, taught_by_answers
from benchmarks.adapting.rows import parser_of, run
from detector.contract.decisions import Action
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.budgets import HOUR_S, MILLION, Budgets
from detector.policy.settings import StandingBlocks
from models.adapt.adapting import learnt_from
from models.adapt.calls import Calls
from models.adapt.outcome import Choice, Outcome
from models.budgets.audit import LAWFUL, ROBOCALL, UNKNOWN, Answers
from models.budgets.bounds import Floats
from models.budgets.making import Subject, asked_by_lot, make
from models.budgets.measure import Measure, Threshold
from models.budgets.references import References, Span, find
from models.serve.artifact import SHIPPED, load
from models.serve.weighing import GROUP_WEIGHT
from streams.commands.adapt.inputs import SEED
from streams.running.progress import step

CALLS_24H = "number_attempts_24h"
DAYS = (0, 2, 4, 8, 12)
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


class Later(NamedTuple):
    """The calls of the span in which a measure is in force, shape (m,) each.

    Attributes:
        scores: That the model decides by.
        calls_24h: Of the calling number in 24 hours.
    """

    scores: Floats
    calls_24h: Floats


def in_force(
    calls: Calls, chosen: Mask, scores: Floats, is_robocall: Mask, judging: Judging, later: Later, seed: int
) -> list[Any]:
    """Measure budgets with more and more answers, and count what is hit later; plain values for each of `DAYS`.

    Args:
        calls: All n of the span.
        chosen: Those that may be measured, shape (n,).
        scores: That the model decides by, shape (n,).
        is_robocall: The truth, shape (n,).
        judging: The span in which the measure is in force.
        later: What the model's step looks at there.
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
            steps.append(asdict(_step(found, given, span, truth, judging, later)))
        asked = asked_by_lot(references, budgets, standing, found)[:A_DAY]
        given += len(asked)
        for places in asked:
            is_robocaller = seems(bool(truth[places].mean() > MOSTLY), analyst, LOOKS)
            answers[places] = ROBOCALL if is_robocaller else LAWFUL
    return steps


def _measured(span: Span, answers: Answers, budgets: Budgets, standing: StandingBlocks) -> tuple[References, Measure]:
    references = find(span, np.zeros(0, np.int64), answers.copy(), b"carrier")
    subject = Subject(
        model_version="carrier",
        partitions=1,
        calibrated=lambda margins: 1 / (1 + np.exp(-margins)),
        begin_ms=int(span.at_ms.min()),
        end_ms=int(span.at_ms.max()),
        written_ms=int(span.at_ms.max()),
        scored=len(span.at_ms),
        windows_h=Budgets().windows_h,
        traffic=None,
    )
    return references, make(subject, references, budgets, standing, None)


def _step(found: Measure, given: int, span: Span, truth: Mask, judging: Judging, later: Later) -> Step:
    may_be, rule = judging.calls.is_number, found.measured()
    is_few = [later.calls_24h <= rule.most_of_one(action) for action in (Action.LABEL, Action.BLOCK)]
    block = may_be & _above(later.scores, found.block) & is_few[1]
    hit = may_be & is_few[0] & (_above(later.scores, found.label) | _above(later.scores, found.block))
    measured = _above(span.margins, found.label)
    return Step(
        given,
        float(hit[judging.is_lawful].mean()) * MILLION,
        float(block[judging.is_lawful].mean()) * MILLION,
        float(hit[judging.is_new].mean()),
        float(block[judging.is_new].mean()),
        float(measured[~truth].mean()) * MILLION,
    )


def _above(scores: Floats, threshold: Threshold | None) -> Mask:
    above: Mask = scores >= (np.inf if threshold is None else threshold.margin)
    return above


def row_of(wanted: Wanted, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """All figures of one carrier, counted from its files.

    Args:
        wanted: Which one.
        options: Of the command.
        console: Where it is said how far it is.
    """
    made = counted(wanted, options.partitions, console, options.base)
    analyst, judging = Random(f"analyst {wanted.seed}"), made.judging
    with step("Learning", console) as say:
        material = taught_by_answers(made.material, made.is_robocall, days_of(wanted), analyst)
        students = learnt_from(material, SEED, lambda what, *_: say(what), options.lawful)
        _, last = judged_by_answers(material, students, made.is_robocall, analyst)
    scores = _later(last, judging)
    column = material.feature_names.index(CALLS_24H)
    calls_24h = judging.calls.rows.scored(lambda rows: rows[:, column].astype(np.float64))
    measured = material.calls, last.is_measurable, last.scores, made.is_robocall
    steps = in_force(*measured, judging, Later(scores, calls_24h), wanted.seed)
    base = load(options.base, schema_id=FEATURE_SCHEMA_ID).version
    facts = {"partitions": options.partitions, "base": base, "took": last.choice.value}
    return asdict(wanted) | facts | {"taken": judging.recalls(scores), "in_force": steps}


def _later(outcome: Outcome, judging: Judging) -> Floats:
    """What the chosen model decides by in the later span."""
    calls = judging.calls
    if outcome.chosen is not None:
        return calls.rows.scored(outcome.chosen.scorer.raw)
    is_grouped = outcome.choice is Choice.GROUPED
    return calls.margins + GROUP_WEIGHT * group_before(calls.margins, calls) if is_grouped else calls.margins


HEADINGS = (
    "carrier", "model", "caught at 1e-3", "of these in force: all calls count as lawful",
    *(f"after up to {day * A_DAY} answers" for day in DAYS[1:]),
    "lawful hit in a million, after as many answers", "blocked, of robocalls / lawful in a million",
)  # fmt: skip


def cells(row: dict[str, Any]) -> list[str]:
    """What stands in the columns of one carrier.

    Args:
        row: As `--out` has it.
    """
    steps = row["in_force"]
    last = steps[-1]
    return [
        named(row),
        row["took"],
        f"{row['taken'][0]:.3f}",
        *(f"{one['caught']:.3f}" for one in steps),
        " / ".join(f"{one['hit']:,.0f}" for one in steps),
        f"{last['caught_blocked']:.3f} / {last['blocked']:,.0f}",
    ]


def main() -> None:
    """Run the carriers, and print a row for each."""
    parser = parser_of(__doc__, ["fourth"], [1], hours=48.0, gate_hours=24.0, rate=1.0)
    parser.set_defaults(judge_hours=24.0)
    parser.add_argument("--partitions", type=int, default=1, help="that windows are counted in [%(default)s]")
    parser.add_argument("--base", type=Path, default=SHIPPED, help="folder of the model to adapt [the shipped one]")
    options = parser.parse_args()
    console = Console(stderr=True)
    run(options, HEADINGS, lambda wanted: row_of(wanted, options, console), cells)


if __name__ == "__main__":
    main()
