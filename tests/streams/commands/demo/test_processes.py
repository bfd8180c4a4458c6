"""The demo waits for its processes as long as they get on, and says what they said last."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from streams.bridge.sip.messages import read_request
from streams.bridge.sip.responses import Answer, Source, respond
from streams.commands.demo.processes import (
    HERE,
    SILENCE_S,
    calls_unjudged,
    has_decisions,
    is_healthy,
    last_line,
    wait_until,
)
from streams.errors import DemoFailed
from streams.worker.metrics import Metrics
from tests.processes import ROOT
from tests.stranger import stranger
from tests.streams.console.console_case import make_users
from tests.waiting import wait_until as until_so


class Clock:
    """Monotonic seconds; a pause takes `step_s`, in which the worker may write a line.

    Args:
        step_s: what each pause takes, as on a machine with much to do.
        lines: what the worker writes, one a pause.
        log: where it writes.
    """

    def __init__(self, step_s: float, lines: Iterator[str], log: Path) -> None:
        self.time_s, self._step_s, self._lines, self._log = 0.0, step_s, lines, log

    def now_s(self) -> float:
        return self.time_s

    def pause(self, _: float) -> None:
        self.time_s += self._step_s
        with self._log.open("a", encoding="utf-8") as output:
            output.write(next(self._lines, ""))


@contextmanager
def page(content: bytes) -> Iterator[int]:
    """Port of a server that answers every look with this."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with HTTPServer((HERE, 0), Answer) as server:
        answering = Thread(target=server.serve_forever)
        answering.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            answering.join()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "worker.log"
    path.write_bytes(b"")
    return path


def waiting(clock: Clock, log: Path, said: list[str], *, ready: Callable[[], bool]) -> None:
    wait_until("worker", ready, lambda: None, log, said.append, now_s=clock.now_s, pause=clock.pause)


def test_a_slow_worker_is_waited_for_as_long_as_it_uses_processor_time(log: Path) -> None:
    """Half an hour on a busy machine, a line every minute."""
    lines = [f'{{"event": "worker compiles", "cpu_s": {n}}}\n' for n in range(30)]
    clock, said = Clock(60.0, iter(lines), log), list[str]()

    waiting(clock, log, said, ready=lambda: clock.time_s >= 1_800)

    assert clock.time_s == 1_800
    assert said == ["worker compiles"] * 29


def test_a_worker_that_hangs_is_given_up_although_a_thread_of_it_still_writes(log: Path) -> None:
    """Its processor time grows no more; the time of the line alone is no progress, nor is what it said before."""
    lines = [f'{{"event": "worker compiles", "cpu_s": {min(n, 5)}, "timestamp": "{n}"}}\n' for n in range(1_000)]
    lines[8::2] = [f'{{"event": "broker refused", "timestamp": "{n}"}}\n' for n in range(8, 1_000, 2)]
    clock, said = Clock(SILENCE_S / 4, iter(lines), log), list[str]()

    with pytest.raises(DemoFailed, match="said nothing new for 180 s"):
        waiting(clock, log, said, ready=lambda: False)

    assert said == ["worker compiles"] * 6 + ["broker refused"]


def test_a_worker_that_says_nothing_any_more_is_given_up_with_its_last_line(log: Path) -> None:
    """The silence counts, not how long it has taken until then."""
    clock = Clock(SILENCE_S / 2, iter(["one\n", "two\n", "waits for its partitions\n"]), log)

    with pytest.raises(DemoFailed, match="its last line: waits for its partitions"):
        waiting(clock, log, [], ready=lambda: False)

    assert clock.time_s > 2 * SILENCE_S


def test_a_worker_that_ended_is_not_waited_for(log: Path) -> None:
    """Whatever it said last is the message."""
    log.write_text('{"event": "worker starts"}\nrobocall: the port is taken\n', encoding="utf-8")

    with pytest.raises(DemoFailed, match="ended with status 1: robocall: the port is taken"):
        wait_until("worker", lambda: False, lambda: 1, log, print)


def test_a_log_without_lines_says_so(log: Path) -> None:
    assert last_line(log) == "(nothing)"


def test_a_port_that_speaks_no_http_is_no_healthy_worker() -> None:
    """Somebody else may have bound it before the worker could."""
    with stranger() as port:
        assert not is_healthy(port)


def test_a_worker_says_how_many_calls_passed_unjudged() -> None:
    """Neither a stranger nor a page of something else is an answer."""
    metrics = Metrics()
    with page(metrics.exposition()) as port:
        assert calls_unjudged(port) == 0
    metrics.decided({("allow", "fail_open", "enforce"): 17, ("allow", "allow", "enforce"): 3}, passed=16)
    with page(metrics.exposition()) as port:
        assert calls_unjudged(port) == 17
    with page(b'{"status": "ok"}') as port:
        assert calls_unjudged(port) is None
    with stranger() as port:
        assert calls_unjudged(port) is None


@pytest.mark.parametrize(("status", "is_up"), [(200, True), (503, False), (403, False)])
def test_a_bridge_is_ready_once_it_says_that_decisions_come(status: int, is_up: bool) -> None:
    """It answers OPTIONS by 503 until then, and whoever is no peer of it by 403."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bridge:
        bridge.bind((HERE, 0))

        def answer() -> None:
            data, switch = bridge.recvfrom(4_096)
            asked = read_request(data)
            assert asked.method == "OPTIONS"
            bridge.sendto(respond(asked, Source(*switch), Answer(status, "Said"), "t").data, switch)

        answering = Thread(target=answer)
        answering.start()
        found = has_decisions(bridge.getsockname()[1])
        answering.join()

    assert found is is_up


def test_nobody_at_the_port_is_no_bridge() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind((HERE, 0))
        port = gone.getsockname()[1]

    assert not has_decisions(port)


STARTING = """
import sys, time
from pathlib import Path
from rich.console import Console
from streams.commands.demo.processes import running
with running("console", Path(sys.argv[1]), {}, Console(stderr=True)) as (process, _):
    print(process.pid, flush=True)
    time.sleep(600)
"""


def has_ended(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in {"Z", "X"}


def test_a_process_ends_with_the_demo_however_that_ends(tmp_path: Path) -> None:
    """Killed, or its window closed: else workers would go on for hours, and nobody would know."""
    make_users(tmp_path / "users.json")
    settings = {"CONSOLE_USERS_FILE": str(tmp_path / "users.json"), "CONSOLE_PORT": "0"}
    settings["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
    environment = os.environ | {f"ROBOCALL_{name}": value for name, value in settings.items()}
    demo = subprocess.Popen(
        [sys.executable, "-c", STARTING, str(tmp_path)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    with demo:
        assert demo.stdout is not None
        process = int(demo.stdout.readline())
        log = tmp_path / "console.log"
        until_so(lambda: log.exists() and "console is up" in log.read_text(), "the console is up")
        demo.kill()
    until_so(lambda: has_ended(process), "the console has ended")
