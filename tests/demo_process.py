"""`robocall demo` as a newcomer runs it, as a process of its own, and what it leaves."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psutil

from streams.local.services import KAFKA_VARIABLE, REDIS_VARIABLE
from tests.processes import ROOT
from tests.waiting import HANG_S

MARK = "DEMO_OF_A_TEST"
"""A variable that everything the demo starts inherits."""
NOT_HERE = {KAFKA_VARIABLE, REDIS_VARIABLE, "DISPLAY", "WAYLAND_DISPLAY"}
"""It has services of its own, and opens no browser of whoever runs the test."""


class Demo:
    """A demo with nothing but what it starts itself.

    Args:
        arguments: of the command.
        folder: for what it says.
        settings: of the environment.
    """

    def __init__(self, arguments: str, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._mark = uuid.uuid4().hex
        self._said = folder / "said"
        environment = {name: value for name, value in os.environ.items() if name not in NOT_HERE}
        with self._said.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.commands.main", "demo", *arguments.split()],
                cwd=ROOT,
                env=environment | {MARK: self._mark} | dict(settings or {}),
                stdout=out,
                stderr=out,
            )

    def __enter__(self) -> Self:
        """Run it as long as a block does."""
        return self

    def __exit__(self, *_: object) -> None:
        """Also where a test failed, nothing goes on."""
        if self.process.poll() is None:
            self.interrupt()

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        """Press Ctrl-C, or send another signal, and wait for its end: its status."""
        self.process.send_signal(number)
        return self.process.wait(HANG_S)

    def said(self) -> str:
        """Everything so far."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def left(self) -> list[psutil.Process]:
        """Processes that it started, or that they started, and that still run."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(MARK) == self._mark)
        except (psutil.Error, OSError):
            return False
