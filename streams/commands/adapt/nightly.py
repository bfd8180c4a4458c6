"""The options of `robocall adapt` that make a service of it, and its beginning and end: screen, log and signals."""

import contextlib
import signal
from collections.abc import Callable
from datetime import datetime
from functools import partial, reduce, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import structlog
from rich.console import Console

from detector.features.window_constants import HOUR_MS
from streams.commands.adapt.nights import Schedule, at_ms
from streams.commands.adapt.watching import Plan, Told, WallClock, Watch
from streams.commands.child import run
from streams.commands.events.source import Source
from streams.commands.models.place import own_place
from streams.log import configure_log
from streams.settings import load_settings

F = TypeVar("F", bound=Callable[..., object])

log = structlog.get_logger(__name__)
_OPTIONS = (
    click.option("--watch", "is_watch", is_flag=True, help="With --archive: do so each night, until stopped."),
    click.option(
        "--at", metavar="HH:MM", type=click.DateTime(["%H:%M"]), default="02:00", show_default=True,
        help="With --watch: when a night begins, UTC.",
    ),
    click.option(
        "--span-h", type=click.IntRange(1, 24 * 28), default=24, show_default=True,
        help="With --watch: hours that are learnt from, up to the last midnight, UTC.",
    ),
    click.option(
        "--promote", "does_promote", is_flag=True,
        help="With --watch: on the night after, promote what passes the gate of `models promote`.",
    ),
)  # fmt: skip


def nightly(command: F) -> F:
    """Give `robocall adapt` the options of a watch; with --watch that runs in place of the command."""

    @wraps(command)
    def either(*, is_watch: bool, at: datetime, span_h: int, does_promote: bool, **given: Any) -> object:
        if is_watch:
            if (given["judge_h"] or 0) >= span_h:
                raise click.UsageError(f"--judge-h must leave some of the {span_h} hours of --span-h to learn from")
            _watch(Schedule(at_ms(at), span_h * HOUR_MS), does_promote=does_promote, **given)
            return None
        if does_promote:
            raise click.UsageError("--promote is for --watch: `robocall models promote` does it once")
        return command(**given)

    return cast("F", reduce(lambda made, option: option(made), reversed(_OPTIONS), either))


def _watch(schedule: Schedule, *, does_promote: bool, source: Source, out: Path, url: str | None, **given: Any) -> None:
    if not source.is_archived or source.files or source.begin or source.end:
        raise click.UsageError("--watch takes --archive, and neither --events nor --from and --to")
    if given["strict"] or given["as_json"]:
        raise click.UsageError("--watch takes neither --strict nor --json: see DIR/watch.json")
    place, partitions = own_place(url), source.partitions(given["partitions"])
    more = {name: given[name.removeprefix("--")] for name in ("--base", "--feedback", "--senders")}
    more |= {"--questions": given["questions"], "--windows-h": given["windows_h"], "--judge-h": given["judge_h"]}
    learning = (*_named(more), *(("--curve",) if given["curve"] else ()))
    answers = ("--archive", *_named({name: more[name] for name in ("--feedback", "--questions")}))
    plan = Plan(schedule, out, place, learning, answers, partitions, does_promote)
    settings = load_settings()
    # For every command, and not as its options: `models promote` judges by both, and has none for them.
    chosen = {"MODELS_URL": url, "PARTITIONS": partitions, "POLICY_FILE": given["policy"]}
    environment = {f"ROBOCALL_{name}": str(value) for name, value in chosen.items() if value is not None}
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with console.status("watching") if console.is_terminal else contextlib.nullcontext() as status:
        configure_log(settings.log_level, settings.log_format)  # inside: so lines do not tear the status
        watch = Watch(plan, partial(run, settings=environment), WallClock(), Told(status))
        try:
            watch.watch()
        except KeyboardInterrupt:
            log.info("stopped")


def _named(options: dict[str, Any]) -> tuple[str, ...]:
    """Options as they are typed; a tuple is one that was given several times."""
    found: list[str] = []
    for name, value in options.items():
        for one in value if isinstance(value, tuple) else (value,):
            found += [] if one is None else [name, str(one)]
    return tuple(found)
