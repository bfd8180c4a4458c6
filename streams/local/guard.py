"""Run one server and make sure that it ends when its owner does, however the owner ends.

Started by `streams.local.services` as a process of its own, by file name and with the standard library only. The owner
holds the other end of our standard input: when that closes, or the owner is gone, the server is stopped and its folder
removed. Where the kernel offers it (Linux), the server also dies with this process, so that no server is left even
after `kill -9` of both.

Argument: one JSON object, see `Plan`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, TypedDict

POLL_MS = 200
PR_SET_PDEATHSIG = 1


class Plan(TypedDict):
    """What to run: `prepare` first when not empty, then `command`; both write to `log`.

    `stop_seconds` is how long the server may take to end by itself (0 = killed at once). `remove`, when not empty, is
    the folder to delete at the end, and so is the folder around it once that is empty.
    """

    prepare: list[str]
    command: list[str]
    log: str
    stop_seconds: float
    remove: str


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends (Linux; elsewhere the parent's own care has to do)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Guard:
    """The server process and the one question that matters: must it go on?"""

    def __init__(self, owner: int) -> None:
        self._owner = owner
        self._asked_to_stop = False
        self._owner_end = select.poll()
        self._owner_end.register(sys.stdin.fileno(), select.POLLIN | select.POLLHUP)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        self._asked_to_stop = True

    def orphaned(self) -> bool:
        """True when the owner is gone."""
        return os.getppid() != self._owner

    def _must_end(self) -> bool:
        """True when told to stop or when the owner has let go; waits up to `POLL_MS` for either."""
        owner_let_go = bool(self._owner_end.poll(POLL_MS))
        return self._asked_to_stop or owner_let_go or self.orphaned()

    def run(self, command: list[str], log: BinaryIO, stop_seconds: float) -> int | None:
        """Run `command` to its own end (its exit status) or until the owner goes (None); blocks until it is gone.

        Args:
            command: Program and arguments.
            log: File that takes what it writes.
            stop_seconds: How long it may take to end by itself once the owner is gone; 0 kills it at once.

        Raises:
            OSError: there is no such program, or it may not be run.
        """
        server = subprocess.Popen(  # noqa: S603 - the command is built by streams.local.services
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
        )
        try:
            while server.poll() is None:
                if self._must_end():
                    return None
            return server.returncode
        finally:
            end(server, stop_seconds)


def end(server: subprocess.Popen[bytes], stop_seconds: float) -> None:
    """Stop a server that may already have ended, and wait for it: politely first, for `stop_seconds` at most."""
    if server.poll() is not None:
        return
    if stop_seconds > 0:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(stop_seconds)
    server.kill()
    server.wait()


def main() -> int:
    """Follow the plan; the exit status is the server's own, or 0 when the owner ended it."""
    plan: Plan = json.loads(sys.argv[1])
    guard = Guard(owner=int(sys.argv[2]))
    status: int | None = None
    try:
        with Path(plan["log"]).open("ab") as log:
            for command in filter(None, (plan["prepare"], plan["command"])):
                status = guard.run(command, log, plan["stop_seconds"])
                if status is None:
                    return 0
                if status != 0:
                    break
            return status or 1  # a server that ends by itself has failed
    finally:
        # After a failure the log is what the owner wants to read: it removes the folder itself.
        if plan["remove"] and (status is None or guard.orphaned()):
            shutil.rmtree(plan["remove"], ignore_errors=True)
            with contextlib.suppress(OSError):
                Path(plan["remove"]).parent.rmdir()


if __name__ == "__main__":
    sys.exit(main())
