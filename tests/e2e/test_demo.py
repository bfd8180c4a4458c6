"""`robocall demo --sip` as a newcomer runs it: calls go through a bridge, the summary says how, nothing is left."""

import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from streams.local.services import KAFKA_VARIABLE, REDIS_VARIABLE
from tests.processes import ROOT
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

MARK = "DEMO_OF_A_TEST"
"""A variable that everything the demo starts inherits."""
NOT_ITS = {"ROBOCALL_TRUST_ANCHORS_URL": "https://127.0.0.1:9/anchors"}
"""What a carrier has set for its bridge; the demo's signatures are none."""


class Demo:
    """A demo by SIP, with nothing but what it starts itself.

    Args:
        seconds: of its live part.
        folder: for what it says, and for its snapshots.
    """

    def __init__(self, seconds: int, folder: Path) -> None:
        self._mark = uuid.uuid4().hex
        self._said = folder / "said"
        environment = {
            name: value for name, value in os.environ.items() if name not in {KAFKA_VARIABLE, REDIS_VARIABLE}
        }
        with self._said.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.commands.main", "demo", "--sip", "--rate", "50",
                 "--history-hours", "0.2", "--seconds", str(seconds)],
                cwd=ROOT, env=environment | {MARK: self._mark, "COLUMNS": "200"} | NOT_ITS, stdout=out, stderr=out,
            )  # fmt: skip

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


def number(pattern: str, text: str) -> int:
    """The first number of a text that looks like this."""
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1].replace(",", ""))


def test_calls_are_answered_by_sip_and_the_summary_says_how(tmp_path: Path) -> None:
    """Every call that was sent was asked about, and decided; ends are published by whoever treated the call."""
    demo = Demo(12, tmp_path)

    assert demo.process.wait(HANG_S) == 0, demo.said()

    said = demo.said()
    sent = number(r"([\d,]+) calls sent", said)
    answers = re.search(r"by SIP: .* INVITEs, (.*)", said)
    assert answers is not None
    routed = {name: int(count.replace(",", "")) for name, count in re.findall(r"(\w+) ([\d,]+)", answers[1])}
    assert sent > 12 * 50 / 2
    assert number(r"([\d,]+) decided, 0 missing", said) == sent
    assert number(r"by SIP: ([\d,]+) INVITEs", said) == sent
    assert sum(routed.values()) == sent
    assert routed["passed"] > sent / 2
    assert number(r"the switch ([\d,]+) ends", said) > 0
    assert re.search(r"dip, from the intended send instant to the answer: p50 [\d.]+ ms   p95 [\d.]+ ms   p99 ", said)
    assert re.search(r"\d+ of 12 s: .*; by SIP passed", said), "nothing was shown while it ran"
    assert demo.left() == []


def test_ctrl_c_shows_the_summary_and_stops_everything(tmp_path: Path) -> None:
    demo = Demo(600, tmp_path)
    wait_until(lambda: "; by SIP passed" in demo.said() or demo.process.poll() is not None, "calls are answered")

    demo.process.send_signal(signal.SIGINT)

    assert demo.process.wait(HANG_S) == 0, demo.said()
    assert number(r"by SIP: ([\d,]+) INVITEs", demo.said()) > 0
    assert "decisions against the ground truth" in demo.said()
    assert demo.left() == []
