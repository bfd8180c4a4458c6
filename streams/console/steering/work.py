"""One command of ours at a time, in a process of its own, with how far it is: the console goes on meanwhile."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog
from starlette.requests import Request
from starlette.responses import Response

from detector.contract.errors import RobocallError
from streams.running.clock import wall_clock_ms
from streams.running.daemon_thread import DaemonThread
from streams.running.failures import described

LIMIT_S = 900.0
"""That a command may take; then it is killed."""
PART = "work"
"""Id of the part of a page that asks for itself again while a command runs."""
OPERATOR = "ROBOCALL_CASES_OPERATOR"
"""Who stands in the records of what the command does."""
ROLES_FILE = "ROBOCALL_CASES_ROLES_FILE"
"""Of commands of people. Who may do what here is the console's own table, so a command that it runs asks nobody."""

log = structlog.get_logger(__name__)


class Run(Protocol):
    """Runs a command to its end, in a process that ends with this one."""

    def __call__(
        self, arguments: Sequence[str], say: Callable[[str], None], settings: Mapping[str, str], limit_s: float
    ) -> str:
        """Block until it has ended.

        Args:
            arguments: Behind `robocall`.
            say: Told each line for people, from a thread.
            settings: Environment variables over ours.
            limit_s: Then it is killed.

        Returns:
            What it wrote for programs.

        Raises:
            RobocallError: it failed; the message says why. `found` of it, where it has that, is what it wrote.
        """


@dataclass(frozen=True, slots=True)
class State:
    """A command, or that there was none yet.

    Attributes:
        what: What it does, for people; empty where there was none yet.
        who: Name of the user.
        begun_ms: Epoch milliseconds.
        is_running: It has not ended.
        line: Its latest line.
        found: What it wrote for programs.
        why_not: Why it failed; empty where it did not.
    """

    what: str = ""
    who: str = ""
    begun_ms: int = 0
    is_running: bool = False
    line: str = ""
    found: str = ""
    why_not: str = ""


def told_of_its_end(request: Request, state: State, answer: Response) -> Response:
    """The part of a page that shows a command, and the event `work-done` for the other parts once it has ended."""
    if request.headers.get("hx-trigger") == PART and not state.is_running:
        answer.headers["HX-Trigger"] = "work-done"
    return answer


class Work:
    """Runs one command at a time. Used on the event loop; the command has a thread and a process of its own.

    Args:
        name: Of the thread.
        run: Runs a command.

    Attributes:
        state: The latest command.
    """

    def __init__(self, name: str, run: Run) -> None:
        self._thread = DaemonThread(name)
        self._run = run
        self.state = State()

    def begin(self, what: str, who: str, arguments: Sequence[str]) -> bool:
        """Begin a command; False where another one runs. It returns at once.

        Args:
            what: What it does, for people.
            who: Name of the user, who stands in its records.
            arguments: Behind `robocall`.
        """
        if self.state.is_running:
            return False
        self.state = State(what, who, wall_clock_ms(), is_running=True, line="It begins.")
        loop = asyncio.get_running_loop()
        said = self._thread.post(
            lambda: self._run(arguments, lambda line: self._told(loop, line), {OPERATOR: who, ROLES_FILE: ""}, LIMIT_S)
        )
        said.add_done_callback(self._ended)
        return True

    def _told(self, loop: asyncio.AbstractEventLoop, line: str) -> None:
        loop.call_soon_threadsafe(self._show, line)

    def _show(self, line: str) -> None:
        if self.state.is_running:
            self.state = replace(self.state, line=line)

    def _ended(self, said: "asyncio.Future[str]") -> None:
        error = None if said.cancelled() else said.exception()
        if error is None:
            self.state = replace(self.state, is_running=False, found="" if said.cancelled() else said.result())
            return
        if isinstance(error, RobocallError):
            why_not = str(error)
        else:
            log.error("a command could not be run", **described(error))
            why_not = f"it could not be run ({type(error).__name__}); the log says more"
        self.state = replace(self.state, is_running=False, why_not=why_not, found=getattr(error, "found", ""))
