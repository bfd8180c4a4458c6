"""What a campaign of complaints about lawful callers does to what is learnt, and to these callers.

    python -m benchmarks.adapting.poisoned --author fourth --seed 1 2 3 --out docs/benchmarks/poisoned.json
    python -m benchmarks.adapting.poisoned --targets 100 --out docs/benchmarks/poisoned_many.json

It is learnt as in `benchmarks.adapting.ladder`, once as things are and once with complaints about all calls of the
targets, held-back ones included: the lawful numbers with the most calls that nobody vouches for.
Prints a row for each carrier.
"""

from dataclasses import asdict, replace
from random import Random
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.adapting.carriers import Wanted
from benchmarks.adapting.judging import RATES, threshold
from benchmarks.adapting.ladder import Counted, counted, days_of, judged_by_answers, taught_by_answers
from benchmarks.adapting.rows import parser_of, run
from detector.contract.events import FeedbackSource
from models.adapt.adapting import learnt_from
from models.adapt.calls import Mask
from models.adapt.labels import Labels
from models.budgets.bounds import Floats, Ints
from streams.commands.adapt.inputs import SEED
from streams.running.progress import Say, step

COMPLAINT = 0.4
"""Weight of a complaint that names a call."""
HEADINGS = (
    "carrier", "targets", "complaints about them, of all", "caught: shipped / honest / poisoned",
    "their calls hit: shipped / honest / poisoned", "what was taken: honest / poisoned",
)  # fmt: skip


def complained(labels: Labels, against: Mask) -> Labels:
    """Labels with a complaint about each of some calls.

    Args:
        labels: Of n calls.
        against: Which, shape (n,).
    """
    sources = labels.sources
    if FeedbackSource.SUBSCRIBER_REPORT not in sources:
        sources = (*sources, FeedbackSource.SUBSCRIBER_REPORT)
    of = sources.index(FeedbackSource.SUBSCRIBER_REPORT)
    return replace(
        labels,
        sources=sources,
        is_robocall=labels.is_robocall | against,
        weight=np.where(against, COMPLAINT, labels.weight),
        source=np.where(against, of, labels.source),
    )


def targets_of(found: Counted, many: int) -> Ints:
    """Keys of the numbers with the most calls, in both spans, of those that are lawful and that nobody vouches for."""
    calls, later = found.material.calls, found.judging
    is_open = ~found.is_robocall & calls.is_number & ~found.material.lawful.is_vouched
    numbers, counts = np.unique(calls.number[is_open], return_counts=True)
    spoofed = np.union1d(calls.number[found.is_robocall], later.calls.number[~later.is_lawful])
    may_be = np.isin(numbers, later.calls.number[later.is_lawful]) & ~np.isin(numbers, spoofed)
    return numbers[may_be][np.argsort(-counts[may_be], kind="stable")[:many]]


def learnt(found: Counted, labels: Labels, wanted: Wanted, lawful: int, targets: Ints, say: Say) -> dict[str, Any]:
    """Adapt by these labels, with answers; what is caught, and how many calls of the targets are hit, at `RATES`."""
    analyst, is_robocall = Random(f"analyst {wanted.seed}"), found.is_robocall
    material = taught_by_answers(replace(found.material, labels=labels), is_robocall, days_of(wanted), analyst)
    students = learnt_from(material, SEED, lambda what, *_: say(what), lawful)
    first, last = judged_by_answers(material, students, is_robocall, analyst)
    student = last.students[first.judged]
    return {"took": last.choice.value, **hit(found, found.judging.calls.rows.scored(student.scorer.raw), targets)}


def hit(found: Counted, scores: Floats, targets: Ints) -> dict[str, Any]:
    """What is caught, and the share of the targets' calls above the threshold, at `RATES`."""
    later = found.judging
    theirs = later.is_lawful & np.isin(later.calls.number, targets)
    cuts = [threshold(scores, later.is_lawful, rate) for rate in RATES]
    return {"caught": later.recalls(scores), "targets": [float((scores[theirs] > cut).mean()) for cut in cuts]}


def row_of(wanted: Wanted, lawful: int, many: int, console: Console) -> dict[str, Any]:
    """All figures of one carrier.

    Args:
        wanted: Which one.
        lawful: Calls that a round learns from.
        many: Targets.
        console: Where it is said how far it is.
    """
    found = counted(wanted, 1, console)
    targets, labels = targets_of(found, many), found.material.labels
    against = np.isin(found.material.calls.number, targets)
    with step("Learning", console) as say:
        honest = learnt(found, labels, wanted, lawful, targets, say)
        poisoned = learnt(found, complained(labels, against), wanted, lawful, targets, say)
    facts = {
        "partitions": 1,
        "targets": len(targets),
        "complaints": int(against.sum()),
        "labels": int(labels.is_positive.sum()),
    }
    shipped = hit(found, found.judging.calls.margins, targets)
    return asdict(wanted) | facts | {"shipped": shipped, "honest": honest, "poisoned": poisoned}


def cells(row: dict[str, Any]) -> list[str]:
    """What stands in the columns of one carrier, at 1 lawful call in 1,000.

    Args:
        row: As `--out` has it.
    """
    models = [row[name] for name in ("shipped", "honest", "poisoned")]
    return [
        f"{row['author']} {row['seed']}", f"{row['targets']:,}",
        f"{row['complaints']:,} of {row['complaints'] + row['labels']:,}",
        " / ".join(f"{one['caught'][0]:.3f}" for one in models),
        " / ".join(f"{one['targets'][0]:.3f}" for one in models),
        " / ".join(one["took"] for one in models[1:]),
    ]  # fmt: skip


def main() -> None:
    """Run the carriers, and print a row for each."""
    parser = parser_of(__doc__, ["fourth"], [1, 2, 3], hours=48.0, gate_hours=24.0, rate=1.0)
    parser.add_argument("--targets", type=int, default=1, help="lawful numbers that are complained about [%(default)s]")
    options = parser.parse_args()
    console = Console(stderr=True)
    run(options, HEADINGS, lambda wanted: row_of(wanted, options.lawful, options.targets, console), cells)


if __name__ == "__main__":
    main()
