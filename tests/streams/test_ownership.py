"""Windows stay over a rebalance and go with the partitions that really left."""

import asyncio
from typing import Any

from faust.types import TP

from streams.health import Health
from streams.ownership import Ownership


class World:
    """An owner with what it forgot."""

    def __init__(self) -> None:
        self.forgotten: list[int] = []
        self.health = Health(30.0)
        self.ownership = Ownership("calls", self.forgotten.append, self.health)

    def revoked(self, *partitions: int) -> None:
        asyncio.run(self.ownership._on_revoked(None, {TP("calls", p) for p in partitions}))

    def assigned(self, *partitions: int) -> None:
        assigned: set[Any] = {TP("calls", p) for p in partitions} | {TP("other", 9)}
        asyncio.run(self.ownership._on_assigned(None, assigned))
        asyncio.run(self.ownership._on_complete(None))

    @property
    def status(self) -> str:
        return self.health.observe({}, 0.0).status


def test_what_comes_back_is_not_forgotten() -> None:
    """All partitions are taken away at every rebalance."""
    world = World()
    world.assigned(0, 1, 2)
    world.revoked(0, 1, 2)
    assert world.ownership.partitions == frozenset()
    assert world.status == "joining"

    world.assigned(0, 2, 5)

    assert world.forgotten == [1]
    assert world.ownership.partitions == {0, 2, 5}
    assert world.status == "standby"


def test_a_partition_that_left_and_came_back_was_forgotten_in_between() -> None:
    """Somebody else counted meanwhile: old windows would be wrong."""
    world = World()
    world.assigned(0, 1)
    world.revoked(0, 1)
    world.assigned(0)
    world.revoked(0)
    world.assigned(0, 1)

    assert world.forgotten == [1]
