"""Processes of the demo, a worker and a bridge: each is waited for as long as it gets on. Knows nothing of calls."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from detector.contract.decisions import Step
from streams.bridge.settings import BRIDGE_PREFIX
from streams.bridge.sip.requests import options
from streams.errors import DemoFailed
from streams.local.services import free_ports
from streams.metrics import Metric
from streams.running.progress import step
from streams.trust.settings import TRUST_PREFIX

SILENCE_S = 180.0
"""A process that logs nothing new for so long and does not get ready is given up."""
POLL_S = 0.1
PAGE_S = 5.0
STOP_TIMEOUT_S = 20.0
HERE = "127.0.0.1"
WORKER, BRIDGE = "worker", "bridge"
PEERS = f"""\
peers:
  - name: demo
    addresses: [{HERE}]
    profile: clearip
    trunk_group_id: demo
    reads_trunk_group: true
    role: terminating
    verifies: true
"""
"""The demo's switch. Its INVITEs name their trunk groups, and say what it found when it verified them."""
_LOUD = ("warning", "error", "critical")


class Running(NamedTuple):
    """A process that is ready.

    Attributes:
        name: what it is, "worker".
        process: of its own session, so that Ctrl-C is for the demo alone.
        port: that it answers on.
    """

    name: str
    process: "subprocess.Popen[bytes]"
    port: int

    def is_up(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None


@contextlib.contextmanager
def running_worker(console: Console) -> Iterator[Running]:
    """Run a worker with the settings of this process while the block runs; it is ready when the block begins.

    It blocks until the worker is ready, half a minute where it has to compile, and at the end until it is gone:
    `STOP_TIMEOUT_S` at most. Its log goes to a file; warnings in it are shown afterwards, where they tear no table.

    Raises:
        DemoFailed: it ended, or got on no more; the message is its own last line.
    """
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="robocall-demo-") as folder:
        settings = {"ROBOCALL_WEB_PORT": str(port)}
        with running(WORKER, Path(folder), settings, console) as (process, log):
            with step("Starting a worker", console) as say:
                wait_until(WORKER, lambda: is_healthy(port), process.poll, log, say)
            yield Running(WORKER, process, port)


@contextlib.contextmanager
def running_bridge(console: Console) -> Iterator[Running]:
    """Run a bridge in front of the worker, as `running_worker` runs that: `port` takes SIP from this machine.

    Raises:
        DemoFailed: it ended, or got on no more; the message is its own last line.
    """
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="robocall-demo-") as folder:
        peers = Path(folder) / "peers.yaml"
        peers.write_text(PEERS, encoding="utf-8")
        chosen = {"PEERS_FILE": str(peers), "SIP_HOST": HERE, "SIP_PORT": str(port)}
        chosen |= dict.fromkeys(("SIP_TLS_PORT", "HTTP_PORT", "HEP_PORT", "WEB_PORT"), "0")
        settings = {f"{BRIDGE_PREFIX}{name}": value for name, value in chosen.items()}
        settings[f"{TRUST_PREFIX}ANCHORS_URL"] = ""  # the switch says that it has verified; its signatures are none
        with running(BRIDGE, Path(folder), settings, console) as (process, log):
            with step("Starting a bridge", console) as say:
                wait_until(BRIDGE, lambda: has_decisions(port), process.poll, log, say)
            yield Running(BRIDGE, process, port)


@contextlib.contextmanager
def running(
    name: str, folder: Path, settings: Mapping[str, str], console: Console
) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Run a command as a process while the block runs; it need not be ready when the block begins.

    It ends with this process however that ends, and with the thread that begins the block.

    Args:
        name: of the command, "archive run".
        folder: for its log.
        settings: of its own, beside those of this process.
        console: where warnings of its log are shown afterwards.

    Yields:
        The process, and its log.
    """
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "streams.commands.child", str(os.getpid()), "0", *name.split()],
            env={**os.environ, **settings, "ROBOCALL_LOG_LEVEL": "info", "ROBOCALL_LOG_FORMAT": "json"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process, log
    finally:
        _stop(process)
        for line in _loud_lines(log):
            console.print(f"{name}: {line}", soft_wrap=True, markup=False, highlight=False)


def wait_until(
    name: str,
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
        name: what it is, for the message.
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
            raise DemoFailed(f"the {name} ended with status {ended}: {last_line(log)}")
        if (lines := _different_lines(log)) > known:
            known, grown_s = lines, now_s()
            say(last_line(log))
        elif now_s() - grown_s > SILENCE_S:
            raise DemoFailed(f"the {name} has said nothing new for {SILENCE_S:.0f} s; its last line: {last_line(log)}")
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
    return [_text(line) for line in log.read_bytes().split(b"\n") if _fields(line).get("level") in _LOUD]


def is_healthy(port: int) -> bool:
    """Whether the worker with this web port says that it is; blocks for a second at most and raises nothing."""
    try:
        with urllib.request.urlopen(f"http://{HERE}:{port}/health", timeout=1):
            return True
    except (OSError, HTTPException):  # nobody there, or somebody who speaks no HTTP
        return False


def calls_unjudged(port: int) -> int | None:
    """How many calls the worker with this web port let pass unjudged; None where it does not say in `PAGE_S`."""
    try:
        with urllib.request.urlopen(f"http://{HERE}:{port}/metrics", timeout=PAGE_S) as page:
            families = list(text_string_to_metric_families(page.read().decode()))
    except (OSError, HTTPException, ValueError):
        return None
    samples = [one for family in families for one in family.samples if one.name == Metric.DECISIONS]
    return round(sum(one.value for one in samples if one.labels["decided_by"] == Step.FAIL_OPEN)) if families else None


def has_decisions(port: int) -> bool:
    """Whether the bridge with this SIP port says that decisions come; blocks for a second at most, raises nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as switch:
        switch.settimeout(1)
        try:
            switch.connect((HERE, port))
            switch.send(options(HERE, f"{time.monotonic_ns():x}"))
            return switch.recv(4_096).startswith(b"SIP/2.0 200")
        except OSError:  # nobody there yet, or no answer in time
            return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
