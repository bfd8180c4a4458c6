"""What the tests of a watch share: a clock that they move, and a desk where commands are typed."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import load
from streams.commands.adapt.nights import Schedule
from streams.commands.adapt.watching import Plan, Told, Watch
from streams.commands.child import CommandFailed
from streams.commands.models.place import own_place
from tests.streams.archive.archive_case import DAY_MS, HOUR_MS
from tests.typed import typed

PARTITIONS = 2
SPAN = ["--from", "1970-01-02T00:00", "--to", "1970-01-03T00:00"]
"""That is learnt from."""
NIGHT_MS = 2 * DAY_MS + 2 * HOUR_MS
"""When the span may be learnt from."""


@dataclass(slots=True)
class TestClock:
    """A clock that the test moves."""

    __test__ = False
    at_ms: int = NIGHT_MS

    def now_ms(self) -> int:
        return self.at_ms

    def sleep(self, seconds: float) -> None:
        self.at_ms += round(seconds * 1_000)


@dataclass(slots=True)
class Desk:
    """Where commands are typed. Learning gives what was made before; every other command is the real one."""

    made: Path
    base: str
    answers: int = 0
    typed: list[list[str]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def __call__(self, arguments: Sequence[str], say: Callable[[str], None]) -> str:
        self.typed.append(list(arguments))
        say("at it")
        return self.learn(arguments) if arguments[0] == "adapt" else really(arguments)

    def learn(self, arguments: Sequence[str]) -> str:
        self.meanwhile()
        shutil.copytree(self.made, arguments[list(arguments).index("--out") + 1], dirs_exist_ok=True)
        found = {"version": version(self.made), "base": self.base, "chosen": "adapted", "gate": {"reason": "too few"}}
        return json.dumps(found | {"answers": self.answers})

    @property
    def spans_learnt(self) -> list[list[str]]:
        return [one[2:6] for one in self.typed if one[0] == "adapt"]


def really(arguments: Sequence[str]) -> str:
    done = typed(*arguments)
    if done.exit_code:
        raise CommandFailed(str(done.exception), done.stdout)
    return done.stdout


def version(folder: Path) -> str:
    return load(folder, schema_id=FEATURE_SCHEMA_ID).version


def watch_of(folder: Path, desk: Desk, clock: TestClock, *, does_promote: bool = False) -> Watch:
    place = own_place(str(folder / "registry"))
    plan = Plan(Schedule(2 * HOUR_MS, DAY_MS), folder / "own", place, (), ("--archive",), PARTITIONS, does_promote)
    return Watch(plan, desk, clock, Told(None))


def turned(watch: Watch) -> list[Any]:
    """Take a turn; lines of the log by their event."""
    with capture_logs() as lines:
        watch.turn()
    return lines
