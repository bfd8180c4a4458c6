"""The worker of the demo: a process of its own, waited for as long as it gets on. Knows nothing of calls."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

import msgspec
from rich.console import Console

from streams.errors import DemoFailed
from streams.local.services import free_ports
from streams.running.progress import step

SILENCE_S = 180.0
"""A worker that logs nothing new for so long and does not get ready is given up."""
POLL_S = 0.1
STOP_TIMEOUT_S = 20.0
_LOUD = ("warning", "error", "critical")


@contextlib.contextmanager
def running_worker(console: Console) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker with the settings of this process while the block runs; it is ready when the block begins.

    It blocks until the worker is ready, half a minute where it has to compile, and at the end until it is gone:
    `STOP_TIMEOUT_S` at most. Its log goes to a file; warnings in it are shown afterwards, where they tear no table.

    Raises:
        DemoFailed: it ended, or got on no more; the message is its own last line.
    """
    (port,) = free_ports(1)
    settings = {"ROBOCALL_WEB_PORT": str(port), "ROBOCALL_LOG_LEVEL": "info", "ROBOCALL_LOG_FORMAT": "json"}
    with tempfile.TemporaryDirectory(prefix="robocall-demo-") as folder:
        log = Path(folder) / "worker.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams.commands.main", "worker"],
                env=os.environ | settings,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            with step("Starting a worker (its first start compiles)", console) as say:
                wait_until(lambda: is_healthy(port), process.poll, log, say)
            yield process
        finally:
            _stop(process)
            for line in _loud_lines(log):
                console.print(line, soft_wrap=True, markup=False, highlight=False)


def wait_until(
    is_ready: Callable[[], bool],
    status: Callable[[], int | None],
    log: Path,
    say: Callable[[str], None],
    *,
    now_s: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Block until a process is ready, however long it takes, as long as its log says something new.

    A line that repeats an earlier one, but for its time, is nothing new: a thread of a process that hangs may write it.
    While a worker compiles its lines say how much processor time it has used.

    Args:
        is_ready: asked again and again.
        status: exit status of the process; None while it runs.
        log: file that it writes.
        say: gets the last line of the log whenever there is something new.
        now_s: monotonic clock, seconds.
        pause: sleeps for seconds.

    Raises:
        DemoFailed: it has ended, or wrote nothing new for `SILENCE_S`.
    """
    known, grown_s = 0, now_s()
    while not is_ready():
        ended = status()
        if ended is not None:
            raise DemoFailed(f"the worker ended with status {ended}: {last_line(log)}")
        if (lines := _different_lines(log)) > known:
            known, grown_s = lines, now_s()
            say(last_line(log))
        elif now_s() - grown_s > SILENCE_S:
            raise DemoFailed(f"the worker has said nothing new for {SILENCE_S:.0f} s; its last line: {last_line(log)}")
        pause(POLL_S)


def last_line(log: Path) -> str:
    """Return what the last line of a log says, without its fields."""
    lines = [line for line in log.read_bytes().split(b"\n") if line.strip()]
    return _text(lines[-1]) if lines else "(nothing)"


def _different_lines(log: Path) -> int:
    """Count lines that say different things, whenever they were written; a line that has no end yet is none."""
    whole = log.read_bytes().rpartition(b"\n")[0]
    said = ({k: v for k, v in _fields(line).items() if k != "timestamp"} or line for line in whole.split(b"\n") if line)
    return len({repr(one) for one in said})


def _text(line: bytes) -> str:
    fields = _fields(line)
    return str(fields["event"]) if "event" in fields else line.decode("utf-8", "replace").strip()


def _fields(line: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(line, type=dict[str, object])
    except msgspec.MsgspecError:
        return {}


def _loud_lines(log: Path) -> list[str]:
    lines = log.read_bytes().split(b"\n")
    return [f"worker: {_text(line)}" for line in lines if _fields(line).get("level") in _LOUD]


def is_healthy(port: int) -> bool:
    """Whether the worker with this web port says that it is; blocks for a second at most and raises nothing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
            return True
    except (OSError, HTTPException):  # nobody there, or somebody who speaks no HTTP
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
