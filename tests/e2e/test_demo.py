"""`robocall demo --sip` as a newcomer runs it: calls go through a bridge, the summary says how, nothing is left."""

import re
import signal
from pathlib import Path

import pytest

from tests.demo_process import Demo
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BY_SIP = "--sip --rate 50 --history-hours 0.2 --seconds"
SETTINGS = {"COLUMNS": "200", "ROBOCALL_TRUST_ANCHORS_URL": "https://127.0.0.1:9/anchors"}
"""What a carrier has set for its bridge; the demo's signatures are none."""
LOGS = ("worker: ", "bridge: ")
"""How lines begin that a log warned with, as it may on a busy machine. They are as long as they are."""


def number(pattern: str, text: str) -> int:
    """The first number of a text that looks like this."""
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1].replace(",", ""))


def test_calls_are_answered_by_sip_and_the_summary_says_how(tmp_path: Path) -> None:
    """Every call that was sent was asked about, and decided; ends are published by whoever treated the call."""
    with Demo(f"{BY_SIP} 12", tmp_path, SETTINGS) as demo:
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
    assert re.search(r"dip, from the intended send instant to the answer: p50 [\d.]+, p95 [\d.]+, p99 ", said)
    assert re.search(r"\d+ of 12 s: .*\n  p50 .*\n  by SIP passed", said), "nothing was shown while it ran"
    until_compared = said.partition("Comparing with a cold start")[0].splitlines()
    assert max(len(line) for line in until_compared if not line.startswith(LOGS)) <= 80
    assert demo.left() == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_shows_the_summary_and_stops_everything(tmp_path: Path, ending: signal.Signals) -> None:
    """And so does the end of its window; no task is thrown away with a word of Python."""
    with Demo(f"{BY_SIP} 600", tmp_path, SETTINGS) as demo:
        wait_until(lambda: "\n  by SIP passed" in demo.said() or demo.process.poll() is not None, "calls are answered")

        assert demo.interrupt(ending) == 0, demo.said()

    assert number(r"by SIP: ([\d,]+) INVITEs", demo.said()) > 0
    assert "decisions against the ground truth" in demo.said()
    assert "destroyed" not in demo.said()
    assert demo.left() == []
