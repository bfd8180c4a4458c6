"""`make quality`: judge a model in worlds that it never saw, and write the tables of `docs/quality.md`.

There are five families of worlds. Three are by the first generator: its central figures, figures within the ranges that
training draws from, and figures wholly outside of them. The second and the third author have one family each. All have
the natural share of robocalls. Seeds are fixed, so two models are judged on the same calls. The models to compare with
learn from other worlds, by all three authors.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from detector.features.table import FEATURE_SCHEMA_ID
from models.data.dataset import Dataset
from models.data.parallel import generated, join, processes
from models.judge.evaluation import at_rates, rates_by_campaign
from models.judge.report.aims import AIMS
from models.judge.report.learnt import Learnt, learn
from models.judge.report.quality_page import BEGIN, END, tables
from models.judge.report.report import judge, write
from models.judge.report.worlds import FIRST, JUDGED, LEFT_OUT_IN, families
from models.judge.stopping import campaign_sizes
from models.learn.many_worlds import COUNTED_IN, by_turns, whose
from models.serve.artifact import SHIPPED, Model, load
from models.traffic.authors import Traffic
from models.traffic.first.spec import TrafficSpec
from models.traffic.kinds import CAMPAIGN_KINDS

SEED = 3_000_017
"""Of worlds that models are judged in. Models are not to be trained with it."""
LEARNT_SEED = 4_000_037
"""Of worlds that the models to compare with learn from, and of their training."""
PARTITIONS = 12
"""Of a topic by default: what a worker counts in."""
REFERENCE_VARIABLE = "ROBOCALL_REFERENCE_DATA"
ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "quality.md"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is judged: held-out worlds, and of each calls; and worlds to learn from, and of each calls."""

    worlds: int
    calls: int
    learn_from: int
    learnt_calls: int


FULL = Sizes(worlds=24, calls=60_000, learn_from=45, learnt_calls=12_000)
"""More than 1,000,000 lawful calls in held-out worlds: fewer cannot tell what is caught at one hit in 100,000. Whole
turns of all authors to learn from."""
QUICK = Sizes(worlds=2, calls=4_000, learn_from=6, learnt_calls=1_000)


def one_by_one(model: Model, data: Dataset, sizes: Sequence[int]) -> list[list[float]]:
    """Recall at each rate in each world, with a threshold of its own: as for carriers that each set theirs.

    Args:
        model: The model.
        data: The calls of some worlds, one after the other.
        sizes: How many calls each world has.

    Returns:
        Shares in [0, 1] by world and rate; worlds without robocalls or without lawful calls are left out.
    """
    ends = np.cumsum(sizes)[:-1]
    worlds = zip(np.split(model.raw(data.rows), ends), np.split(data.is_robocall, ends), strict=True)
    return [
        [entry["recall"]["share"] for entry in at_rates(raw, truth)]
        for raw, truth in worlds
        if truth.any() and not truth.all()
    ]


def replace_tables(content: str, made: str) -> str:
    """The page with the part between its two marks replaced.

    Raises:
        ValueError: the marks are not there.
    """
    if BEGIN not in content or END not in content:
        raise ValueError(f"{PAGE.name} lacks the marks {BEGIN} and {END}")
    before, rest = content.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{made}\n{END}{rest.split(END, 1)[1]}"


def commit() -> str:
    """The commit of the source, and whether it was changed; `unknown` outside of a repository. It waits for git.

    Raises:
        OSError: git is not installed.
    """
    run = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    return done.stdout.strip() or "unknown"


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge in each family, write a report folder for each, and the tables of the page; gives status 0.

    It blocks for some twenty minutes of two cores in full.

    Args:
        arguments: Of the command line; None takes those of this process.

    Raises:
        ArtifactError: The model cannot be used.
        OSError: A report or the page cannot be written.
        ValueError: The page lacks its marks.
    """
    options = _options(arguments)
    model = load(options.model, schema_id=FEATURE_SCHEMA_ID)
    made_at = commit()
    started = time.monotonic()
    found: dict[str, dict[str, Any]] = {}
    with processes() as pool:
        worlds = families(options.worlds, options.calls, options.seed)
        learnt = _learnt(on_air(worlds[JUDGED]), options, pool)
        for name, specs in worlds.items():
            _say(f"{name}: generating {len(specs)} worlds of {options.calls:,} calls")
            found[name] = _family(name, specs, model, beside(learnt, name), options, pool)
        found[JUDGED]["partitions"] = {
            options.partitions: found[JUDGED]["at_false_block_rates"],
            **_counted_otherwise(worlds[JUDGED], model, options, pool),
        }
    seconds = time.monotonic() - started
    made = tables(found, command=_command(options), commit=made_at, seed=options.seed, seconds=seconds)
    options.page.write_text(replace_tables(options.page.read_text(encoding="utf-8"), made), encoding="utf-8")
    missed = [aim for aim in AIMS if not aim.is_met(found)]
    _say(f"{options.page}: {len(AIMS) - len(missed)} of {len(AIMS)} aims met, {seconds:.0f} s")
    return 0


def on_air(specs: Sequence[Traffic]) -> list[str]:
    """Kinds of campaign in worlds of the first author; the others have campaigns of every kind of theirs."""
    kinds = {kind for spec in specs if isinstance(spec, TrafficSpec) for kind in spec.scenarios}
    return [kind for kind in CAMPAIGN_KINDS if kind in kinds]


def beside(learnt: Learnt, family: str) -> Learnt | None:
    """What the model is compared with in a family of worlds.

    All of it in held-out worlds; in those of another author what tells how much it matters to have learnt from that
    author; nothing in worlds like those that were learnt from.
    """
    if family == JUDGED:
        return replace(learnt, without_author=learnt.of_author(FIRST).without_author)
    authors = [author for author, where in LEFT_OUT_IN.items() if where == family]
    return learnt.of_author(authors[0]) if authors else None


def _learnt(kinds: Sequence[str], options: argparse.Namespace, pool: Executor) -> Learnt:
    """Learn what the model is compared with, in worlds by all authors in turn, counted in turns as for training."""
    _say(f"to compare with: generating {options.learn_from} worlds of {options.learnt_calls:,} calls")
    specs = by_turns(options.learn_from, LEARNT_SEED, calls=options.learnt_calls)
    parts = generated(specs, COUNTED_IN, pool, _say)
    authors = np.repeat([author or FIRST for author in whose(len(parts))], [len(part) for part in parts])
    source = f"{options.learn_from} other worlds by all authors in turn, seed {LEARNT_SEED}"
    return learn(join(parts), LEARNT_SEED, source, leave_out=kinds, authors=authors, say=_say)


def _family(
    name: str,
    specs: Sequence[Traffic],
    model: Model,
    learnt: Learnt | None,
    options: argparse.Namespace,
    pool: Executor,
) -> dict[str, Any]:
    """Judge in the worlds of a family and write the report; the figures."""
    parts = generated(specs, (options.partitions,), pool, _say)
    sizes = [len(part) for part in parts]
    data = join(parts)
    judgement = judge(
        model,
        data,
        made_ms=time.time_ns() // 1_000_000,
        reference_data=options.reference_data,
        learnt=None if learnt is None else lambda _: learnt,
        say=_say,
    )
    _say(f"{name}: {write(judgement, options.out / name.replace(' ', '-'))}")
    return judgement.figures | {"worlds": one_by_one(model, data, sizes), "campaign_sizes": campaign_sizes(data)}


def _counted_otherwise(
    specs: Sequence[Traffic], model: Model, options: argparse.Namespace, pool: Executor
) -> dict[int, Any]:
    """Recall at each rate in the same worlds counted in 1 partition, or in 12 where they were counted in 1."""
    partitions = PARTITIONS if options.partitions == 1 else 1
    _say(f"{JUDGED}: counting the same worlds in {partitions}")
    data = join(generated(specs, (partitions,), pool, _say))
    return {partitions: rates_by_campaign(data, model.raw(data.rows))}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make quality",
        description="Judge a model in generated worlds that it never saw, and write the tables of docs/quality.md.",
    )
    parser.add_argument("--model", type=Path, default=SHIPPED, help="artifact folder of the model [the shipped one]")
    parser.add_argument(
        "--quick", action="store_true", help="try the command in small worlds; the figures mean nothing"
    )
    parser.add_argument(
        "--worlds", type=int, help=f"held-out worlds; each other family has half as many [{FULL.worlds}]"
    )
    parser.add_argument("--calls", type=int, help=f"calls of a world, about [{FULL.calls}]")
    parser.add_argument(
        "--seed",
        type=int,
        default=SEED,
        help="seed of the worlds; never one that a model was trained or chosen with [%(default)s]",
    )
    parser.add_argument(
        "--partitions", type=int, default=PARTITIONS, help="partitions to count windows in, as workers do [%(default)s]"
    )
    learnt = f"worlds that the models to compare with learn from [{FULL.learn_from}]"
    parser.add_argument("--learn-from", type=int, help=learnt)
    parser.add_argument("--learnt-calls", type=int, help=f"calls of each of these, about [{FULL.learnt_calls}]")
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "build" / "quality",
        help="write a report of each family here [build/quality]",
    )
    parser.add_argument("--page", type=Path, default=PAGE, help="page whose tables are replaced [docs/quality.md]")
    parser.add_argument(
        "--reference-data",
        type=Path,
        default=_reference_data(),
        help=f"folder with the labelled subscribers [{REFERENCE_VARIABLE}]",
    )
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    for name in Sizes.__slots__:
        if getattr(options, name) is None:
            setattr(options, name, getattr(sizes, name))
    return options


def _command(options: argparse.Namespace) -> str:
    """What to type for the same figures: options that tell where things lie on this machine are left out."""
    full = {"seed": SEED, "partitions": PARTITIONS, **{name: getattr(FULL, name) for name in Sizes.__slots__}}
    if options.quick:
        full |= {name: getattr(QUICK, name) for name in Sizes.__slots__}
    typed = ["--quick"] if options.quick else []
    for name, usual in full.items():
        if getattr(options, name) != usual:
            typed += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    return f"make quality ARGS='{shlex.join(typed)}'" if typed else "make quality"


def _reference_data() -> Path | None:
    folder = os.environ.get(REFERENCE_VARIABLE)
    return Path(folder) if folder else None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress, for people


if __name__ == "__main__":
    sys.exit(main())
