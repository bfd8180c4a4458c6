"""`robocall models`: artifacts listed, shown, compared and added; what workers run is in `promote`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from detector.features.table import FEATURE_SCHEMA_ID
from models.errors import ArtifactIncompatible
from models.serve.artifact import load, read_card
from models.serve.manifest import MOST_GROUP_WEIGHT
from models.serve.weighing import with_group_weight
from models.store.registry import Summary, summary
from models.watch.comparison import Artifact, differences, disagreement
from streams.commands.models import following, promote
from streams.commands.models.place import (
    FEATURES_OPTION,
    JSON_OPTION,
    LABELS_OPTION,
    REGISTRY_OPTION,
    Place,
    artifact_folder,
    in_registry,
    meant,
    own_place,
    place_of,
    whole,
)
from streams.commands.shared.labelled import from_files
from streams.running.printable import printable
from streams.running.progress import step
from streams.screening.policy_file import file_in_force, load_policy
from streams.settings import load_settings


@click.group()
def models() -> None:
    """Keep models: list, show, compare, add, weigh, promote, roll back, run in shadow; which worker runs which.

    A MODEL is, here and in all commands, the folder of an artifact, a version (gbt-...), the name of a folder in the
    registry, or `running`: what workers are told to run. The registry is a folder or an object store; its versions
    never change.
    """


for _command in (following.status, promote.promote, promote.rollback, promote.history, promote.shadow):
    models.add_command(_command)


@models.command("list")
@REGISTRY_OPTION
@JSON_OPTION
def list_models(url: str | None, *, as_json: bool) -> None:
    """List the artifacts, newest first, with the figures to compare them by."""
    place = place_of(url)
    with step("Reading the registry", quick=True):
        found = place.registry.artifacts(schema_id=FEATURE_SCHEMA_ID)
        active = place.promotions.active()
    if as_json:
        click.echo(json.dumps([{**_as_json(entry), "active": entry.version == active} for entry in found]))
        return
    table = Table(whole("version"), "created", "recall at 1e-4", "calibration error", "state", "folder")
    for entry in found:
        table.add_row(
            entry.version,
            _created(entry),
            _rounded(entry.metrics.get("recall_at_0.0001")),
            _rounded(entry.metrics.get("expected_calibration_error")),
            entry.problem or ("active" if entry.version == active else "usable"),
            Path(entry.folder).name,
        )
    if found:
        Console().print(table)
    else:
        click.echo(f"no models at {place.registry.url}", err=True)


def _lines(entry: Summary) -> list[str]:
    """One artifact for people."""
    return [
        f"version: {entry.version}",
        f"created: {_created(entry)} UTC",
        f"state: {entry.problem or 'usable'}",
        f"feature table: {entry.schema_id}",
        f"folder: {entry.folder}",
        *(f"{name}: {value:.6g}" for name, value in entry.metrics.items() if isinstance(value, int | float)),
    ]


def _created(entry: Summary) -> str:
    return datetime.fromtimestamp(entry.created_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")


def _rounded(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.4f}"


@models.command("show")
@click.argument("name", metavar="[MODEL]", required=False)
@REGISTRY_OPTION
@click.option("--card", is_flag=True, help="Its model card instead: use, data, figures, limits.")
@JSON_OPTION
def show_model(name: str | None, url: str | None, *, card: bool, as_json: bool) -> None:
    """Show one artifact (the running one by default) and whether this build can use it."""
    place = place_of(url)
    with artifact_folder(place, name) as folder:
        entry = summary(folder, schema_id=FEATURE_SCHEMA_ID, signing=place.registry.signing)
        text = read_card(folder) if card else None
    if text is not None:
        click.echo("\n".join(map(printable, text.splitlines())))
    elif as_json:
        click.echo(json.dumps(_as_json(entry)))
    else:
        click.echo("\n".join(map(printable, _lines(entry))))
    if entry.problem:
        raise ArtifactIncompatible(entry.problem)


@models.command("add")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@REGISTRY_OPTION
@JSON_OPTION
def add_model(folder: Path, url: str | None, *, as_json: bool) -> None:
    """Verify an artifact, as `robocall train` writes it, and put it into the registry under its version.

    \b
      robocall models add my-model --registry s3://carrier-models/robocall
    """
    place = own_place(url)
    with step("Adding the model", quick=True):
        model, is_new = place.registry.add(folder, schema_id=FEATURE_SCHEMA_ID)
    if as_json:
        click.echo(json.dumps({"version": model.version, "added": is_new}))
        return
    click.echo(model.version)
    click.echo(f"{'added to' if is_new else 'already in'} {place.registry.url}", err=True)


@models.command("weigh")
@click.argument("name", metavar="MODEL")
@click.option(
    "--group-weight",
    type=click.FloatRange(0, MOST_GROUP_WEIGHT),
    required=True,
    help="How much the mean margin of the calls around a call adds to its own; 0 = nothing.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the copy.")
@REGISTRY_OPTION
def weigh_model(name: str, group_weight: float, out: Path, url: str | None) -> None:
    """Copy a model and let the calls around a call count: those of its number, its origin and its number block.

    The copy is a version of its own. Measure its budgets before it may label or block, and look what it catches:
    replay --features writes margin and group_score of every call.

    \b
      robocall models weigh gbt-63b3196a2898 --group-weight 0.5 --out grouped
      robocall budgets measure --events day.jsonl.gz --senders customers.txt --model grouped --partitions 12
    """
    place = place_of(url)
    with step("Copying the model", quick=True), artifact_folder(place, name) as folder:
        if out.exists() and out.samefile(folder):
            raise click.UsageError("--out is the folder of MODEL itself: give another one")
        model = with_group_weight(
            folder, out, group_weight, schema_id=FEATURE_SCHEMA_ID, signing=place.registry.signing
        )
    click.echo(model.version)


@models.command("sign")
@click.argument("names", metavar="MODEL...", nargs=-1)
@click.option("--promotions", is_flag=True, help="Also everything that was promoted and rolled back.")
@REGISTRY_OPTION
def sign_models(names: tuple[str, ...], url: str | None, *, promotions: bool) -> None:
    """Sign models of the registry with ROBOCALL_SIGNING_KEY, so that workers with that key use them.

    Needed for what was there before the key. Look at what you sign: `models show`, `models history`.

    \b
      robocall models sign gbt-0f3c11aa9d2e gbt-63b3196a2898 --promotions
    """
    place = own_place(url)
    if place.registry.signing.key is None:
        raise click.UsageError("set ROBOCALL_SIGNING_KEY to the key that your workers have")
    for name in names:
        what = meant(name)
        if isinstance(what, Path):
            version = in_registry(place, name).version  # signed as it is added
        else:
            version = place.registry.sign(what or place.running, schema_id=FEATURE_SCHEMA_ID)
        click.echo(f"{version} is signed", err=True)
    if promotions:
        click.echo(f"{place.promotions.sign()} promotions are signed", err=True)


@models.command("diff")
@click.argument("one", metavar="MODEL")
@click.argument("other", metavar="[MODEL]", required=False)
@FEATURES_OPTION
@LABELS_OPTION
@REGISTRY_OPTION
@JSON_OPTION
def diff_models(
    one: str, other: str | None, features: Path | None, labels: Path | None, url: str | None, *, as_json: bool
) -> None:
    """Compare the running model with MODEL, or two models: manifest, figures, thresholds, what features weigh.

    With --features and --labels also how often they would treat calls differently, by the thresholds of the policy.

    \b
      robocall models diff gbt-63b3196a2898 gbt-0f3c11aa9d2e --features holdout.parquet --labels holdout.csv
    """
    if (features is None) != (labels is None):
        raise click.UsageError("give --features and --labels together")
    place = place_of(url)
    with step("Comparing the models", quick=True):
        pair = [_loaded(place, name) for name in ((None, one) if other is None else (one, other))]
        found = differences(*pair)
    if features is not None and labels is not None:
        thresholds = load_policy(file_in_force(load_settings().policy_file)).categories[0].thresholds
        rows = from_files(features, labels, Console(stderr=True)).rows
        found["disagreement"] = disagreement(pair[0].model, pair[1].model, rows, thresholds)
    if as_json:
        click.echo(json.dumps(found, allow_nan=False))
    else:
        _print_differences(found)


def _loaded(place: Place, name: str | None) -> Artifact:
    with artifact_folder(place, name) as folder:
        return Artifact.of(folder, load(folder, schema_id=FEATURE_SCHEMA_ID, signing=place.registry.signing))


def _print_differences(found: dict[str, Any]) -> None:
    console = Console()
    for part in ("manifest", "metrics", "thresholds", "importance"):
        table = Table(part, *found["versions"])
        for name, pair in found[part].items():
            table.add_row(name, *(f"{value:.6g}" if isinstance(value, float) else str(value) for value in pair))
        console.print(table)
    for name, value in found.get("disagreement", {}).items():
        console.print(f"{name}: {value}")


def _as_json(entry: Summary) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}
