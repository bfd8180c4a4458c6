"""`robocall models status`, and how `promote` and `rollback` learn what the workers make of a model."""

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from redis.asyncio import Redis
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detector.contract.errors import RobocallError
from streams.commands.models.doctor import SENTENCES
from streams.commands.models.place import JSON_OPTION, REGISTRY_OPTION, place_of, whole
from streams.commands.shared.redis_of_settings import with_redis
from streams.redis.worker_reports import WorkerHealth, WorkerReport, announce, told
from streams.running.printable import printable
from streams.running.progress import Say, step

LOOK_S = 0.25
WAIT_OPTION = click.option(
    "--wait-s",
    type=click.FloatRange(0, 600),
    default=30.0,
    show_default=True,
    help="How long to wait for the workers' answers, seconds.",
)
NOBODY = "no worker tells of itself in this Redis: is one running? `robocall models status` shows those that do"


class ModelRefused(RobocallError):
    """The model is recorded as active, and a worker did not take it."""

    def __init__(self, version: str, answers: "Answers") -> None:
        reasons: dict[str, list[str]] = {}
        for worker, why in answers.refuse.items():
            reasons.setdefault(why, []).append(worker)
        said = "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())
        super().__init__(
            f"{version} is recorded as active, but {len(answers.refuse)} of {answers.count} workers keep their model: "
            f"{said}; put that right, then `robocall models promote {version}` has them try again, or "
            "`robocall models rollback` goes back"
        )
        self.version = version


@dataclass(frozen=True, slots=True)
class Answers:
    """What workers make of one model, by their names.

    Attributes:
        run: those that it decides for.
        refuse: those that did not take it, and why.
        wait: those that have not answered, and what they are at.
    """

    run: list[str] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    wait: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many workers there are."""
        return len(self.run) + len(self.refuse) + len(self.wait)

    @classmethod
    def of(cls, states: Iterable[WorkerReport], version: str, announced: int = 0) -> "Answers":
        """Sort workers by their answer to an announcement.

        Args:
            states: what they say.
            version: of the model that was announced.
            announced: number of the announcement; what a worker said before it heard of that is no answer.
        """
        answers = cls()
        for state in states:
            refusal = state.refusal(version)
            if state.told >= announced and state.model == version:
                answers.run.append(state.worker)
            elif state.told >= announced and refusal is not None and state.loading != version:
                answers.refuse[state.worker] = refusal.why
            elif state.told < announced:
                answers.wait[state.worker] = "has not heard of it"
            elif state.loading == version:
                answers.wait[state.worker] = "is loading it" + (f" ({refusal.why})" if refusal is not None else "")
            else:
                answers.wait[state.worker] = f"runs {state.model}"
        return answers

    def lines(self, version: str) -> list[str]:
        """What is to be said of those that run it and of those that have not answered."""
        if not self.count:
            return [NOBODY]
        lines = [f"{len(self.run)} of {self.count} workers run {version}"]
        return lines + [f"{worker} {doing}: `robocall models status` tells more" for worker, doing in self.wait.items()]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"run": self.run, "refuse": self.refuse, "wait": self.wait}


def announced(version: str, wait_s: float, console: Console) -> Answers:
    """Tell the workers which model is to decide, and wait until each that there is has answered.

    Args:
        version: of a model in the registry.
        wait_s: for so long at most, seconds.
        console: on which progress is shown.

    Raises:
        RedisUnreachable: nothing answers; with `RedisRefused`, no worker was told.
    """
    with step("Waiting for the workers", console, quick=True) as say:
        return with_redis(lambda redis: _announced(redis, version, wait_s, say))


async def _announced(redis: Redis, version: str, wait_s: float, say: Say) -> Answers:
    number = await announce(redis, version)
    until_s = time.monotonic() + wait_s
    while True:
        answers = Answers.of(await told(redis), version, number)
        say(f"{len(answers.run)} of {answers.count} run {version}", answers.count - len(answers.wait), answers.count)
        if not answers.wait or time.monotonic() >= until_s:
            return answers
        await asyncio.sleep(LOOK_S)


@click.command("status")
@REGISTRY_OPTION
@JSON_OPTION
def status(url: str | None, *, as_json: bool) -> None:
    """Say how each worker does, which model it runs, since when, and which it refused and why.

    Workers tell it to Redis every few seconds. One that has been silent for 15 seconds is not shown.
    """
    place = place_of(url)
    with step("Asking the registry and the workers", quick=True):
        promoted = place.promotions.active()
        states = with_redis(told)
    if as_json:
        click.echo(json.dumps({"promoted": promoted, "workers": msgspec.to_builtins(states)}))
        return
    if states:
        Console().print(_table(states))
    for state in states:
        for one in state.refused:
            what = "" if one.role == "active" else " beside it"
            click.echo(printable(f"{state.worker} refused {one.model}{what} at {_instant(one.at_ms)}: {one.why}"))
        for name in state.alarms:
            click.echo(
                printable(f"{state.worker} raises the alarm {name}: {SENTENCES.get(name, 'of a later version')}")
            )
    click.echo(_summary(states, promoted, place.registry.url), err=True)


def _summary(states: list[WorkerReport], promoted: str | None, url: str) -> str:
    if not states:
        return NOBODY
    if promoted is None:
        return f"nothing was promoted at {url}: workers run what they are configured with"
    count = len(Answers.of(states, promoted).run)
    return f"{count} of {len(states)} workers run {promoted}, which is promoted at {url}"


def _table(states: list[WorkerReport]) -> Table:
    table = Table("worker", "state, not answered", whole("model"), "since (UTC)", "loading", "shadow")
    for state in states:
        names = (state.model, _instant(state.since_ms), state.loading or "-", state.shadow or "-")
        table.add_row(*(escape(printable(text)) for text in (state.worker, _said(state.health), *names)))
    return table


def _said(health: WorkerHealth | None) -> str:
    """Its state, and how many records wait for its answer."""
    return "-" if health is None else f"{health.status.replace('_', ' ')}, {sum(health.lags.values()):,}"


def _instant(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
