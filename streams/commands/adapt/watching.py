"""`robocall adapt --watch`: learn each night from the archive, put what is better into the shadow, or promote it.

Each step is a command that a person could type, in a process of its own (`streams.commands.child`). What it does
is written down after every step, so that a watch that was killed goes on where it was.
"""

import contextlib
import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import click
import structlog
from msgspec.structs import replace
from rich.status import Status

from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from models.adapt.found import shown_later
from models.budgets.measure import file_name
from models.data.label_files import read_labels
from models.errors import ArtifactError
from streams.archive.files import ArchiveStore, day_of
from streams.archive.settings import ArchiveSettings
from streams.commands.adapt.nights import ATTEMPTS, Night, Notes, Schedule, iso
from streams.commands.adapt.places import LOT, LOT_FILE
from streams.commands.child import CommandFailed
from streams.commands.models.place import Place
from streams.commands.models.promote import put_in_shadow
from streams.commands.shared.redis_of_settings import with_redis
from streams.kafka.topics import CALL_EVENTS
from streams.redis.connection import NO_MODEL
from streams.running.clock import wall_clock_ms

MODEL, UNFINISHED, LOCK = "model", "unfinished", "watch.lock"
"""In the folder of the watch: what the last night wrote; what this one writes; held while a watch runs."""
SET_ASIDE = "unsettled"
"""There too: the last folder with a lot that was dropped, with what was answered."""
AGAIN_S = 300.0
"""After something was away, or an attempt failed."""
LOOK_S = 30.0
"""Between two looks at the clock, which may be set; and between two lines of a log about one step."""
TOLD_S = 3_600.0
"""Between two lines that say that it waits."""
FEWEST_LABELLED = 100
"""Robocalls, and lawful calls, on which a model is judged without a person."""

Run = Callable[[Sequence[str], Callable[[str], None]], str]

log = structlog.get_logger(__name__)


class NotYet(RobocallError):
    """The archive has not all of the span."""

    retriable = True


class Clock(Protocol):
    """The time of the day, and patience."""

    def now_ms(self) -> int:
        """Epoch milliseconds."""

    def sleep(self, seconds: float) -> None:
        """Block for so long; a signal may end it by an exception."""


class WallClock:
    """That of this machine."""

    def now_ms(self) -> int:
        """See `Clock`."""
        return wall_clock_ms()

    def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a watch is to do.

    Attributes:
        schedule: When, and from which span.
        folder: Where it keeps its notes and the last model.
        place: The registry.
        learning: Options of `robocall adapt` behind the span, but for `--out`.
        answers: Options of `robocall settle` that say where answers are.
        partitions: That calls are counted in.
        does_promote: What the gate of promotions takes is promoted without a person.
    """

    schedule: Schedule
    folder: Path
    place: Place
    learning: tuple[str, ...]
    answers: tuple[str, ...]
    partitions: int
    does_promote: bool


class Told:
    """Says what goes on: on a terminal in one line that stays, elsewhere in the log, seldom.

    Args:
        status: The line; None where there is no terminal.
    """

    def __init__(self, status: Status | None) -> None:
        self._status = status
        self._told_s = -TOLD_S
        self._doing = ""

    def step(self, doing: str) -> Callable[[str], None]:
        """A step begins; what is returned takes how far it is."""
        self._begin(doing)
        return lambda detail: self._go_on(doing, detail, LOOK_S)

    def waiting(self, until_ms: int, said: str) -> None:
        """Nothing is due."""
        doing = f"waiting for {iso(until_ms)} UTC"
        if doing != self._doing:
            self._begin(doing, said)
        else:
            self._go_on(doing, said, TOLD_S)

    def _begin(self, doing: str, detail: str = "") -> None:
        self._doing, self._told_s = doing, -TOLD_S
        self._go_on(doing, detail, 0.0)

    def _go_on(self, doing: str, detail: str, every_s: float) -> None:
        if self._status is not None:
            self._status.update(f"{doing}: {detail}".removesuffix(": "))
        elif time.monotonic() - self._told_s >= every_s:
            self._told_s = time.monotonic()
            log.info("watching", doing=doing, detail=detail)


class Watch:
    """Does what is due, one step after the other. Methods block for the steps.

    Args:
        plan: What to do.
        run: Runs a command (`streams.commands.child.run`).
        clock: By which it goes.
        told: Says what goes on.
    """

    def __init__(self, plan: Plan, run: Run, clock: Clock, told: Told) -> None:
        self._plan, self._run, self._clock, self._told = plan, run, clock, told
        self._notes = Notes(plan.folder)
        self._again_ms = 0

    def watch(self) -> None:
        """Go on until an exception ends it.

        Raises:
            StorageError: the folder of the watch cannot be written.
            SettingsInvalid: in the place of its notes is something else.
        """
        with _alone(self._plan.folder):
            while True:
                self.turn()
                self._clock.sleep(LOOK_S)

    def turn(self) -> None:
        """Do what is due now, or say for what is waited; what fails is told, and tried again later."""
        now_ms = self._clock.now_ms()
        last = self._notes.read()
        night = self._due(last, now_ms)
        if night is None:
            self._told.waiting(self._plan.schedule.next_ms(now_ms), "" if last is None else last.said)
        elif now_ms >= self._again_ms:
            self._go_on_with(night)

    def _due(self, last: Night | None, now_ms: int) -> Night | None:
        """What there is to do: a model that was written is put in its place, whenever that is; else the latest span."""
        span = self._plan.schedule.last(now_ms)
        if last is not None and (last.end_ms >= span.end_ms or last.stage == "learnt"):
            return None if last.is_over else last
        if not self._plan.schedule.is_due(now_ms):
            return None
        return Night(begin_ms=span.begin_ms, end_ms=span.end_ms) if last is None else last.after(span)

    def _go_on_with(self, night: Night) -> None:
        try:
            while not night.is_over:
                night = self._next(night)
                self._notes.write(night)
            log.info("night over", span=night.span, version=night.version, outcome=night.said)
        except (CommandFailed, ArtifactError) as error:
            self._again_later()
            night = night.failed(str(error))
            self._notes.write(night)
            tell = log.error if night.is_over else log.warning
            tell("night given up" if night.is_over else "night failed", span=night.span, cause=night.said)
        except (RobocallError, OSError) as error:
            self._again_later()
            log.warning("night waits", span=night.span, cause=str(error), again_s=AGAIN_S)
        finally:
            shutil.rmtree(self._plan.folder / UNFINISHED, ignore_errors=True)

    def _again_later(self) -> None:
        self._again_ms = self._clock.now_ms() + round(AGAIN_S * 1_000)

    def _next(self, night: Night) -> Night:
        """Take the next step; returns the night after it."""
        if night.stage == "learnt":
            return self._placed(night)
        self._require_ready(night)
        if night.stage == "begun":
            return self._judged(night)
        return self._settled(night) or self._learnt(night)

    def _require_ready(self, night: Night) -> None:
        """Ask everything that the night needs, before minutes of work.

        Raises:
            NotYet: the archive has nothing of later than the span, so it may lack some of it.
            RobocallError: the archive, the registry or Redis does not answer.
        """
        self._plan.place.promotions.active()
        with_redis(lambda redis: redis.ping())
        store = ArchiveStore(ArchiveSettings.load().url)
        if not any(file.day >= day_of(night.end_ms) for file in store.files(CALL_EVENTS)):
            raise NotYet(
                f"{store.url} has no call events of {day_of(night.end_ms)} yet, so it may lack some before: is "
                "`robocall archive run` behind?"
            )

    def _judged(self, night: Night) -> Night:
        """Judge the waiting model on what of this span it has not seen, where it may be promoted without a person."""
        active = self._plan.place.promotions.active()
        if night.waiting and night.waiting == active:
            night = replace(night, waiting="", has_been_judged=False)  # by a person
        if not night.waiting or night.has_been_judged or not self._plan.does_promote:
            return replace(night, stage="judged")
        folder = self._begun()
        options = self._exported(night, folder)
        if options is None:
            return replace(night, stage="judged")
        say = self._told.step(f"judging {night.waiting}")
        try:
            self._run(["models", "promote", night.waiting, *options, "--json"], say)
        except CommandFailed as error:
            if error.found and not json.loads(error.found)["promoted"]:
                log.warning("not promoted", version=night.waiting, cause=str(error))
                return replace(night, stage="judged", has_been_judged=True)
            if self._plan.place.promotions.active() != night.waiting:
                raise
            log.warning("promoted, but not everywhere", version=night.waiting, cause=str(error))
        else:
            log.info("promoted", version=night.waiting, span=night.span)
        put_in_shadow(NO_MODEL)
        return replace(night, stage="judged", waiting="")

    def _exported(self, night: Night, folder: Path) -> list[str] | None:
        """Unseen features and labels, as `models promote` takes them; None where there are too few labels."""
        events, labels, features = (folder / name for name in ("events.jsonl.zst", "labels.csv", "features.parquet"))
        say = self._told.step("exporting calls to judge by")
        span = _span(max(night.begin_ms, night.unseen_from_ms), night.end_ms)
        self._run(["archive", "export", *span, "--out", str(events), "--labels", str(labels)], say)
        verdicts = [truth.is_robocall for truth in read_labels(labels).values()]
        fewest = min(sum(verdicts), len(verdicts) - sum(verdicts))
        if fewest < FEWEST_LABELLED:
            cause = (
                f"{sum(verdicts):,} labelled robocalls and {len(verdicts) - sum(verdicts):,} lawful calls, "
                f"{FEWEST_LABELLED} of each needed"
            )
            log.warning("not judged", version=night.waiting, span=night.span, cause=cause)
            return None
        say = self._told.step("computing features to judge by")
        options = ["--decisions", "/dev/null", "--features", str(features), "--partitions", str(self._plan.partitions)]
        self._run(["replay", str(events), *options], say)
        return ["--features", str(features), "--labels", str(labels)]

    def _settled(self, night: Night) -> Night | None:
        """Settle the lot of an earlier night by the answers since.

        While somebody answers, nothing new is learnt: a night's twenty answers seldom suffice.

        Returns:
            The night after it; None where there is nothing to wait for, so that it is learnt.

        Raises:
            CommandFailed: it failed, and is to be tried again: the last attempt drops the lot instead.
        """
        folder = self._plan.folder / MODEL
        if (folder / LOT / LOT_FILE).exists():
            found = self._answered(night, folder)
            if found and found["missing"] and found["answers"] > night.answers and self._still_runs(found["base"]):
                kept = {"version": found["base"], "is_better": False, "said": _outcome(found)}
                return replace(night, stage="over", answers=found["answers"], **kept)
        shown = shown_later(folder)
        if shown is None or shown["version"] == night.placed or not self._still_runs(shown["base"]):
            return None
        return replace(night, stage="learnt", version=shown["version"], is_better=True, said=_outcome(shown), answers=0)

    def _answered(self, night: Night, folder: Path) -> dict[str, Any] | None:
        """What the answers of a lot come to; None where that cannot be said."""
        try:
            say = self._told.step("settling what was asked")
            found: dict[str, Any] = json.loads(self._run(["settle", str(folder), *self._plan.answers, "--json"], say))
        except CommandFailed as error:
            if night.attempts + 1 < ATTEMPTS:
                raise
            log.warning("lot dropped", cause=str(error), kept=str(self._plan.folder / SET_ASIDE))
            return None
        log.info("lot asks" if found["missing"] else "lot settled", outcome=_outcome(found), answers=found["answers"])
        return found

    def _still_runs(self, base: str) -> bool:
        """Whether the next night would start from this model, too."""
        return "--base" in self._plan.learning or self._plan.place.promotions.active() in {None, base}

    def _learnt(self, night: Night) -> Night:
        """Learn, and put the folder in the place of the last one."""
        folder = self._begun()
        say = self._told.step(f"learning from {night.span}")
        options = [*_span(night.begin_ms, night.end_ms), *self._plan.learning, "--out", str(folder), "--json"]
        found = json.loads(self._run(["adapt", "--archive", *options], say))
        self._put_in_place(folder)
        version, is_better = found["version"], found["version"] != found["base"]
        said = _outcome(found)
        log.info("night learnt", span=night.span, version=version, better=is_better, outcome=said)
        learnt = {"version": version, "is_better": is_better, "said": said, "answers": found["answers"]}
        return replace(night, stage="learnt", **learnt)

    def _placed(self, night: Night) -> Night:
        """Put a better model into the registry with its measure, and into the shadow of the workers."""
        if not night.is_better:
            return replace(night, stage="over", placed=night.version)
        registry, folder = self._plan.place.registry, self._plan.folder / MODEL
        registry.add(folder, schema_id=FEATURE_SCHEMA_ID)
        measure = folder / file_name(self._plan.partitions)
        if measure.exists():
            registry.write_beside(night.version, measure.name, measure.read_bytes())
        put_in_shadow(night.version)
        log.info("runs in shadow", version=night.version, registry=registry.url, todo=_todo(self._plan, night.version))
        waits = {"waiting": night.version, "unseen_from_ms": night.end_ms, "has_been_judged": False}
        return replace(night, stage="over", placed=night.version, **waits)

    def _put_in_place(self, folder: Path) -> None:
        """Make a folder the model of the last night; one with a lot that was dropped is set aside, with its answers."""
        last, aside = self._plan.folder / MODEL, self._plan.folder / SET_ASIDE
        if (last / LOT / LOT_FILE).exists():
            shutil.rmtree(aside, ignore_errors=True)
            last.rename(aside)
        shutil.rmtree(last, ignore_errors=True)
        folder.rename(last)

    def _begun(self) -> Path:
        """An empty folder for what is not finished."""
        folder = self._plan.folder / UNFINISHED
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Refuse a second watch in one folder, and remove what a killed one left behind."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise click.UsageError(f"another watch runs in {folder}: give this one a folder of its own") from error
        shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
        yield


def _span(begin_ms: int, end_ms: int) -> list[str]:
    return ["--from", iso(begin_ms), "--to", iso(end_ms)]


def _outcome(found: dict[str, Any]) -> str:
    """What came of a night, as `robocall adapt` would say it."""
    if found["version"] == found["base"]:
        return f"kept the base model {found['version']}: {found['gate']['reason']}"
    return f"{found['version']}, {found['chosen']}, in place of {found['base']}"


def _todo(plan: Plan, version: str) -> str:
    """Who promotes a model."""
    if plan.does_promote:
        return "the next night judges it, and promotes it where it is not worse"
    return f"look at it, then `robocall models promote {version} --features FILE --labels FILE`"
