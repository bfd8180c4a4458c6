"""A `robocall` command in a process of its own: what it needs of memory goes with it, and it never outlives its parent.

Nobody types `python -m streams.commands.child PARENT NICENESS ...`: it is `robocall` that dies with its parent.
"""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from detector.contract.errors import RobocallError
from streams.commands.main import main
from streams.local.guard import die_with_parent


class CommandFailed(RobocallError):
    """A command ended with another status than 0; the message is its own last line.

    Attributes:
        found: What it wrote for programs.
    """

    def __init__(self, message: str, found: str = "") -> None:
        super().__init__(message)
        self.found = found


def run(
    arguments: Sequence[str],
    say: Callable[[str], None],
    settings: Mapping[str, str],
    limit_s: float | None = None,
    *,
    niceness: int = 0,
) -> str:
    """Run a command to its end; blocks meanwhile. Where that is interrupted, the process is killed.

    Args:
        arguments: Behind `robocall`.
        say: Told each line for people as it comes, from a thread.
        settings: Environment variables over those of this process.
        limit_s: After so long it is killed, seconds; None: never.
        niceness: How far it gives way to others, 0 to 19, where that may be said.

    Returns:
        What it wrote for programs.

    Raises:
        CommandFailed: it failed, was killed, or took too long.
    """
    command = [sys.executable, "-m", "streams.commands.child", str(os.getpid()), str(niceness), *arguments]
    lines = [f"robocall {arguments[0]} said nothing"]
    with subprocess.Popen(  # noqa: S603 - this very program, with arguments of its own
        command,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        thread = threading.Thread(target=_follow, args=(process.stderr, lines, say), daemon=True)
        end = threading.Timer(threading.TIMEOUT_MAX if limit_s is None else limit_s, process.kill)
        end.daemon = True
        try:
            thread.start()
            end.start()
            found = process.stdout.read() if process.stdout is not None else ""
            status = process.wait()
        finally:
            is_late = limit_s is not None and not end.is_alive()
            end.cancel()
            process.kill()
            thread.join()
    if status < 0 and is_late:
        raise CommandFailed(f"robocall {arguments[0]} took longer than {limit_s:g} s and was ended")
    if status < 0:
        raise CommandFailed(f"robocall {arguments[0]} was killed by signal {-status}: was there too little memory?")
    if status:
        raise CommandFailed(lines[-1].removeprefix("robocall: "), found)
    return found


def _follow(stream: IO[str] | None, lines: list[str], say: Callable[[str], None]) -> None:
    """Keep the last line, and pass each on."""
    for line in stream or ():
        if text := line.strip():
            lines[:] = [text]
            say(text)


if __name__ == "__main__":
    parent, given_way = int(sys.argv.pop(1)), int(sys.argv.pop(1))
    with contextlib.suppress(OSError):  # a sandbox may forbid it: then it does its work all the same
        os.nice(given_way)
    die_with_parent()
    if os.getppid() == parent:  # else it ended while this process began, and nobody will be told of that
        main()
