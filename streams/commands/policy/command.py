"""`robocall policy`: say what a policy is, try a change on recorded calls, and save it."""

import itertools
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detector.policy.settings import Override, Policy
from streams.cases.roles import Role, require
from streams.commands.events.lines import with_events
from streams.commands.events.source import Source, source_options
from streams.commands.models.beside import beside
from streams.commands.models.place import FILE, JSON_OPTION, REGISTRY_OPTION, model_option, place_of
from streams.commands.policy.saving import named_file, save_policy
from streams.commands.policy.trying import Trial
from streams.commands.replay import loaded, replayed, require_judged
from streams.errors import ReplayFailed
from streams.running.printable import counted_in_words, printable
from streams.running.progress import step
from streams.screening.build import policy_of
from streams.screening.pipeline import Pipeline
from streams.screening.policy_file import file_in_force
from streams.settings import MAX_PARTITIONS, Settings, load_settings

LAST_DAY = timedelta(days=1)
_POLICY_OPTION = click.option(
    "--policy",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file [default: ROBOCALL_POLICY_FILE].",
)


@click.group()
def policy() -> None:
    """Say what a policy is, try a change on recorded calls before it is saved, and save it.

    \b
      robocall policy show
      robocall policy try changed.yaml                       on the archive's last day
      robocall policy save changed.yaml --why "ticket 311"
    """


@policy.command("show")
@_POLICY_OPTION
@JSON_OPTION
def show(path: Path | None, *, as_json: bool) -> None:
    """Say version, mode and warnings of the policy that a worker would start with here.

    Trunk groups and switches with a mode or a share of callers of their own have a line each.
    """
    settings = load_settings(**({} if path is None else {"policy_file": path}))
    found, file = policy_of(settings), file_in_force(settings.policy_file)
    facts: dict[str, Any] = {
        "version": found.version,
        "file": None if file is None else str(file),
        "mode": found.mode,
        "enforce_percent": found.enforce_percent,
        "overrides": [_override(found, one) for one in found.overrides],
        "enforces": found.does_enforce,
        "warnings": found.warnings(),
    }
    if as_json:
        click.echo(json.dumps(facts))
        return
    click.echo(f"{found.version}, {found.treats()}, {file or 'the documented defaults'}")
    for one in found.overrides:
        if one.is_of_mode:
            click.echo(printable(f"{one.subject}: {found.treats(one)}"))
    for warning in facts["warnings"]:
        click.echo(printable(warning), err=True)


@policy.command("try")
@click.argument("changed", metavar="FILE", type=FILE)
@click.option("--against", type=FILE, help="The policy to compare with [default: ROBOCALL_POLICY_FILE, else defaults].")
@source_options
@model_option("--model", "name", "Model to decide by")
@click.option(
    "--partitions", type=click.IntRange(1, MAX_PARTITIONS), help="That windows are counted in [default: as workers do]."
)
@click.option("--most-events", type=click.IntRange(1), default=2_000_000, show_default=True, help="Then it ends.")
@click.option("--limit-s", type=click.FloatRange(1), default=300.0, show_default=True, help="Then too, seconds.")
@REGISTRY_OPTION
@JSON_OPTION
def try_policy(
    changed: Path,
    against: Path | None,
    source: Source,
    name: str | None,
    partitions: int | None,
    most_events: int,
    limit_s: float,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Say who would be hit by the policy in FILE and is not today: on --events, or on the archive's last day.

    Both policies judge the same calls, with windows that are empty at first. Lists are empty, as in a replay, and
    what was measured of the model is in force. It changes nothing.
    """
    if not source.files and not source.is_archived:
        now = datetime.now(UTC)
        source = replace(source, is_archived=True, begin=source.begin or now - LAST_DAY, end=source.end or now)
    source.require_whole()
    console = Console(stderr=True)
    chosen: dict[str, Any] = {"partitions": source.partitions(partitions)}
    failures: list[Exception] = []
    with beside(place_of(url), name, chosen["partitions"]) as where:
        chosen["model_dir"] = where.whole()
        both = [
            load_settings(**chosen, **({} if against is None else {"policy_file": against})),
            load_settings(**chosen, policy_file=changed),
        ]
        for settings in both:
            policy_of(settings)  # what is wrong with a policy is said before seconds of work
        now_by, then_by = (loaded(settings, failures.append, console) for settings in both)
    bounds = Bounds(most_events, limit_s)
    with ExitStack() as stack, step("Judging calls by both policies", console) as say:
        trial = Trial()
        for seen in tried(trial, bounds.of(source.batches(stack)), now_by, then_by, both[0]):
            say(f"{seen:,} events, {trial.calls:,} calls")
    require_judged(failures)
    if not trial.calls:
        raise ReplayFailed("none of these events begins a call, so neither policy had anything to judge")
    found = {
        "now": now_by.screener.policy.version,
        "then": then_by.screener.policy.version,
        "model": then_by.screener.classifier.version,
        "warnings": then_by.screener.policy.warnings(),
        "cut": bounds.cut,
        **trial.plain(),
    }
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print(found)


@policy.command("save")
@click.argument("changed", metavar="FILE", type=FILE)
@click.option("--why", required=True, help="Goes to the record.")
@click.option("--before", metavar="VERSION", help="Save it only where the file has this version still.")
@_POLICY_OPTION
def save(changed: Path, why: str, before: str | None, path: Path | None) -> None:
    """Put the policy in FILE into the policy file, and record it. Workers take it at their next start."""
    require(Role.GRANT)
    target = named_file(path, load_settings().policy_file)
    if not why.strip():
        raise click.UsageError("--why needs a reason: it is recorded")
    with step("Saving the policy", quick=True):
        content = changed.read_bytes()
    made = save_policy(target, content, why=why, before=before)
    click.echo(made.version)
    for line in (*made.warnings(), f"written into {target}: workers take it at their next start"):
        click.echo(printable(line), err=True)


@dataclass(slots=True)
class Bounds:
    """How much of the calls is judged at most.

    Attributes:
        most_events: Events.
        limit_s: Seconds.
        cut: Why not all of them were, one sentence; empty where all were.
    """

    most_events: int
    limit_s: float
    cut: str = ""

    def of(self, batches: Iterable[Sequence[bytes]]) -> Iterator[Sequence[bytes]]:
        """Pass batches on until a bound is reached."""
        left, until_s = self.most_events, time.monotonic() + self.limit_s
        for batch in batches:
            if left <= 0 or time.monotonic() >= until_s:
                what = f"{self.most_events:,} events" if left <= 0 else f"{self.limit_s:g} s"
                self.cut = f"it ended after {what}: later calls were not judged"
                return
            left -= len(batch)
            yield batch


def tried(
    trial: Trial, batches: Iterable[Sequence[bytes]], now_by: Pipeline, then_by: Pipeline, settings: Settings
) -> Iterator[int]:
    """Send batches through both pipelines into a trial; gives how many events were read so far, after each.

    Args:
        trial: Takes what came of it.
        batches: JSON lines without their line ends.
        now_by: Of the policy to compare with.
        then_by: Of the other one.
        settings: Say in how many partitions windows are counted.

    Raises:
        ReplayFailed: at the end, where no line is an event.
    """
    once, again = itertools.tee(batches)  # in step, so that one batch is held
    now = with_events(replayed(once, now_by, partitions=settings.partitions), Console(stderr=True))
    then = replayed(again, then_by, partitions=settings.partitions, console=Console(quiet=True))
    seen = 0
    for (lines, by_now), (_, by_then) in zip(now, then, strict=True):
        trial.add(by_now.screening, by_then.screening)
        seen += len(lines)
        yield seen


def _override(policy: Policy, one: Override) -> dict[str, Any]:
    return {
        "trunk_group_id": one.trunk_group_id,
        "switch_id": one.switch_id,
        "mode": one.mode or policy.mode,
        "enforce_percent": one.enforce_percent or policy.enforce_percent,
    }


def _print(found: dict[str, Any]) -> None:
    console = Console(stderr=True)
    console.print(f"{found['calls']:,} calls, now by {found['now']}, then by {found['then']}", soft_wrap=True)
    table = Table("what", "by", "cause", "now", "then")
    for row in found["rows"]:
        words = (Text(printable(row[name])) for name in ("treatment", "decided_by", "cause"))
        table.add_row(*words, f"{row['now']:,}", f"{row['then']:,}")
    console.print(table)
    for change in found["changes"]:
        more = "or more " if change["numbers_are_more"] else ""
        numbers = counted_in_words(change["numbers"], f"{more}number")
        trunks = ", ".join(f"{trunk} {calls:,}" for trunk, calls in change["trunks"])
        calls = counted_in_words(change["calls"], "call")
        said = f"{change['now']} -> {change['then']}: {calls} of {numbers}, by {trunks}"
        console.print(Text(printable(said)), soft_wrap=True)
    for line in (*found["warnings"], found["cut"]):
        if line:
            console.print(Text(printable(line)), soft_wrap=True)
    if not found["changes"]:
        console.print("nobody is treated otherwise")
