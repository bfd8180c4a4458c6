"""`robocall train`, `robocall evaluate`, `robocall models`: the data scientist's loop."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from detector.features import FEATURE_NAMES, FEATURE_SCHEMA_ID
from models.artifact import SHIPPED, load
from models.dataset import Dataset, read
from models.errors import ArtifactIncompatible, TrainingDataInvalid
from models.registry import Summary, artifacts, summary

CALLS_PER_SECOND = 2.5
"""Mean rate of lawful calls of the quietest exchange; with the busier ones, 30 hours give 0.7 million calls."""

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
LABELS_HELP = "CSV or JSON lines, also .gz or .zst: call_id, label (robocall|legitimate), optional campaign, kind."


@click.command()
@click.option("--features", type=_FILE, help="Parquet file of `robocall replay --features`.")
@click.option("--labels", type=_FILE, help=LABELS_HELP)
@click.option("--simulate", is_flag=True, help="Train on generated traffic instead of on files.")
@click.option(
    "--hours", type=click.FloatRange(1, 24 * 14), default=30.0, show_default=True, help="Of generated traffic."
)
@click.option("--rate", type=click.FloatRange(0.1, 1_000), default=CALLS_PER_SECOND, show_default=True, help="Calls/s.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Of traffic and training.")
@click.option("--out", type=_FOLDER, required=True, help="Folder that the artifact is written to.")
def train(
    features: Path | None, labels: Path | None, simulate: bool, hours: float, rate: float, seed: int, out: Path
) -> None:
    """Train, calibrate and package a model. The last part of the time span is kept for its report.

    \b
    robocall train --simulate --seed 7 --out my-model
    robocall train --features features.parquet --labels labels.csv --out my-model
    """  # noqa: D301
    from models.packaging import package  # noqa: PLC0415 - scikit-learn takes seconds
    from models.simulation import CALIBRATION_SHARE, TRAIN_SHARE  # noqa: PLC0415
    from models.training import Parameters  # noqa: PLC0415
    from models.training import train as fit  # noqa: PLC0415

    if simulate == (features is not None) or (features is None) != (labels is None):
        raise click.UsageError("give either --simulate, or --features and --labels")
    console = Console(stderr=True)
    if features is None or labels is None:
        data = _simulated(hours, rate, seed, console)
        parameters = Parameters(train_share=TRAIN_SHARE, calibration_share=CALIBRATION_SHARE)
    else:
        data, parameters = read(features, labels), Parameters()
    _require_serving_features(data)
    console.print(f"{len(data):,} labelled calls, {int(data.is_robocall.sum()):,} of them robocalls")
    model = package(
        data, fit(data, seed, parameters), out, schema_id=FEATURE_SCHEMA_ID, created_ms=time.time_ns() // 1_000_000
    )
    _print_figures(json.loads((out / "report.json").read_text(encoding="utf-8")), console)
    console.print(f"{model.version} written to {out}")


def _simulated(hours: float, rate: float, seed: int, console: Console) -> Dataset:
    from models.simulation import from_traffic, plan  # noqa: PLC0415

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("generating traffic and its features", total=None)

        def show(n_events: int) -> None:
            progress.update(task, completed=n_events, description=f"{n_events:,} events")

        return from_traffic(plan(hours, seed, rate), show)


def _require_serving_features(data: Dataset) -> None:
    if data.feature_names != tuple(FEATURE_NAMES):
        raise TrainingDataInvalid("the features are not those that this build computes: run replay --features again")


@click.command()
@click.option("--model", type=_FOLDER, default=SHIPPED, help="Artifact folder [default: the shipped model].")
@click.option("--features", type=_FILE, required=True, help="Parquet file of `robocall replay --features`.")
@click.option("--labels", type=_FILE, required=True, help=LABELS_HELP)
def evaluate(model: Path, features: Path, labels: Path) -> None:
    """Measure a model on labelled calls: figures as JSON on standard output, a table on standard error."""
    from models.evaluation import measure  # noqa: PLC0415

    data = read(features, labels)
    _require_serving_features(data)
    loaded = load(model, schema_id=FEATURE_SCHEMA_ID)
    raw = loaded.raw(data.rows)
    figures = {"model": loaded.version, **measure(data, raw, loaded.score(data.rows), loaded.thresholds)}
    _print_figures(figures, Console(stderr=True))
    click.echo(json.dumps(figures, allow_nan=False))


def _print_figures(figures: dict[str, Any], console: Console) -> None:
    table = Table("lawful calls hit", "robocalls caught", "95 %", *figures.get("baselines", {}))
    for index, entry in enumerate(figures["at_false_block_rates"]):
        recall = entry["recall"]
        others = [
            f"{baseline['at_false_block_rates'][index]['recall']['share']:.3f}"
            for baseline in figures.get("baselines", {}).values()
        ]
        interval = f"{recall['low']:.3f} to {recall['high']:.3f}"
        table.add_row(f"{entry['rate']:g}", _share(recall["share"]), interval, *others)
    console.print(table)
    kinds = Table("kind of campaign", "calls", "blocked", "labelled or blocked", "calls until blocked (median)")
    for kind, entry in figures["kinds"]["campaigns"].items():
        kinds.add_row(
            kind,
            f"{entry['blocked']['calls']:,}",
            _share(entry["blocked"]["share"]),
            _share(entry["labelled_or_blocked"]["share"]),
            f"{entry['calls_until_blocked']['median']}",
        )
    console.print(kinds)
    console.print(
        f"PR-AUC {figures['pr_auc']:.4f}, Brier {figures['brier']:.4f}, "
        f"calibration error {figures['expected_calibration_error']:.4f}"
    )


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


@click.group()
def models() -> None:
    """List and show model artifacts."""


@models.command("list")
@click.option(
    "--folder", type=_FOLDER, default=SHIPPED.parent, help="Where to look [default: beside the shipped model]."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def list_models(folder: Path, as_json: bool) -> None:
    """List the artifacts in a folder, newest first, with the figures to compare them by."""
    found = artifacts(folder, schema_id=FEATURE_SCHEMA_ID)
    if as_json:
        click.echo(json.dumps([_as_json(entry) for entry in found]))
        return
    table = Table("version", "created", "recall at 1e-4", "calibration error", "state", "folder")
    for entry in found:
        table.add_row(
            entry.version,
            datetime.fromtimestamp(entry.created_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M"),
            f"{entry.metrics.get('recall_at_0.0001')}",
            f"{entry.metrics.get('expected_calibration_error')}",
            entry.problem or "usable",
            entry.folder,
        )
    Console().print(table)


@models.command("show")
@click.argument("folder", type=_FOLDER, default=SHIPPED)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def show_model(folder: Path, as_json: bool) -> None:
    """Show one artifact (the shipped model by default) and whether this build can use it."""
    entry = summary(folder, schema_id=FEATURE_SCHEMA_ID)
    if as_json:
        click.echo(json.dumps(_as_json(entry)))
    else:
        for name, value in _as_json(entry).items():
            click.echo(f"{name}: {value}")
    if entry.problem:
        raise ArtifactIncompatible(entry.problem)


def _as_json(entry: Summary) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}
