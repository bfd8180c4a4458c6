"""State is handed over at every rebalance, stays, and goes with the partitions that really left.

A rebalance that gives partition 1 to another worker and brings 5, seen by this one:

    group        |  assigned 0 1 2  | rebalance                    | assigned 0 2 5
    Faust says   ^ assigned         ^ revoked 0 1 2                ^ assigned 0 2 5, then complete
    we do        take over 0 1 2      hand over 0 1 2 (still ours)   take over 0 2 5: counts of 1 are dropped,
                                                                     those of 0 and 2 have stayed in memory
    health       joining -> ok        joining ........................ ok
    partitions   {0 1 2}              {0 1 2} until handed over, {}  {0 2 5}
"""

import asyncio
from collections.abc import Collection
from typing import Any

from faust.types import TP

from streams.worker.health import Health
from streams.worker.ownership import Ownership


class World:
    """An owner of partitions, with what it handed over and kept, in order."""

    def __init__(self) -> None:
        self.done: list[tuple[str, frozenset[int]]] = []
        self.health = Health(30.0, 0.1)
        self.ownership = Ownership("calls", self.hand_over, self.take_over, self.health)

    async def hand_over(self) -> None:
        self.done.append(("handed over", self.ownership.partitions))

    async def take_over(self, partitions: Collection[int]) -> None:
        self.done.append(("took over", frozenset(partitions)))

    def revoked(self, *partitions: int) -> None:
        asyncio.run(self.ownership._on_revoked(None, {TP("calls", p) for p in partitions}))

    def assigned(self, *partitions: int) -> None:
        assigned: set[Any] = {TP("calls", p) for p in partitions} | {TP("other", 9)}
        asyncio.run(self.ownership._on_assigned(None, assigned))
        asyncio.run(self.ownership._on_complete(None))

    @property
    def status(self) -> str:
        return self.health.observe({}, 0.0).status


def test_state_is_handed_over_while_the_partitions_are_still_ours() -> None:
    """All partitions are taken away at every rebalance; what is published then must be known to be ours."""
    world = World()
    world.assigned(0, 1, 2)
    world.revoked(0, 1, 2)

    assert world.done == [("took over", frozenset({0, 1, 2})), ("handed over", frozenset({0, 1, 2}))]
    assert world.ownership.partitions == frozenset()
    assert world.status == "joining"


def test_what_went_to_somebody_else_is_not_kept() -> None:
    world = World()
    world.assigned(0, 1, 2)
    world.revoked(0, 1, 2)
    world.assigned(0, 2, 5)

    assert world.done[-1] == ("took over", frozenset({0, 2, 5}))
    assert world.ownership.partitions == {0, 2, 5}
    assert world.status == "standby"
