"""`make quality`: judge a model in worlds that it was not trained in, and write the tables of `docs/quality.md`.

Three families of worlds: the generator's central figures, figures within the ranges that training draws from, and
figures wholly outside of them. Seeds are fixed, so that two models are judged on the same calls.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detector.features import FEATURE_SCHEMA_ID
from models.artifact import SHIPPED, Model, load
from models.dataset import Dataset
from models.evaluation import at_rates
from models.report import judge, write
from models.report_quality_page import AIMS, BEGIN, END, tables
from models.simulation import from_traffic
from models.traffic.spec import TrafficSpec
from models.world_training import leave_one_kind_out
from models.worlds import central_worlds, held_out_worlds, training_worlds

SEED = 3_000_017
"""Of worlds that models are judged in. Models are not to be trained with it."""
WORLDS = 12
CALLS = 40_000
REFERENCE_VARIABLE = "ROBOCALL_REFERENCE_DATA"
ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "quality.md"


def families(worlds: int, calls: int, seed: int = SEED) -> dict[str, list[TrafficSpec]]:
    """Specifications of the worlds of each family; the central ones differ in subscribers and campaigns only."""
    return {
        "central": central_worlds(worlds, seed, calls=calls),
        "training ranges": training_worlds(worlds, seed, calls=calls),
        "held out": held_out_worlds(worlds, seed, calls=calls),
    }


def join(parts: Sequence[Dataset]) -> Dataset:
    """Put data sets of different worlds together: equal numbers or campaigns of two worlds are not the same."""
    kinds = tuple(sorted({kind for part in parts for kind in part.kinds}))
    numbers = campaigns = 0
    moved = []
    for part in parts:
        place = np.array([kinds.index(kind) for kind in part.kinds], np.int64)
        campaign = np.where(part.campaign >= 0, part.campaign + campaigns, -1)
        moved.append(replace(part, number=part.number + numbers, campaign=campaign, kind=place[part.kind]))
        numbers += int(part.number.max()) + 1
        campaigns += int(part.campaign.max(initial=-1)) + 1
    together = {
        name: np.concatenate([getattr(part, name) for part in moved])
        for name in ("rows", "setup_time_ms", "number", "is_robocall", "campaign", "kind")
    }
    order = np.argsort(together["setup_time_ms"], kind="stable")
    return Dataset(moved[0].feature_names, kinds=kinds, **{name: array[order] for name, array in together.items()})


def one_by_one(model: Model, parts: Sequence[Dataset]) -> list[list[float]]:
    """Recall at each rate in each world, with a threshold of its own: as for carriers that each set theirs."""
    return [
        [entry["recall"]["share"] for entry in at_rates(model.raw(part.rows), part.is_robocall)]
        for part in parts
        if part.is_robocall.any() and not part.is_robocall.all()
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
    """The commit of the source, and whether it was changed; `unknown` outside of a repository."""
    run = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    return done.stdout.strip() or "unknown"


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge in each family, write a report folder for each, and the tables of the page."""
    options = _options(arguments)
    model = load(options.model, schema_id=FEATURE_SCHEMA_ID)
    started = time.monotonic()
    found: dict[str, dict[str, Any]] = {}
    for name, specs in families(options.worlds, options.calls, options.seed).items():
        _say(f"{name}: generating {len(specs)} worlds of {options.calls:,} calls")
        parts = [from_traffic([spec], lambda _: None, partitions=(options.partitions,)) for spec in specs]
        data = join(parts)
        judgement = judge(
            model,
            data,
            made_ms=time.time_ns() // 1_000_000,
            reference_data=options.reference_data,
            compare=name == "held out" and not options.quick,
            say=_say,
        )
        _say(f"{name}: {write(judgement, options.out / name.replace(' ', '-'))}")
        found[name] = judgement.figures | {"worlds": one_by_one(model, parts)}
    command = f"make quality ARGS='--worlds {options.worlds} --calls {options.calls}"
    if options.partitions != 1:
        command += f" --partitions {options.partitions}"
    if options.quick:
        command += " --quick"
    if options.left_out:
        _say("leaving kinds out of training, one at a time")
        found["held out"]["left_out"] = leave_one_kind_out(
            options.left_out, options.seed, lambda _: None, calls=options.calls
        )
        command += f" --left-out {options.left_out}"
    if options.seed != SEED:
        command += f" --seed {options.seed}"
    made = tables(found, command=f"{command}'", commit=commit(), seed=options.seed, seconds=time.monotonic() - started)
    options.page.write_text(replace_tables(options.page.read_text(encoding="utf-8"), made), encoding="utf-8")
    missed = [aim for aim in AIMS if not aim.is_met(found)]
    _say(f"{options.page}: {len(AIMS) - len(missed)} of {len(AIMS)} aims met")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make quality", description="Judge a model in worlds it was not trained in.")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="artifact folder [the shipped model]")
    parser.add_argument("--worlds", type=int, default=WORLDS, help="worlds of each family")
    parser.add_argument("--calls", type=int, default=CALLS, help="calls of each world, about")
    parser.add_argument("--seed", type=int, default=SEED, help="of the worlds; one that no model was chosen by")
    parser.add_argument("--partitions", type=int, default=1, help="partitions that windows are counted in [1]")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "quality", help="folder for the reports")
    parser.add_argument("--page", type=Path, default=PAGE, help="page whose tables are replaced")
    parser.add_argument("--reference-data", type=Path, default=_reference_data(), help=f"folder [{REFERENCE_VARIABLE}]")
    parser.add_argument("--left-out", type=int, default=0, help="also train without each kind, in so many worlds; slow")
    parser.add_argument("--quick", action="store_true", help="leave out what has to be trained for comparison")
    return parser.parse_args(arguments)


def _reference_data() -> Path | None:
    folder = os.environ.get(REFERENCE_VARIABLE)
    return Path(folder) if folder else None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress, for people


if __name__ == "__main__":
    sys.exit(main())
