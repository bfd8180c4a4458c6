"""A worker as a process of its own, and what its pages say."""

import json
import re
import signal
import subprocess
import time
import urllib.request
from contextlib import suppress
from typing import Any

from benchmarks.harness.trees import HERE, Tree
from streams.local.services import free_ports

PATIENCE_S = 600.0
PATIENT = {"ROBOCALL_DECISION_DEADLINE_MS": "3600000", "ROBOCALL_SHED_AFTER_MS": "3600000"}
"""These have every call scored, whatever it waited: a call that passes unscored is cheap."""
SAMPLE = re.compile(r"^(robocall_\w+)(\{[^}]*\})? (\S+)$", re.MULTILINE)


class Worker:
    """A worker process and what its pages say.

    Args:
        environment: its settings.
        tree: whose code it runs.
    """

    def __init__(self, environment: dict[str, str], tree: Tree = HERE) -> None:
        self._port = free_ports(1)[0]
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            tree.command("worker"),
            cwd=tree.folder,
            env=tree.environment()
            | environment
            | {"ROBOCALL_WEB_PORT": str(self._port), "ROBOCALL_LOG_LEVEL": "warning"},
        )

    def page(self, name: str) -> str:
        """A page, empty while there is none or it is red."""
        return page_of(self._port, name)

    def metrics(self) -> dict[str, float]:
        """Every sample of the product, by name and labels."""
        return metrics_of(self._port)

    def wait_until_read(self) -> None:
        """Return when it has joined, restored, and answered all there is."""
        wait_until(self._has_read, "a worker that has read everything")

    def wait_until_ready(self) -> float:
        """Seconds from the start until it is green."""
        wait_until(lambda: self.page("health") != "" or self._has_ended(), "a green worker", every_s=0.02)
        return time.monotonic() - self.started_s

    def _has_read(self) -> bool:
        page = self.page("health")
        return self._has_ended() or (page != "" and json.loads(page)["lag"] == 0)

    def _has_ended(self) -> bool:
        if self.process.poll() is not None:
            raise SystemExit(f"wrong run: the worker ended with status {self.process.returncode}")
        return False

    def kill(self) -> None:
        """Kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def page_of(port: int, name: str) -> str:
    """A page of a process on this machine, empty while there is none or it is red."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=30) as page:
        return str(page.read().decode())
    return ""


def metrics_of(port: int) -> dict[str, float]:
    """Every sample of the product that a process tells of, by name and labels."""
    return {name + (labels or ""): float(value) for name, labels, value in SAMPLE.findall(page_of(port, "metrics"))}


def wait_until(claim: Any, what: str, *, every_s: float = 0.2) -> None:
    """Poll until the claim holds."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not claim():
        if time.monotonic() > deadline_s:
            raise SystemExit(f"wrong run: {what} never came")
        time.sleep(every_s)
