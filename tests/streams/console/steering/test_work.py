"""A command at a time: what runs, what it said last, how it ended."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence

import httpx
import pytest

from streams.commands.child import CommandFailed
from streams.console.steering.work import LIMIT_S, OPERATOR, ROLES_FILE, State, Work
from tests.streams.console.console_case import Browser
from tests.waiting import until

WORDS = ["models", "rollback"]
LONG_S = 120.0


async def settled(browser: Browser, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """The part of a page that shows a command, asked for until nothing runs."""
    async with asyncio.timeout(LONG_S):
        # As a browser asks, which nobody tells.
        while "it goes on" in (found := await browser.client.get(path, headers=headers)).text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


class Commands:
    """Stands in for processes: each says a line, waits until the test lets it go, and ends as the test wants.

    Attributes:
        asked: What was run, with its settings and limit.
        ends: Raised by the next one, or what it writes.
        go: Set by the test.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], dict[str, str], float]] = []
        self.ends: str | Exception = ""
        self.go = threading.Event()

    def __call__(
        self, arguments: Sequence[str], say: Callable[[str], None], settings: Mapping[str, str], limit_s: float
    ) -> str:
        self.asked.append((list(arguments), dict(settings), limit_s))
        say("half of it")
        self.go.wait()
        if isinstance(self.ends, Exception):
            raise self.ends
        return self.ends


def ended(commands: Commands) -> State:
    """State of a command that ran to its end, and was seen at work."""

    async def run() -> State:
        work = Work("test", commands)
        assert work.state == State()
        assert work.begin("Roll back", "mia", WORDS)
        await until(lambda: work.state.line == "half of it")
        assert work.state.is_running
        assert not work.begin("Another", "ada", WORDS)
        commands.go.set()
        await until(lambda: not work.state.is_running)
        return work.state

    return asyncio.run(run())


def test_one_command_runs_at_a_time_in_the_name_of_who_began_it() -> None:
    """The other one is refused, and not queued: who asked for it would not know what it finds."""
    commands = Commands()
    commands.ends = '{"promoted": true}'

    state = ended(commands)

    assert commands.asked == [(WORDS, {OPERATOR: "mia", ROLES_FILE: ""}, LIMIT_S)]
    assert (state.what, state.who, state.found, state.why_not) == ("Roll back", "mia", '{"promoted": true}', "")


@pytest.mark.parametrize(
    ("error", "why_not", "found"),
    [
        (CommandFailed("gbt-2 is refused", '{"gate": []}'), "gbt-2 is refused", '{"gate": []}'),
        (OSError(2, "no such +12025550123"), "it could not be run (FileNotFoundError); the log says more", ""),
    ],
)
def test_a_command_that_fails_says_why(error: Exception, why_not: str, found: str) -> None:
    """What it wrote before is kept; of what is no error of ours the type alone is said."""
    commands = Commands()
    commands.ends = error

    state = ended(commands)

    assert (state.is_running, state.why_not, state.found) == (False, why_not, found)
