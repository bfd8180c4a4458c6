"""Faults under load: nothing is lost, nothing changes its mind. The short form of `make soak`, several faults a run."""

import random
import time
from pathlib import Path

import pytest

from tests.faults import injections
from tests.faults.clocks import set_wrong
from tests.faults.findings import Findings
from tests.faults.stage import Plan, stage

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SHORT_S = 4.0
ODD_WORKER = ("-m", "tests.faults.odd_worker")
SOON = {"CONSUMER_METADATA_MAX_AGE_MS": "2000"}
"""How soon workers notice new partitions, a setting of Faust; minutes by default."""


def assert_nothing_lost(found: Findings) -> None:
    """Every call has its decision, and no decision changed its mind."""
    assert (found.missing, found.contradicting, found.dead_letters) == (0, 0, 0), found


def test_workers_that_are_killed_told_to_stop_or_frozen_lose_no_call(tmp_path: Path) -> None:
    chance = random.Random(1)
    with stage(tmp_path, Plan(seed=1)) as on:
        injections.kill_one(on, chance)
        injections.kill_one(on, chance)
        injections.terminate_one(on, chance)
        injections.freeze_one(on, chance)
        found = on.end()

    assert_nothing_lost(found)


def test_calls_flow_on_after_the_broker_and_while_redis_is_away_slow_or_full(tmp_path: Path) -> None:
    chance = random.Random(2)
    with stage(tmp_path, Plan(seed=2, workers=2)) as on:
        injections.stop_broker(on, chance, SHORT_S)
        injections.kill_redis(on, chance, SHORT_S)
        injections.slow_redis(on, chance, SHORT_S)
        injections.fill_redis(on, chance, SHORT_S)
        found = on.end()

    assert_nothing_lost(found)


def test_a_rolling_restart_repeats_nothing_and_new_partitions_are_noticed(tmp_path: Path) -> None:
    chance = random.Random(3)
    with stage(tmp_path, Plan(seed=3, environment=SOON)) as on:
        injections.more_partitions(on, chance, 9)
        injections.restart_all(on, chance)
        found = on.end()

    assert_nothing_lost(found)
    assert found.repeated == 0, found


def test_a_call_that_the_model_cannot_stand_is_allowed_and_wrong_clocks_are_decided(tmp_path: Path) -> None:
    plan = Plan(seed=4, workers=1, program=(*ODD_WORKER, "raise"), change=set_wrong)
    with stage(tmp_path, plan) as on:
        with on.fault():
            time.sleep(SHORT_S)
        found = on.end()

    assert_nothing_lost(found)
