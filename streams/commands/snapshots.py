"""`robocall snapshots`: what is kept of the windows, whether workers can use it, and going back to an older one."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from detector.contract.errors import RobocallError
from streams.errors import SnapshotUnusable
from streams.kafka.group_view import GroupView, group_view
from streams.running.progress import step
from streams.settings import NO_SNAPSHOTS, Settings, load_settings
from streams.state.inspection import Contents, Finding, Inspector, preferred_to
from streams.state.snapshot_format import SIGNED_FORMAT, Header
from streams.state.snapshot_store import Entry, SnapshotStore

OK, UNUSED, BAD = "ok", "unused", "bad"
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
PARTITION_OPTION = click.option("--partition", type=click.IntRange(min=0), help="Of this partition alone.")


@click.group()
def snapshots() -> None:
    """Look at the snapshots at ROBOCALL_SNAPSHOT_URL, and go back to an older one.

    \b
      robocall snapshots list
      robocall snapshots verify --partition 3
      robocall snapshots restore NAME
    """


@snapshots.command("list")
@PARTITION_OPTION
@JSON_OPTION
def list_(partition: int | None, *, as_json: bool) -> None:
    """List them, partition by partition, newest first. Nothing is verified."""
    store = _store(load_settings())
    rows = [_described(store, entry) for entry in _entries(store, partition)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("partition", "offset", "written", "size", "build", "seed", "signed", "name")
    for row in rows:
        signed = "" if row["is_signed"] is None else "yes" if row["is_signed"] else "no"
        size, when = f"{row['size_bytes'] / 1e6:.2f} MB", _when(row["created_ms"])
        texts = row["partition"], row["offset"], when, size, row["layout"] or row["problem"], row["seed"] or "", signed
        table.add_row(*map(str, texts), row["name"])
    Console().print(table)


@snapshots.command()
@click.argument("name")
@JSON_OPTION
def show(name: str, *, as_json: bool) -> None:
    """Say what is in one: keys by family, the newest event of each, and what the policy remembers."""
    settings = load_settings()
    store = _store(settings)
    entry = _named(store, name)
    contents = Inspector(store, settings).contents(entry)
    told = _described(store, entry) | _told(contents)
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    table = Table("windows of", "keys", "newest event")
    for family in contents.families:
        table.add_row(family.name, f"{family.rows:,}", _when(family.newest_ms))
    console = Console()
    console.print(f"partition {entry.partition} up to offset {entry.offset}, written by {told['instance']}")
    console.print(table)
    console.print(
        f"{contents.trunk_groups:,} trunk groups, {contents.held:,} callers held, {contents.standing:,} standing"
    )


@snapshots.command()
@PARTITION_OPTION
@JSON_OPTION
def verify(partition: int | None, *, as_json: bool) -> None:
    """Read them as a worker would: checksum, signature, build, seed, each row; and hold them against the group.

    Exit status 1 where one is damaged, not signed where it must be, or ahead of the group. What nobody uses is said and
    is no failure: written by another build, under another seed, or of a topic that was made again since.
    """
    settings = load_settings()
    store = _store(settings)
    inspector, group, unknown = Inspector(store, settings), None, ""
    try:
        group = group_view(settings)
    except RobocallError as error:
        unknown = f"where the group stands is not known: {error}"
    rows: list[dict[str, Any]] = []
    with step("Reading snapshots", quick=True) as say:
        entries = _entries(store, partition)
        for entry in entries:
            rows.append(_judged(inspector.look(entry), group, entry))
            say(f"{len(rows)} of {len(entries)}", len(rows), len(entries))
    if as_json:
        click.echo(json.dumps({"snapshots": rows, "group": unknown or "asked"}, indent=2))
    else:
        for row in rows:
            click.echo(f"{row['state']}: {row['name']}" + (f": {row['why']}" if row["why"] else ""))
        click.echo(unknown or f"{len(rows)} looked at", err=True)
    if any(row["state"] == BAD for row in rows):
        raise click.exceptions.Exit(1)


@snapshots.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only say what would be lost.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@JSON_OPTION
def restore(name: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Put an older snapshot in force for its partition: newer ones are deleted. All workers must be stopped.

    Workers count what came after it from the topic again, so nothing is lost that the topic still has.
    """
    settings = load_settings()
    store = _store(settings)
    entry = _named(store, name)
    group = group_view(settings)
    judged = _judged(Inspector(store, settings).look(entry), group, entry)
    if judged["state"] != OK:
        raise SnapshotUnusable(f"no worker would use {entry.name}: {judged['why']}")
    if group.members:
        raise SnapshotUnusable(f"{group.members} workers run: stop all of them first, they would write newer ones")
    newer = preferred_to(entry, store.header(entry), _entries(store, entry.partition))
    committed = group.committed(entry.topic, entry.partition) or entry.offset
    lost = max(0, group.oldest.get(entry.partition, 0) - entry.offset)
    told = {
        "restored": entry.name,
        "deleted": [one.name for one in newer],
        "counted_again": committed - entry.offset - lost,
        "lost": lost,
        "is_done": not dry_run,
    }
    for line in _losses(told):
        click.echo(line, err=True)
    if not dry_run:
        if not yes:
            click.confirm(f"Go back to offset {entry.offset} of partition {entry.partition}?", abort=True, err=True)
        for one in newer:
            store.delete(one)
    if as_json:
        click.echo(json.dumps(told, indent=2))


def _losses(told: dict[str, Any]) -> Iterable[str]:
    yield f"{len(told['deleted'])} newer snapshots go" + "".join(f"\n  {name}" for name in told["deleted"])
    yield f"{told['counted_again']:,} records are counted again from the topic"
    if told["lost"]:
        yield f"{told['lost']:,} records are no longer in the topic: the windows lose them"


def _judged(finding: Finding, group: GroupView | None, entry: Entry) -> dict[str, Any]:
    """What is to be said of it, beside what the group has committed too."""
    state, why = (BAD, finding.damage) if finding.damage else (UNUSED, finding.misfit) if finding.misfit else (OK, None)
    if state == OK and group is not None:
        committed = group.committed(entry.topic, entry.partition)
        if committed is None:
            state, why = UNUSED, f"the group has committed nothing in {entry.topic}"
        elif entry.offset > committed:
            state, why = BAD, f"it is ahead of the group, which has committed {committed}"
    return {"name": entry.name, "state": state, "why": why}


def _store(settings: Settings) -> SnapshotStore:
    if settings.snapshot_url == NO_SNAPSHOTS:
        raise SnapshotUnusable("there are no snapshots: ROBOCALL_SNAPSHOT_URL is off")
    return SnapshotStore(settings.snapshot_url, signing=settings.signing)


def _entries(store: SnapshotStore, partition: int | None) -> list[Entry]:
    return [entry for entry in store.everything() if partition is None or entry.partition == partition]


def _named(store: SnapshotStore, name: str) -> Entry:
    for entry in store.everything():
        if entry.name == name:
            return entry
    raise SnapshotUnusable(f"there is no snapshot {name}: `robocall snapshots list` names them")


def _described(store: SnapshotStore, entry: Entry) -> dict[str, Any]:
    header: Header | None = None
    problem = None
    try:
        header = store.header(entry)
    except RobocallError as error:
        problem = str(error)
    return {
        "name": entry.name,
        "topic": entry.topic,
        "partition": entry.partition,
        "offset": entry.offset,
        "generation": entry.generation,
        "created_ms": header.created_ms if header else entry.created_ms,
        "size_bytes": entry.size_bytes,
        "layout": header.layout if header else None,
        "feature_schema": header.feature_schema if header else None,
        "seed": header.seed if header else None,
        "is_signed": header.format == SIGNED_FORMAT if header else None,
        "instance": header.instance if header else None,
        "problem": problem,
    }


def _told(contents: Contents) -> dict[str, Any]:
    families = {one.name: {"keys": one.rows, "newest_ms": one.newest_ms} for one in contents.families}
    return {
        "families": families,
        "trunk_groups": contents.trunk_groups,
        "held": contents.held,
        "standing": contents.standing,
    }


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S") if at_ms else "-"
