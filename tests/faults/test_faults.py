"""Faults under load: nothing is lost, nothing changes its mind, nothing is counted twice.

The short form of `make soak`: several faults on one stage, each for some seconds.
"""

import random
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.metrics import Metric
from tests.faults import injections
from tests.faults.clocks import set_right, set_wrong
from tests.faults.disk import SmallDisk
from tests.faults.findings import Findings
from tests.faults.poison import call_itself, is_poison
from tests.faults.scenarios import RAISING, SLOW
from tests.faults.stage import SHED_AFTER_MS, Plan, Stage, stage

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SHORT_S = 3.0
SOON = {"CONSUMER_METADATA_MAX_AGE_MS": "2000"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk that may be filled."""
    small = SmallDisk(tmp_path / "disk")
    yield small
    small.close()


def assert_nothing_lost(found: Findings) -> None:
    """Every call has its decision, no decision changed its mind, and everything was counted once."""
    assert (found.missing, found.contradicting, found.counts_wrong, found.dead_letters) == (0, 0, 0, 0), found


def metric(on: Stage, name: Metric) -> float:
    """A counter without labels, summed over the workers."""
    total = 0.0
    for member in on.fleet.members:
        with urllib.request.urlopen(f"http://127.0.0.1:{member.worker.port}/metrics", timeout=5) as page:
            lines = page.read().decode().splitlines()
        total += sum(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))
    return total


def test_workers_that_are_killed_told_to_stop_or_frozen_lose_nothing(tmp_path: Path) -> None:
    chance = random.Random(1)
    with stage(tmp_path, Plan(seed=1)) as on:
        injections.kill_one(on, chance)
        injections.kill_one(on, chance)
        injections.terminate_one(on, chance)
        injections.freeze_one(on, chance)
        found = on.end()

    assert_nothing_lost(found)


def test_a_broker_and_a_redis_that_go_away_lose_nothing(tmp_path: Path) -> None:
    chance = random.Random(2)
    with stage(tmp_path, Plan(seed=2, workers=2)) as on:
        injections.stop_broker(on, chance, SHORT_S)
        injections.kill_redis(on, chance, SHORT_S)
        injections.slow_redis(on, chance, SHORT_S)
        injections.fill_redis(on, chance, SHORT_S)
        found = on.end()

    assert_nothing_lost(found)


def test_one_of_three_brokers_that_is_killed_or_frozen_loses_nothing(tmp_path: Path) -> None:
    """A leader, the group's coordinator, any of them; and a worker that starts while one is away."""
    chance = random.Random(8)
    with stage(tmp_path, Plan(seed=8, workers=2, brokers=3)) as on:
        injections.kill_leader(on, chance, SHORT_S)
        injections.kill_coordinator(on, chance, SHORT_S)
        injections.freeze_broker(on, chance, 2 * SHORT_S)
        injections.start_without_one(on, chance, SHORT_S)
        found = on.end()

    assert_nothing_lost(found)


def test_new_partitions_are_noticed_and_a_rolling_restart_repeats_nothing(tmp_path: Path) -> None:
    chance = random.Random(3)
    with stage(tmp_path, Plan(seed=3, environment=SOON)) as on:
        injections.restart_all(on, chance)  # first: static members that came back must notice them too
        injections.more_partitions(on, chance, 9)
        found = on.end()

    assert_nothing_lost(found)
    assert found.repeated == 0, found


def test_snapshots_that_are_damaged_or_find_no_room_lose_nothing(tmp_path: Path, disk: SmallDisk) -> None:
    """The workers cannot write their log either."""
    chance = random.Random(4)
    plan = Plan(seed=4, workers=2, snapshot_url=str(tmp_path / "disk" / "snapshots"), log=Path("/dev/full"))
    with stage(tmp_path, plan) as on:
        injections.damage_snapshots(on, chance)
        injections.fill_snapshots(on, chance, disk, SHORT_S)
        injections.refuse_snapshots(on, chance, disk, SHORT_S)
        found = on.end()

    assert_nothing_lost(found)


def test_a_call_that_the_model_cannot_stand_passes_alone_and_wrong_clocks_are_put_right(tmp_path: Path) -> None:
    """Two of three switches are hours off; the expected counts are those of the same calls with right clocks."""
    chance = random.Random(5)
    plan = Plan(seed=5, workers=1, program=RAISING, change=lambda event: set_wrong(call_itself(event)))
    with stage(tmp_path, plan) as on:
        injections.go_on(on, chance, SHORT_S)
        skewed = metric(on, Metric.CLOCK_SKEW)
        found = on.end(set_right)

    failed_open = {one.call_id for one in on.answers.decisions if one.decided_by == "fail_open" and not one.is_late}
    assert_nothing_lost(found)
    assert failed_open
    assert all(is_poison(call_id) for call_id in failed_open)
    assert skewed > 0


def test_more_calls_than_can_be_decided_are_answered_in_time_and_move_no_partition(tmp_path: Path) -> None:
    chance = random.Random(7)
    with stage(tmp_path, Plan(seed=7, workers=2, program=SLOW)) as on:
        before = metric(on, Metric.ASSIGNMENTS)
        injections.overload(on, chance, rate=3_000.0, seconds=SHORT_S)
        after = metric(on, Metric.ASSIGNMENTS)
        found = on.end()

    arrived = {one.call_id: one.arrived_ms for one in on.traffic.setups()}
    scored = [one.decided_ms - arrived[one.call_id] for one in on.answers.decisions if not one.is_late]
    assert_nothing_lost(found)
    assert any("overload" in one.reasons for one in on.answers.decisions)
    assert max(scored) <= SHED_AFTER_MS
    assert before > 0
    assert (after, on.fleet.restarts) == (before, 0)
