"""Worlds generated in several processes, and put together."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from models.data.dataset import assemble
from models.data.parallel import generated, join
from models.data.windows_over_traffic import from_traffic
from models.judge.report.quality import SEED
from models.judge.report.worlds import families
from models.traffic.truth import Truth
from tests.waiting import HANG_S, wait_until


def test_numbers_and_campaigns_of_two_worlds_are_not_the_same() -> None:
    """Both worlds have number n and campaign c; kinds are the same by name, and the list is given up."""
    one = assemble(
        ["f"], np.ones((2, 1), np.float32), np.array([1, 5]), ["n", "n"], [Truth(False, "", "a"), Truth(True, "c", "b")]
    )
    other = assemble(["f"], np.zeros((2, 1), np.float32), np.array([7, 9]), ["n", "m"], [Truth(True, "c", "b")] * 2)
    parts = [one, other]

    found = join(parts)

    assert parts == []
    assert found.setup_time_ms.tolist() == [1, 5, 7, 9]
    assert found.rows[:, 0].tolist() == [1, 1, 0, 0]
    assert found.number[0] == found.number[1]
    assert len(np.unique(found.number)) == 3
    assert found.campaign[2] == found.campaign[3] != found.campaign[1]
    assert found.campaign[0] == -1
    assert found.position.tolist() == [0, 1, 1, 2]
    assert found.is_robocall.tolist() == [False, True, True, True]
    assert [found.kinds[kind] for kind in found.kind] == ["a", "b", "b", "b"]


def test_worlds_that_overlap_in_time_are_refused() -> None:
    """The first ends at 9, the second starts at 7."""
    parts = [
        assemble(["f"], np.zeros((2, 1), np.float32), np.array(times), ["n", "m"], [Truth(True, "c", "b")] * 2)
        for times in ([5, 9], [7, 11])
    ]

    with pytest.raises(ValueError, match="follow each other"):
        join(parts)


def test_worlds_are_generated_in_their_order_and_counted_by_turns() -> None:
    """As one process would, whichever of them is ready first; partitions are taken by turns."""
    specs = families(3, 300, SEED)["held out"]
    said: list[str] = []

    with ThreadPoolExecutor(2) as pool:
        found = generated(specs, (1, 12), pool, said.append)

    alone = [from_traffic([spec], lambda _: None, partitions=(n,)) for spec, n in zip(specs, (1, 12, 1), strict=True)]
    assert [part.digest() for part in found] == [part.digest() for part in alone]
    assert len(said) == 3


_STARTS_WORKERS = """
import os
import time
from models.data.parallel import processes

if __name__ == "__main__":
    with processes() as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 3600).result()
"""


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_started_them(tmp_path: Path, sent: signal.Signals) -> None:
    """Also while they work, and however it ended."""
    script = tmp_path / "start.py"
    script.write_text(_STARTS_WORKERS, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as started:
        assert started.stdout is not None
        worker = int(started.stdout.readline())
        started.send_signal(sent)
        started.wait(HANG_S)

    wait_until(lambda: _has_ended(worker), "the worker ends")


def test_a_process_that_nobody_waits_for_has_ended() -> None:
    """Where the first process of a container does not collect orphans, a worker stays in the list for ever."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        wait_until(lambda: _has_ended(ended.pid), "it ends")
        assert psutil.Process(ended.pid).status() == psutil.STATUS_ZOMBIE


def _has_ended(process: int) -> bool:
    try:
        return bool(psutil.Process(process).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
