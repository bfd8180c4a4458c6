"""Real processes for the tests: workers, commands, kcat."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams.local.services import free_ports
from tests.waiting import HANG_S

ROOT = Path(__file__).parents[1]
PATIENT = {"ROBOCALL_DECISION_DEADLINE_MS": "600000", "ROBOCALL_SHED_AFTER_MS": "600000"}
"""Settings of a worker that scores whatever waited: tests fill topics before it starts, or faster than it reads."""


def robocall(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run a `robocall` command; return its standard output; fail with its standard error."""
    done = run_robocall(*arguments, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_robocall(*arguments: str, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a `robocall` command to its end, whatever that is."""
    return subprocess.run(
        [sys.executable, "-m", "streams.commands.main", *arguments],
        cwd=ROOT, env=os.environ | (environment or {}), capture_output=True, text=True, timeout=HANG_S, check=False,
    )  # fmt: skip


STILL_AT_IT = re.compile(
    r'robocall \w+: loading, \d+ s|\{"event": "loading", "level": "info", "cpu_s": \d+\}'
    r"|(Loading the model|Replaying|Creating topics)(, .*)?"
)


def complaints(stderr: str) -> list[str]:
    """Lines of a command's standard error but those that say, on a cold or slow machine, that it is on its way."""
    return [line for line in stderr.splitlines() if not STILL_AT_IT.fullmatch(line)]


WORKER = ("-m", "streams.commands.main", "worker")


class Worker:
    """One worker process with its web port.

    Args:
        environment: its settings, over those of this process. Unless they say otherwise its snapshots, and the copy of
            its fleet's secret, are in `snapshots` beside the log: a worker of another test has another fleet.
        log: what it writes is added to this file.
        program: what Python runs.
        port: of its pages; a free one when None.
    """

    def __init__(
        self, environment: dict[str, str], log: Path, program: Sequence[str] = WORKER, port: int | None = None
    ) -> None:
        self.port = free_ports(1)[0] if port is None else port
        self.log = log
        settings = {"ROBOCALL_SNAPSHOT_URL": str(log.parent / "snapshots")} | environment
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, *program],
                cwd=ROOT, env=os.environ | settings | {"ROBOCALL_WEB_PORT": str(self.port)}, stdout=out, stderr=out,
            )  # fmt: skip

    def health(self) -> dict[str, Any]:
        """The health page, green or red; empty while nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as page:
                return dict(json.load(page))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except (urllib.error.URLError, OSError):
            return {}

    def metrics(self) -> str:
        """The page of metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=HANG_S) as page:
            return str(page.read().decode())

    def metric(self, name: str, **labels: str) -> float:
        """One figure of that page; 0 where it is not there yet."""
        wanted = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        start = f"{name}{{{wanted}}} " if wanted else f"{name} "
        return sum(float(line.split()[-1]) for line in self.metrics().splitlines() if line.startswith(start))

    def kill(self) -> None:
        """Kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; return the exit status."""
        self.process.terminate()
        return self.process.wait(25)


@contextmanager
def workers(number: int, environment: dict[str, str], folder: Path) -> Iterator[list[Worker]]:
    """Several workers; whatever still runs at the end is killed."""
    running = [
        Worker(environment | {"ROBOCALL_INSTANCE_ID": f"worker-{index}"}, folder / f"worker-{index}.log")
        for index in range(number)
    ]
    try:
        yield running
    except BaseException:
        for worker in running:
            sys.stderr.write(worker.log.read_text(errors="replace")[-3_000:])
        raise
    finally:
        for worker in running:
            if worker.process.poll() is None:
                worker.kill()


def needs(package: str, *names: str) -> str:
    """Path of the first of these tools, or skip saying how to get it; in CI a missing one is a failure."""
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(f"{names[0]} is not installed, and CI must not pass without it: apt-get install {package}")
    if path is None:
        pytest.skip(f"{names[0]} is not installed: apt-get install {package}")
    return path


def needs_chromium() -> str:
    """Path of Debian's browser."""
    return needs("chromium", "chromium")


def needs_kcat() -> str:
    """Path of kcat, which some systems call kafkacat."""
    return needs("kcat", "kcat", "kafkacat")


def kcat_produce(servers: str, topic: str, keyed_lines: Path) -> None:
    """Publish lines of `key<TAB>value`, partitioned as Kafka's own client does."""
    subprocess.run(
        [needs_kcat(), "-P", "-b", servers, "-t", topic, "-K", "\t", "-X", "topic.partitioner=murmur2_random",
         "-l", str(keyed_lines)],
        check=True, timeout=HANG_S, capture_output=True,
    )  # fmt: skip


def kcat_consume(servers: str, topic: str) -> list[bytes]:
    """Every record value that the topic holds now."""
    done = subprocess.run(
        [needs_kcat(), "-C", "-b", servers, "-t", topic, "-o", "beginning", "-e", "-q"],
        check=True, timeout=HANG_S, capture_output=True,
    )  # fmt: skip
    return done.stdout.splitlines()
