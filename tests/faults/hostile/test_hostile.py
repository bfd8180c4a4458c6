"""Everything hostile at once beside good calls: each of these is decided, and no worker ends."""

import random
import signal
from pathlib import Path

import pytest

from tests.faults.findings import contradicting
from tests.faults.hostile.flow import Hostile, Target
from tests.faults.hostile.snapshots import damage_rows
from tests.faults.stage import Plan, stage
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_the_hostile_corpus_leaves_no_call_undecided_and_ends_no_worker(tmp_path: Path) -> None:
    """Some seconds of all of it; then a worker is killed, and starts with snapshots in which every row is damaged."""
    with stage(tmp_path, Plan(workers=2)) as on:
        target = Target(on.broker.bootstrap, tmp_path / "kafka", on.valkey.url, on.partitions, held=0, seed=1)
        hostile = Hostile(target)
        hostile.start()
        wait_until(lambda: len(on.answers.dead_letters) > 400, "hostile records are refused")
        on.wait_for_snapshots()
        killed = random.Random(1).choice(on.fleet.members)
        killed.send(signal.SIGKILL)
        rows = sum(damage_rows(path) for path in on.newest_snapshots())
        wait_until(lambda: not on.undecided() or on.fleet.restarts > 1, "it goes on")
        on.wait_until_whole()
        poured = hostile.stop()
        on.traffic.stop()
        wait_until(lambda: not on.undecided(), "every call is decided")
        assert on.fleet.restarts == 1, "our own kill"
        assert on.fleet.stop() == [0, 0]
        on.answers.stop()

    assert contradicting(on.answers.decisions) == []
    assert rows > 1_000
    assert all(poured.values()), poured
