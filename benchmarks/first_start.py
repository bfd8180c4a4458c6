"""What a first start costs, and one after it, by clock and CPU: `replay`, `worker` until ready, and a short `demo`.

    python -m benchmarks.first_start [replay] [worker] [demo]

Cold is with an empty folder for compiled code, warm the same again. CPU is that of the command and of all its children;
it grows with what else the machine does, so compare only what was measured in one run.
"""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from streams.commands.demo.processes import is_healthy
from streams.local.services import free_ports, local_services

ROBOCALL = [sys.executable, "-m", "streams.commands.main"]
EVENTS = "events.jsonl"


def measure(name: str, run: Callable[[], None]) -> None:
    """Run and print one row."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run()
    clock_s, after = time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:<14} {clock_s:6.1f} s by the clock {cpu_s:6.1f} s of CPU", flush=True)


def replay(folder: Path) -> None:
    """Replay generated events."""
    command = [*ROBOCALL, "replay", str(folder / EVENTS), "--decisions", os.devnull]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def worker(_: Path) -> None:
    """Run a worker until it is ready."""
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [*ROBOCALL, "worker", "--web-port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not is_healthy(port):
        if process.poll() is not None:
            raise SystemExit(f"the worker ended with status {process.returncode}")
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.wait()


def demo(_: Path) -> None:
    """Run the shortest demo, with the services that run here."""
    subprocess.run([*ROBOCALL, "demo", "--seconds", "3"], check=True, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def services(folder: Path) -> Iterator[None]:
    """Kafka with the topics, and Valkey: their start is not measured."""
    with local_services(quiet=True) as running:
        os.environ.update(running.environment() | {"ROBOCALL_SNAPSHOT_URL": str(folder / "snapshots")})
        command = [*ROBOCALL, "topics", "create", "--replication-factor", "1"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        yield


def main() -> None:
    """Measure what is named, or all."""
    starts = {"replay": replay, "worker": worker, "demo": demo}
    chosen = sys.argv[1:] or list(starts)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        simulate = [*ROBOCALL, "simulate", "--out", str(folder / EVENTS), "--labels", os.devnull, "--hours", "0.05"]
        subprocess.run(simulate, check=True, stderr=subprocess.DEVNULL)
        if chosen != ["replay"]:
            stack.enter_context(services(folder))
        for command in chosen:
            os.environ["NUMBA_CACHE_DIR"] = str(folder / f"compiled-{command}")
            for state in ("cold", "warm"):
                measure(f"{command}, {state}", lambda: starts[command](folder))  # noqa: B023 - called at once


if __name__ == "__main__":
    main()
