"""Whoever waits for a process that compiles sees its processor time, that of the process beside it included."""

import subprocess
import sys

import pytest

from streams.running.used_cpu import used_cpu_s
from tests.waiting import wait_until


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a child counts when it has ended")
def test_the_time_of_a_child_that_runs_counts() -> None:
    """This process waits meanwhile, as a worker does whose windows are compiled beside it."""
    before = used_cpu_s()
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        wait_until(lambda: used_cpu_s() >= before + 2, "two seconds of the child")
    finally:
        child.kill()
        child.wait()
    assert used_cpu_s() >= before + 2
