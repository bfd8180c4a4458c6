"""`robocall train` and `robocall evaluate`: from labelled calls to an artifact, and what it is worth."""

import json
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detector.features.table import FEATURE_SCHEMA_ID
from models.data.dataset import Dataset
from models.judge.gate import counted_otherwise, has_learnt_from
from models.serve.artifact import load, sign
from models.serve.learning_curve import RATES, LearningCurve
from models.traffic.kinds import CAMPAIGN_KINDS
from models.traffic.worlds import CALLS_PER_WORLD, FEWEST_WORLDS, HELD_OUT_SEED
from streams.commands.models.place import REGISTRY_OPTION, artifact_folder, model_option, place_of
from streams.commands.shared.labelled import (
    EVALUATION_SEED,
    FEATURES_HELP,
    LABELS_HELP,
    from_files,
    serving_schema,
    simulated,
)
from streams.commands.shared.options import made_by
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.running.progress import step
from streams.settings import load_settings

if TYPE_CHECKING:
    from models.learn.training import Parameters, TrainedModel

CALLS_PER_SECOND = 2.5
"""Mean rate of lawful calls of the quietest exchange; with the busier ones, 30 hours give 0.7 million calls."""

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
ASSUMED_WEIGHT = 0.1
"""How far it is trusted that a call that nobody said anything about was lawful, unless told otherwise."""
LOST = "Look at the labels before you promote it: there are too few, or too many wrong ones (docs/labels.md)."


def _refuse_author(_context: click.Context, _parameter: click.Parameter, author: str | None) -> None:
    """Whoever knows `simulate --author` may look for it here."""
    from models.traffic.authors import JUDGED_ALONE  # noqa: PLC0415 - generators take a second

    if author in JUDGED_ALONE:
        raise click.UsageError(f"traffic of the {author} author is kept for judging: train with --worlds NUMBER")
    if author is not None:
        raise click.UsageError(
            "nothing learns from one author alone: --worlds NUMBER takes all that may be learnt from"
        )


@click.command()
@click.option("--features", type=_FILE, help=FEATURES_HELP)
@click.option("--labels", type=_FILE, help=LABELS_HELP)
@click.option(
    "--assume-lawful",
    metavar="[WEIGHT]",
    type=click.FloatRange(0, 1, min_open=True),
    is_flag=False,
    flag_value=ASSUMED_WEIGHT,
    help=f"Take calls without a label for lawful, trusted so far, up to 1 [{ASSUMED_WEIGHT}]; else they are left out.",
)
@click.option("--simulate", is_flag=True, help="Train on generated traffic of one world instead of on files.")
@click.option("--worlds", type=click.IntRange(FEWEST_WORLDS, 1_000), help="Train on generated traffic of many worlds.")
@click.option(
    "--world-calls", type=click.IntRange(200), default=CALLS_PER_WORLD, show_default=True, help="Calls of each world."
)
@click.option("--leave-out", type=click.Choice(CAMPAIGN_KINDS), help="Campaign kind whose calls are not learnt from.")
@click.option(
    "--search", type=click.IntRange(0, 200), default=0, show_default=True, help="Other settings to try first."
)
@click.option(
    "--hours", type=click.FloatRange(1, 24 * 14), default=30.0, show_default=True, help="Of generated traffic."
)
@click.option("--rate", type=click.FloatRange(0.1, 1_000), default=CALLS_PER_SECOND, show_default=True, help="Calls/s.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Of traffic and training.")
@click.option("--curve", is_flag=True, help="Train three times more, on fewer labels: would more of them help?")
@click.option("--out", type=_FOLDER, required=True, help="Folder that the artifact is written to.")
@click.option("--author", callback=_refuse_author, expose_value=False, hidden=True, is_eager=True)
def train(
    *,
    features: Path | None,
    labels: Path | None,
    assume_lawful: float | None,
    simulate: bool,
    worlds: int | None,
    world_calls: int,
    leave_out: str | None,
    search: int,
    hours: float,
    rate: float,
    seed: int,
    curve: bool,
    out: Path,
) -> None:
    """Train, calibrate and package a model. The last part of the time span is kept for its report.

    With --worlds that part is eight worlds of the first author whose every figure lies outside of the ranges of those
    learnt from, and one carrier of each of the two other authors, drawn as those that are learnt from.

    \b
    robocall train --worlds 32 --seed 7 --out my-model
    robocall train --simulate --seed 7 --out my-model
    robocall train --features features.parquet --labels labels.csv --out my-model
    robocall train --features features.parquet --labels complaints.csv --assume-lawful --out my-model
    """
    from models.judge.packaging import package  # noqa: PLC0415 - scikit-learn takes seconds
    from models.learn.training import train as fit  # noqa: PLC0415

    _check_usage(features, labels, worlds, leave_out, seed, is_simulated=simulate)
    _refuse_without(labels, assume_lawful)
    console = Console(stderr=True)
    out.mkdir(parents=True, exist_ok=True)  # what cannot be written is said before minutes of work
    if features is not None and labels is not None:
        data, parameters = _of_files(features, labels, assume_lawful, console)
    elif worlds is not None:
        data, parameters = _of_worlds(worlds, world_calls, seed, leave_out, console)
    else:
        data, parameters = _of_one_world(hours, rate, seed, console)
    console.print(f"{len(data):,} labelled calls, {int(data.is_robocall.sum()):,} of them robocalls")
    if search:
        parameters = _searched(data, seed, search, parameters, console)
    with step("Fitting and calibrating the trees", console):  # the libraries do not say how far they are
        trained = fit(data, seed, parameters)
    measured = _curve_of(data, trained, console) if curve else None
    with step("Judging the model", console):
        model = package(
            data,
            trained,
            out,
            schema_id=serving_schema(data).schema_id,
            created_ms=wall_clock_ms(),
            made_by=made_by(click.get_current_context()),
            curve=measured,
        )
    sign(out, load_settings().signing)
    _print_figures(json.loads((out / "report.json").read_text(encoding="utf-8")), console)
    print_curve(measured, console)
    console.print(f"{model.version} written to {out}")


def _curve_of(data: Dataset, trained: "TrainedModel", console: Console) -> LearningCurve:
    """Train on fewer labels, and say how far it is."""
    from models.judge.learning_curve import learning_curve  # noqa: PLC0415 - scikit-learn takes seconds

    with step("Training on fewer labels", console) as say:
        return learning_curve(data, trained, say)


def print_curve(curve: LearningCurve | None, console: Console) -> None:
    """Print a learning curve as a table, where there is one.

    Args:
        curve: Of the model.
        console: For people.
    """
    if curve is None:
        return
    heads = (f"caught, {rate:g} of lawful calls hit" for rate in RATES)
    table = Table("labels learnt from", "campaigns", "robocalls", *heads, title="learning curve")
    for one in curve.points:
        shares = (f"{caught.share:.3f} ({caught.low:.3f} to {caught.high:.3f})" for caught in one.caught)
        table.add_row(f"{one.share:.0%}", f"{one.groups:,}", f"{one.robocalls:,}", *shares)
    console.print(table)
    for rate in curve.scarce:
        console.print(f"at {rate:g} it says little: of {curve.lawful:,} lawful calls too few are hit", soft_wrap=True)


def _check_usage(
    features: Path | None,
    labels: Path | None,
    worlds: int | None,
    leave_out: str | None,
    seed: int,
    *,
    is_simulated: bool,
) -> None:
    """Refuse options of `train` that do not go together."""
    sources = [is_simulated, worlds is not None, features is not None]
    if sources.count(True) != 1 or (features is None) != (labels is None):
        raise click.UsageError("give either --simulate, or --worlds NUMBER, or --features and --labels")
    if leave_out and worlds is None:
        raise click.UsageError("--leave-out is of campaign kinds of generated worlds: give --worlds NUMBER too")
    if worlds is not None:
        _refuse_reserved(seed)


def _refuse_without(labels: Path | None, assumed_weight: float | None) -> None:
    """Refuse to assume something of calls that no label file leaves out."""
    if assumed_weight is not None and labels is None:
        raise click.UsageError("--assume-lawful is of calls that a label file leaves out: give --labels too")


def _refuse_reserved(seed: int) -> None:
    """Refuse the seeds of worlds that models are judged in, or that what they are compared with has learnt."""
    from models.judge.report.quality import LEARNT_SEED, SEED  # noqa: PLC0415 - scikit-learn takes seconds

    if seed in {EVALUATION_SEED, HELD_OUT_SEED, LEARNT_SEED, SEED}:
        raise click.UsageError(f"seed {seed} is kept for worlds that models are judged by: give another --seed")


def _of_files(
    features: Path, labels: Path, assumed_weight: float | None, console: Console
) -> "tuple[Dataset, Parameters]":
    from models.learn.training import Parameters  # noqa: PLC0415 - scikit-learn takes seconds

    return from_files(features, labels, console, assumed_weight), Parameters()


def _of_one_world(hours: float, rate: float, seed: int, console: Console) -> "tuple[Dataset, Parameters]":
    """Generate the calls of one world; with the shares of its time span to learn from and to calibrate on."""
    from models.data.windows_over_traffic import CALIBRATION_SHARE, TRAIN_SHARE  # noqa: PLC0415 - scikit-learn takes seconds
    from models.learn.training import Parameters  # noqa: PLC0415

    data = simulated(hours, rate, seed, console)
    return data, Parameters(train_share=TRAIN_SHARE, calibration_share=CALIBRATION_SHARE)


def _of_worlds(n: int, calls: int, seed: int, without: str | None, console: Console) -> "tuple[Dataset, Parameters]":
    """Generate the calls of many worlds, say how far it is, and cut them between worlds."""
    from models.learn.many_worlds import JUDGED_WORLDS, cut_between_worlds, from_worlds  # noqa: PLC0415
    from models.traffic.authors import AUTHORS  # noqa: PLC0415 - scikit-learn takes seconds

    of = n + JUDGED_WORLDS + len(AUTHORS)
    done = count(1)

    def show(_: str) -> None:
        number = next(done)
        say(f"{number} of {of}", number, of)

    with step("Generating worlds and their features", console) as say:
        data = from_worlds(n, seed, show, without=without, calls=calls)
    return data, cut_between_worlds(data, n)


def _searched(data: Dataset, seed: int, n: int, parameters: "Parameters", console: Console) -> "Parameters":
    """Choose how to train, and say how far it is."""
    from models.learn.search import search  # noqa: PLC0415

    done = count(1)

    def show(setting: "Parameters", recall: float) -> None:
        number = next(done)
        say(f"{number} of {n + 1}", number, n + 1)
        console.print(f"recall {recall:.3f} with {setting.as_json()}")

    with step("Comparing settings", console) as say:
        return search(data, seed, n, parameters, show)


@click.command()
@model_option("--model", "name", "Model to judge")
@click.option("--features", type=_FILE, required=True, help=FEATURES_HELP)
@click.option("--labels", type=_FILE, required=True, help=LABELS_HELP)
@click.option("--report", type=_FOLDER, help="Folder for report.html and report.json; trains models to compare with.")
@click.option("--reference-data", type=_FOLDER, help="Folder of the public reference data, for the report.")
@REGISTRY_OPTION
def evaluate(
    name: str | None, features: Path, labels: Path, report: Path | None, reference_data: Path | None, url: str | None
) -> None:
    """Measure a model on labelled calls: figures as JSON on standard output, a table on standard error.

    Give calls of a later time than those that the model was trained on.

    \b
    robocall evaluate --model my-model --features holdout.parquet --labels holdout.csv --report report > figures.json
    """
    from models.judge.report.learnt import learn_first_part  # noqa: PLC0415 - scikit-learn takes seconds
    from models.judge.report.report import judge, write  # noqa: PLC0415

    console = Console(stderr=True)
    with step("Loading the model", console), artifact_folder(place_of(url), name) as folder:
        judged = load(folder, schema_id=FEATURE_SCHEMA_ID)
    data = from_files(features, labels, console)
    if has_learnt_from(judged, data):
        console.print("[bold]the model was trained on these very calls: the figures say nothing about others[/bold]")
    if warning := counted_otherwise(judged, data):
        console.print(warning, soft_wrap=True)
    with step("Judging the model", console) as say:
        judgement = judge(
            judged,
            data,
            made_ms=wall_clock_ms(),
            reference_data=reference_data,
            learnt=None if report is None else partial(learn_first_part, say=say),
            say=say,
        )
    _print_figures(judgement.figures, console)
    if report is not None:
        with step("Writing the report", console):
            page = write(judgement, report)
        console.print(f"written to {page}")
    click.echo(json.dumps(judgement.figures, allow_nan=False))


def _print_labels(report: dict[str, Any], console: Console) -> None:
    """Say who labelled the calls, where the label file tells."""
    if "labels" not in report:
        return
    table = Table("who says so", "robocalls", "lawful calls", "mean weight")
    for one in report["labels"]:
        source = printable(one["source"] or "not said")
        table.add_row(escape(source), f"{one['robocalls']:,}", f"{one['lawful']:,}", f"{one['weight']:.2f}")
    console.print(table)
    if "labels_warning" in report:
        console.print(report["labels_warning"], style="bold", soft_wrap=True)


def _print_figures(figures: dict[str, Any], console: Console) -> None:
    from models.judge.report.report import MAY_BE_CHANCE, against_best, losses  # noqa: PLC0415 - scikit-learn takes seconds

    _print_labels(figures, console)
    table = Table("lawful calls hit", "robocalls caught", "95 %", "best of the others")
    rates = figures["at_false_block_rates"]
    for entry, best in zip(rates, against_best(rates, figures["baselines"]), strict=True):
        recall = entry["recall"]
        interval = f"{recall['low']:.3f} to {recall['high']:.3f}"
        table.add_row(f"{entry['rate']:g}", _share(recall["share"]), interval, f"{best['recall']:.3f} {best['best']}")
    console.print(table)
    kinds = Table("kind of campaign", "calls", "blocked", "labelled or blocked", "calls until blocked (median)")
    for kind, entry in figures["kinds"]["campaigns"].items():
        kinds.add_row(
            kind,
            f"{entry['blocked']['calls']:,}",
            _share(entry["blocked"]["share"]),
            _share(entry["labelled_or_blocked"]["share"]),
            _calls(entry["calls_until_blocked"]["median"]),
        )
    console.print(kinds)
    console.print(
        f"PR-AUC {figures['pr_auc']:.4f}, Brier {figures['brier']:.4f}, "
        f"calibration error {figures['expected_calibration_error']:.4f}"
    )
    lost = losses(rates, figures["baselines"])
    if lost:
        advice = "" if all(MAY_BE_CHANCE in one for one in lost) else f" {LOST}"
        console.print(f"The model loses: {'; '.join(lost)}.{advice}", style="bold", soft_wrap=True)


def _calls(calls: float | None) -> str:
    return "-" if calls is None else f"{calls:.0f}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"
