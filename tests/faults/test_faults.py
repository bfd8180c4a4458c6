"""Faults under load: nothing is lost, nothing changes its mind. The short form of `make soak`."""

import random
from pathlib import Path

import pytest

from tests.faults import injections
from tests.faults.stage import Plan, stage

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]


def test_kill_9_of_one_of_three_workers_loses_no_call(tmp_path: Path) -> None:
    chance = random.Random(1)
    with stage(tmp_path, Plan(seed=1)) as on:
        for _ in range(2):
            injections.kill_one(on, chance)
        found = on.end()

    assert (found.missing, found.dead_letters) == (0, 0), found
    assert found.injected == 2
