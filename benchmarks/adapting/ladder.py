"""What each thing that is known adds at a carrier: nothing, complaints and traps, twenty answers a day, all labels.

    python -m benchmarks.adapting.ladder --author fourth --seed 1 --hours 8 --gate-hours 4 --judge-hours 5 --rate 5
    python -m benchmarks.adapting.ladder --hours 48 --gate-hours 24 --judge-hours 24 --rate 1 --lawful 10000
    python -m benchmarks.adapting.ladder --author second --base build/untold/second --out ladder_untold.json

Windows go on from span to span, as in a worker. The code of `robocall ask` and `robocall adapt` learns and decides.
The analyst answers 20 questions of `ask` for each day begun, which teach. The 20 of `adapt`, and 20 more where they do
not decide, are about a later span (`--judge-h`). One answer in twenty is wrong. Models are judged on a span that is
later still, by robocalls whose campaign was not seen before. `--base` is adapted instead of the shipped model, such as
one of `benchmarks.adapting.untold`, which never learnt from an author. Prints a row for each carrier.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.adapting.analyst import A_DAY, MOSTLY, WRONG
from benchmarks.adapting.carriers import Carrier, Wanted, written
from benchmarks.adapting.judging import RATES, group_before, recall, replayed_calls, threshold
from benchmarks.adapting.rows import parser_of, run
from detector.contract.events import FeedbackSource
from detector.features.table import FEATURE_SCHEMA_ID
from models.adapt.adapting import decided, learnt_from
from models.adapt.alerts import VOLUMES, highest
from models.adapt.asking import ask, ranking
from models.adapt.calls import Calls, Lawful
from models.adapt.comparing import Cluster, answers_in, compared, drawn
from models.adapt.held_back import HeldBackCalls
from models.adapt.labels import Labels
from models.adapt.outcome import Choice, Outcome
from models.adapt.root import root_of
from models.adapt.rounds import Material, Student, Way, learn
from models.budgets.bounds import Floats
from models.serve.artifact import SHIPPED, load
from models.serve.weighing import GROUP_WEIGHT
from models.traffic.truth import Truth
from streams.commands.adapt.inputs import SEED, WINDOWS_H, joining_of, known_of, replay_of
from streams.commands.budgets.collecting import call_keys_of
from streams.commands.events.source import Source
from streams.running.progress import step
from streams.settings import load_settings

DAY_H = 24
HOURS = 8.0
LOTS = 40
JUDGED_DAYS = 2
"""Of answers to what `adapt` asks, at most."""
ANALYST = 0.9
"""Weight of an answer about calls."""
HEADINGS = (
    "carrier", "calls learnt", "robocalls", "new ones judged, among lawful calls", "shipped", "group score",
    "adapted without labels", "with complaints and traps", "and 20 answers a day", "what was taken", "all labels",
    "gain held back", "taken / shown to be worse, of 40 lots", "answers until then",
)  # fmt: skip
COLUMNS = ("shipped", "group", "blind", "said", "answered", "taken", "all")
"""Names of figures: of the models that were learnt, and of what the gate took with all answers."""
KINDS_OF = ("shipped", "taken", "all")
"""Of these what is hit is told by kind of caller, too."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Judging:
    """A later span: its calls, and which are lawful, which are robocalls of campaigns that are new, and of what kind.

    All arrays have the shape (n_calls,).
    """

    calls: Calls
    is_lawful: NDArray[np.bool_]
    is_new: NDArray[np.bool_]
    kind: NDArray[np.str_]

    def recalls(self, scores: Floats) -> list[float]:
        """Share of the robocalls caught at each of `RATES` of lawful calls hit."""
        return [recall(scores, self.is_lawful, self.is_new, rate) for rate in RATES]

    def by_kind(self, scores: Floats) -> dict[str, dict[str, list[int]]]:
        """Calls of each kind that are hit, and all of it, where 1 lawful call in 1,000 is hit."""
        is_hit = scores > threshold(scores, self.is_lawful, RATES[0])
        return {"lawful": self._kinds(is_hit, self.is_lawful), "robocalls": self._kinds(is_hit, self.is_new)}

    def _kinds(self, is_hit: NDArray[np.bool_], counted: NDArray[np.bool_]) -> dict[str, list[int]]:
        kinds, codes = np.unique(self.kind[counted], return_inverse=True)
        hit = np.bincount(codes, weights=is_hit[counted], minlength=len(kinds))
        return {
            str(kind): [int(its), int(all_)] for kind, its, all_ in zip(kinds, hit, np.bincount(codes), strict=True)
        }

    def scores(self, student: Student | str) -> Floats | None:
        """Scores by what was learnt; None where nothing was."""
        return None if isinstance(student, str) else self.calls.rows.scored(student.scorer.raw)


def climbed(
    material: Material, is_robocall: NDArray[np.bool_], judging: Judging, seed: int, days: int, lawful: int, say: Say
) -> dict[str, Any]:
    """All figures of a carrier; some twenty fits.

    Args:
        material: Its span, with complaints and traps as labels.
        is_robocall: The truth of its calls.
        judging: The later span.
        seed: Of answers that are wrong.
        days: On which answers teach.
        lawful: Calls that a round learns from.
        say: Told what is done.
    """
    margins = judging.calls.margins
    found: dict[str, Any] = {}
    scores: dict[str, Floats | None] = {
        "shipped": margins,
        "group": margins + GROUP_WEIGHT * group_before(margins, judging.calls),
    }

    def told(what: str) -> Callable[..., None]:
        return lambda *done: say(f"{what}: {done[0]}")

    nothing = replace(material.labels, weight=np.zeros(len(is_robocall)))
    scores["blind"] = judging.scores(
        learn(replace(material, labels=nothing), SEED, told("without labels"), Way.TEACHER, lawful)
    )
    said = decided(material, learnt_from(material, SEED, told("complaints and traps"), lawful), "base", SEED)
    scores["said"] = judging.scores(said.students.get(said.judged, ""))
    found["said_took"] = said.choice.value
    analyst = Random(f"analyst {seed}")
    material = taught_by_answers(material, is_robocall, days, analyst)
    students = learnt_from(material, SEED, told("with answers"), lawful)
    first, last = judged_by_answers(material, students, is_robocall, analyst)
    scores["answered"] = judging.scores(last.students.get(first.judged, ""))
    found["candidate"], found["took"] = first.judged.value, last.choice.value
    found["gate"] = last.verdict.as_json()
    if first.judged in last.students:
        found["lots"] = lots(material, last.students[first.judged].margins, is_robocall, analyst)
    scores["taken"] = _taken(scores, last, judging)
    every = Labels(is_robocall, np.ones(len(is_robocall)), np.zeros(len(is_robocall), np.int64), ("truth",), 0)
    nobody = np.zeros(len(is_robocall), np.bool_)
    known = replace(material, labels=every, lawful=Lawful(nobody, nobody, nobody), root=None)
    scores["all"] = judging.scores(learn(known, SEED, told("all labels"), Way.LABELS, lawful, doubts=False))
    found |= {name: None if one is None else judging.recalls(one) for name, one in scores.items()}
    found["kinds"] = {name: judging.by_kind(one) for name in KINDS_OF if (one := scores[name]) is not None}
    return found


def taught_by_answers(material: Material, is_robocall: NDArray[np.bool_], days: int, analyst: Random) -> Material:
    """The material with answers to what `robocall ask` asks on some days.

    Args:
        material: The calls, with what is known of them.
        is_robocall: The truth.
        days: How many; on each are 20 questions.
        analyst: Errs.
    """
    for _ in range(days):
        learnt = ranking(material, SEED, lambda _: None)
        asked = [one.cluster for one in ask(material, learnt, A_DAY).questions]
        material = replace(material, labels=answered(material.labels, asked, is_robocall, analyst))
    return material


def judged_by_answers(
    material: Material, students: Mapping[Choice, Student | str], is_robocall: NDArray[np.bool_], analyst: Random
) -> tuple[Outcome, Outcome]:
    """What the gate says before and after answers to what `robocall adapt` asks, of `JUDGED_DAYS` at most.

    Args:
        material: The calls, with what is known of them.
        students: What was learnt of it.
        is_robocall: The truth.
        analyst: Errs.
    """
    first = last = decided(material, students, "base", SEED)
    for _ in range(JUDGED_DAYS):
        material = replace(material, labels=answered(material.labels, last.questions, is_robocall, analyst))
        last = decided(material, students, "base", SEED)
    return first, last


def lots(material: Material, candidate: Floats, is_robocall: NDArray[np.bool_], analyst: Random) -> dict[str, float]:
    """What the gate comes to by other lots: a candidate compared again and again, by answers of the same analyst.

    Args:
        material: The calls, with what is known of them.
        candidate: Its scores of these.
        is_robocall: The truth.
        analyst: Errs.

    Returns:
        How much more of the robocalls it catches at equal alerts, among those that may be drawn; shares of the lots by
        which it is taken and is shown to be worse; and how many answers that takes, in the mean.
    """
    held, base = HeldBackCalls(material, SEED, None), material.base_scores
    nothing = replace(material.labels, weight=np.zeros(len(is_robocall)))
    verdicts = []
    for lot in range(LOTS):
        draw = drawn(material.calls, held.may_be_drawn, base, candidate, lot)[: A_DAY * JUDGED_DAYS]
        answers = answered(nothing, [one.cluster for one in draw], is_robocall, analyst)
        verdicts.append(compared(draw, answers_in(draw, answers))[0])
    chosen = np.flatnonzero(held.may_be_drawn)
    hit = [[is_robocall[chosen][highest(one[chosen], volume)].sum() for volume in VOLUMES] for one in (base, candidate)]
    return {
        "gain": float(np.mean(np.array(hit[1]) - np.array(hit[0])) / max(is_robocall[chosen].sum(), 1)),
        "taken": float(np.mean([one.is_better for one in verdicts])),
        "worse": float(np.mean([one.is_worse for one in verdicts])),
        "answers": float(np.mean([sum(one.answered) for one in verdicts])),
    }


def _taken(scores: Mapping[str, Floats | None], last: Outcome, judging: Judging) -> Floats | None:
    if last.chosen is not None:
        return judging.scores(last.chosen)
    return scores["group" if last.choice is Choice.GROUPED else "shipped"]


def answered(labels: Labels, asked: Iterable[Cluster], is_robocall: NDArray[np.bool_], analyst: Random) -> Labels:
    """Labels with an analyst's answers on top: a cluster is what most of its calls are, one in twenty wrongly.

    Args:
        labels: What was said so far.
        asked: What the analyst is asked about.
        is_robocall: The truth.
        analyst: Errs.
    """
    source = len(labels.sources)
    robocall, weight, sources = labels.is_robocall.copy(), labels.weight.copy(), labels.source.copy()
    for one in asked:
        verdict = bool(is_robocall[one.labelled].mean() > MOSTLY) ^ (analyst.random() < WRONG)
        robocall[one.labelled], weight[one.labelled], sources[one.labelled] = verdict, ANALYST, source
    return Labels(robocall, weight, sources, (*labels.sources, FeedbackSource.ANALYST), labels.ignored)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A carrier with its windows counted.

    Attributes:
        material: Its span, with complaints and traps as labels.
        is_robocall: The truth of its calls.
        judging: The later span.
    """

    material: Material
    is_robocall: NDArray[np.bool_]
    judging: Judging


def counted(wanted: Wanted, partitions: int, console: Console, folder: Path = SHIPPED) -> Counted:
    """Generate a carrier and count its windows, as `robocall adapt` does; minutes for some 100,000 calls.

    Args:
        wanted: Which one.
        partitions: That windows are counted in.
        console: Where it is said how far it is.
        folder: Of the base model.
    """
    with TemporaryDirectory() as made:
        with step(f"Generating {wanted.author} {wanted.seed}", console) as say:
            carrier = written(wanted, Path(made), say)
        base = load(folder, schema_id=FEATURE_SCHEMA_ID)
        source = Source((carrier.learn,))
        joining = joining_of(source, (carrier.feedback,), console)
        settings = load_settings(mode="shadow", model_dir=folder, partitions=partitions)
        done = replay_of(settings, source, joining, WINDOWS_H, console)
        material, _ = known_of(done, base, np.zeros(0, np.int64), wanted.gate_hours or None)
        material = replace(material, root=root_of(folder, base))
        judging = judging_of(carrier, folder, partitions, console)
    is_robocall = np.array([one.is_robocall for one in _truths(material.calls, carrier.learnt)])
    return Counted(material, is_robocall, judging)


def row_of(wanted: Wanted, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """All figures of one carrier, counted from its files.

    Args:
        wanted: Which one.
        options: Of the command.
        console: Where it is said how far it is.
    """
    found = counted(wanted, options.partitions, console, options.base)
    material = replace(found.material, root=None) if options.stand_alone else found.material
    with step("Learning", console) as say:
        figures = climbed(material, found.is_robocall, found.judging, wanted.seed, days_of(wanted), options.lawful, say)
    judged = {"robocalls": int(found.judging.is_new.sum()), "lawful": int(found.judging.is_lawful.sum())}
    base = load(options.base, schema_id=FEATURE_SCHEMA_ID).version
    facts = {"partitions": options.partitions, "base": base, "judged": judged} | facts_of(material, found.is_robocall)
    return asdict(wanted) | facts | figures


def days_of(wanted: Wanted) -> int:
    """Days of the span that teaches; one that was begun counts."""
    return math.ceil(wanted.hours / DAY_H)


def facts_of(material: Material, is_robocall: NDArray[np.bool_]) -> dict[str, Any]:
    """How much there is to learn from."""
    said = material.labels.by_source(np.ones(len(is_robocall), np.bool_))
    return {"calls": len(is_robocall), "robocall_share": float(is_robocall.mean()), "labels": said}


def judging_of(carrier: Carrier, base: Path, partitions: int, console: Console) -> Judging:
    """Count the later span, with margins of the base, in the windows of all before, as in a worker that runs on."""
    calls = replayed_calls(carrier, base, partitions, console)
    truths, known = _truths(calls, carrier.truths), carrier.known
    is_robocall = np.array([one.is_robocall for one in truths])
    is_new = np.array([one.is_robocall and one.campaign not in known for one in truths])
    return Judging(calls, ~is_robocall, is_new, np.array([one.kind for one in truths]))


def _truths(calls: Calls, truths: Mapping[str, Truth]) -> list[Truth]:
    by_key = dict(zip(call_keys_of(list(truths)).tolist(), truths.values(), strict=True))
    return [by_key[key] for key in calls.call.tolist()]


def cells(row: dict[str, Any]) -> list[str]:
    """What stands in the columns of one carrier: shares caught at 1e-3 and 1e-4.

    Args:
        row: As `--out` has it.
    """
    by_lot = row.get("lots")
    judge = ["-"] * 3
    if by_lot:
        judge = [f"{by_lot['gain']:+.3f}", f"{by_lot['taken']:.2f} / {by_lot['worse']:.2f}", f"{by_lot['answers']:.0f}"]
    figures = {name: " / ".join(f"{one:.3f}" for one in row[name]) if row[name] else "-" for name in COLUMNS}
    judged = f"{row['judged']['robocalls']:,} / {row['judged']['lawful']:,}" if "judged" in row else "-"
    return [
        named(row), f"{row['calls']:,}", f"{row['robocall_share']:.1%}", judged,
        figures["shipped"], figures["group"], figures["blind"], figures["said"],
        f"{figures['answered']} ({row['candidate']})", f"{row['took']}: {figures['taken']}", figures["all"], *judge,
    ]  # fmt: skip


def named(row: dict[str, Any]) -> str:
    """Which carrier it is, of which hours, in how many partitions."""
    span = f", {row['hours']:g} h" if row["hours"] != HOURS else ""
    span += f", {row['partitions']} partitions" if row["partitions"] > 1 else ""
    return f"{row['author']} {row['seed']}{span}"


def main() -> None:
    """Run the carriers, and print a row for each."""
    parser = parser_of(__doc__, ["first", "third", "fourth"], [1], hours=HOURS, gate_hours=4.0, rate=5.0)
    parser.add_argument("--partitions", type=int, default=1, help="that windows are counted in [%(default)s]")
    parser.add_argument("--stand-alone", action="store_true", help="do not add what is learnt to the base's trees")
    parser.add_argument("--base", type=Path, default=SHIPPED, help="folder of the model to adapt [the shipped one]")
    options = parser.parse_args()
    console = Console(stderr=True)
    run(options, HEADINGS, lambda wanted: row_of(wanted, options, console), cells)


if __name__ == "__main__":
    main()
