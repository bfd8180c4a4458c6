"""`robocall models promote|rollback|history|shadow`: which model workers run, who may replace it, and the way back.

The registry keeps what was decided; the key in Redis tells the workers, which follow within two seconds.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.budgets import Measured
from models.errors import ArtifactError, ModelUnknown, PromotionRefused
from models.judge.gate import (
    Line,
    Tolerances,
    compare,
    counted_otherwise,
    has_learnt_from,
    passes,
    read_tolerances,
)
from models.serve.artifact import Model
from models.store.promotions import Promotion
from streams.cases.recording import record
from streams.cases.roles import Role, require
from streams.commands.models.beside import beside
from streams.commands.models.following import WAIT_OPTION, Answers, ModelRefused, announced
from streams.commands.models.place import (
    FEATURES_OPTION,
    FILE,
    JSON_OPTION,
    LABELS_OPTION,
    REGISTRY_OPTION,
    Place,
    in_registry,
    own_place,
    place_of,
    whole,
)
from streams.commands.shared.labelled import evaluation_set
from streams.commands.shared.redis_of_settings import with_redis
from streams.redis.connection import NO_MODEL, SHADOW_MODEL
from streams.running.printable import printable
from streams.running.progress import step
from streams.screening.policy_file import file_in_force, load_policy
from streams.settings import load_settings
from streams.wire.cases import CaseKind

LOG_WIDTH = 120
WHY_OPTION = click.option("--why", help="Goes to the record.")


class WorkersNotTold(RobocallError):
    """The registry knows, Redis could not be told."""

    retriable = True

    def __init__(self, version: str, cause: RobocallError) -> None:
        super().__init__(
            f"{version} is recorded, but no worker was told: {cause}; "
            f"then `robocall models promote {version}` tells them"
        )
        self.version = version


@click.command("promote")
@click.argument("name", metavar="MODEL")
@FEATURES_OPTION
@LABELS_OPTION
@click.option("--tolerances", type=FILE, help="TOML file: how much worse than the running model it may be.")
@click.option("--force", "reason", metavar="REASON", help="Promote whatever the gate says; the reason is recorded.")
@WHY_OPTION
@WAIT_OPTION
@REGISTRY_OPTION
@JSON_OPTION
def promote(
    name: str,
    features: Path | None,
    labels: Path | None,
    tolerances: Path | None,
    reason: str | None,
    why: str | None,
    wait_s: float,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Make MODEL the one that workers run, if it passes the gate against the running one.

    Both are measured on labelled calls: those of --features and --labels, or generated ones, always the same. A model
    that fails is refused with status 1, and the table says where. Then it waits for the workers: where one does not
    take the model, the status is 1 too, and the line says why.

    \b
      robocall models promote gbt-0f3c11aa9d2e --features holdout.parquet --labels holdout.csv
    """
    require(Role.GRANT)
    if (features is None) != (labels is None):
        raise click.UsageError("give --features and --labels together")
    if reason is not None and not reason.strip():
        raise click.UsageError("--force needs a reason: it is recorded")
    allowed = read_tolerances(tolerances)
    place = own_place(url)
    with step("Fetching the models", quick=True):
        candidate = in_registry(place, name)
        running = _keep_running(place)
    if candidate.version == running and place.promotions.active() is not None:
        _follow({"promoted": True, "version": running}, f"{running} is the active model", wait_s, as_json=as_json)
        return
    current = _loaded_or_none(place, running, is_forced=reason is not None)
    lines = (
        []
        if current is None
        else _judged(place, current, candidate, features, labels, allowed, is_forced=reason is not None)
    )
    if not passes(lines) and reason is None:
        if as_json:
            click.echo(json.dumps({"promoted": False, "version": candidate.version, "gate": _plain(lines)}))
        failed = [line.measure for line in lines if line.passed is False]
        raise PromotionRefused(
            f"{candidate.version} is refused, {running} stays: worse than allowed in {len(failed)} of {len(lines)} "
            f"measures, first in {failed[0]}; --force REASON promotes it anyway"
        )
    entry = place.promotions.promote(candidate.version, running, gate=_plain(lines), forced_because=reason)
    _tell(entry, wait_s, why, as_json=as_json)


def _loaded_or_none(place: Place, version: str, *, is_forced: bool) -> Model | None:
    """The running model to compare with; None where it cannot be loaded and that was overruled."""
    try:
        return place.registry.load(version, schema_id=FEATURE_SCHEMA_ID)
    except (ModelUnknown, ArtifactError) as error:
        if is_forced:
            return None
        raise PromotionRefused(f"nothing to compare with: {error}; --force REASON promotes it anyway") from error


def _judged(
    place: Place,
    running: Model,
    candidate: Model,
    features: Path | None,
    labels: Path | None,
    tolerances: Tolerances,
    *,
    is_forced: bool,
) -> list[Line]:
    # In a log the lines are as wide as the table needs; a terminal has its own width.
    console = Console(stderr=True, width=None if sys.stderr.isatty() else LOG_WIDTH)
    policy = load_policy(file_in_force(load_settings().policy_file))
    has_order = policy.budgets.enforce_unmeasured is not None
    measures = (None, None) if has_order else (_measured(place, running), _measured(place, candidate))
    data = evaluation_set(features, labels, console)
    if not is_forced and has_learnt_from(candidate, data):
        raise PromotionRefused(f"{candidate.version} was trained on these very calls: give calls of a later time")
    if features is not None:  # generated calls are counted in several ways, whatever the models learnt
        for model in (running, candidate):
            if warning := counted_otherwise(model, data):
                console.print(warning, soft_wrap=True)
    with step("Comparing the models", console):
        lines = compare(data, running, candidate, policy.categories[0].thresholds, tolerances, measures)
    console.print(gate_table(lines, running, candidate))
    return lines


def _measured(place: Place, model: Model) -> Measured | None:
    """What was measured of a model in the registry; None where nothing that workers would use."""
    with beside(place, model.version, load_settings().partitions) as where:
        try:
            measure = where.read()
        except ArtifactError:
            return None
    return None if measure is None else measure.measured()


@click.command("rollback")
@WHY_OPTION
@WAIT_OPTION
@REGISTRY_OPTION
@JSON_OPTION
def rollback(why: str | None, wait_s: float, url: str | None, *, as_json: bool) -> None:
    """Go back to the model before the active one; again, to the one before that. It waits for the workers."""
    require(Role.GRANT)
    place = own_place(url)
    # Loaded before anything is changed: workers would refuse a damaged one and stay where they are.
    with step("Fetching the model", quick=True):
        place.registry.load(place.promotions.previous(), schema_id=FEATURE_SCHEMA_ID)
    entry = place.promotions.rollback()
    _tell(entry, wait_s, why, as_json=as_json)


@click.command("history")
@REGISTRY_OPTION
@JSON_OPTION
def history(url: str | None, *, as_json: bool) -> None:
    """Show what was promoted and rolled back, oldest first: when, from what, by which gate result."""
    place = place_of(url)
    entries = place.promotions.history()
    if as_json:
        click.echo(json.dumps([_entry(entry) for entry in entries]))
        return
    if not entries:
        click.echo(f"nothing was promoted at {place.registry.url}", err=True)
        return
    table = Table("when (UTC)", "", whole("version"), whole("before"), "gate")
    for entry in entries:
        when = datetime.fromtimestamp(entry.at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, entry.action, entry.version, entry.from_version, _gate_result(entry))
    Console().print(table)


@click.command("shadow")
@click.argument("name", metavar="MODEL|off")
@WHY_OPTION
@REGISTRY_OPTION
def shadow(name: str, why: str | None, url: str | None) -> None:
    """Score MODEL beside the active one in every worker, or stop doing so (`off`); decisions are not touched.

    Disagreements are counted in the metric robocall_shadow_calls_total.
    """
    version = NO_MODEL
    if name != NO_MODEL:
        version = in_registry(place_of(url), name).version
    put_in_shadow(version)
    click.echo(f"shadow model: {version}", err=True)
    record(CaseKind.CHANGE, "model_shadow", subject=f"model:{version}", details={"version": version}, why=why)


def put_in_shadow(version: str) -> None:
    """Tell the workers which model to score beside the active one; `NO_MODEL` ends that. It blocks for Redis.

    Args:
        version: of a model in the registry.

    Raises:
        RedisUnreachable: nothing answers.
        RedisRefused: something answers with an error.
    """
    with_redis(lambda redis: redis.set(SHADOW_MODEL, version))


def gate_table(lines: list[Line], running: Model, candidate: Model) -> Table:
    """Every line of the gate: measured, allowed, passed."""
    table = Table("measure", "calls", running.version, candidate.version, "allowed", "")
    words = {True: "passed", False: "FAILED", None: "too few calls"}
    for line in lines:
        figures = (f"{value:.5f}" for value in (line.running, line.candidate, line.allowed))
        table.add_row(line.measure, f"{line.calls:,}", *figures, words[line.passed])
    return table


def _keep_running(place: Place) -> str:
    """Version of the running model, put into the registry where it is not yet, so that a rollback finds it."""
    active = place.promotions.active()
    if active is not None:
        return active
    model, _ = place.registry.add(place.configured, schema_id=FEATURE_SCHEMA_ID)
    return model.version


def _tell(entry: Promotion, wait_s: float, why: str | None, *, as_json: bool) -> None:
    said = f"{entry.version} is active, {entry.from_version} was"
    try:
        _follow({"promoted": True, **_entry(entry)}, said, wait_s, as_json=as_json)
    finally:
        details = {"version": entry.version, "before": entry.from_version}
        why = why or entry.forced_because
        record(CaseKind.CHANGE, f"model_{entry.action}", subject=f"model:{entry.version}", details=details, why=why)


def _follow(content: dict[str, Any], said: str, wait_s: float, *, as_json: bool) -> None:
    """Tell the workers of what is recorded, and the person who promoted of their answers.

    Raises:
        WorkersNotTold: Redis is away, or refuses.
        ModelRefused: a worker did not take the model.
    """
    version = content["version"]
    try:
        answers: Answers = announced(version, wait_s, Console(stderr=True))
    except RobocallError as error:
        raise WorkersNotTold(version, error) from error
    if as_json:
        click.echo(json.dumps({**content, "workers": answers.as_json()}))
    else:
        click.echo("\n".join(map(printable, (said, *answers.lines(version)))), err=True)
    if answers.refuse:
        raise ModelRefused(version, answers)


def _entry(entry: Promotion) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}


def _gate_result(entry: Promotion) -> str:
    failed = sum(line.get("passed") is False for line in entry.gate)
    result = f"{len(entry.gate) - failed} of {len(entry.gate)} lines passed" if entry.gate else "-"
    return f"{result}, forced: {entry.forced_because}" if entry.forced_because else result


def _plain(lines: list[Line]) -> list[dict[str, Any]]:
    return [line.as_json() for line in lines]
