"""Who makes room at the bound of the standing decisions: what has expired, then the model's own, then people's."""

from collections import OrderedDict

MODEL = "model"
PEOPLE = "people"
"""Whoever else decided: analysts, operators, feedback. What they said cannot be reached again from the calls."""


class EvictionOrder:
    """Entities in the order in which they were set, by who decided; every method is O(1).

    Attributes:
        evicted: How many that still held had to go, by who had decided: `people` or `model`.
    """

    __slots__ = ("_order", "evicted")

    def __init__(self) -> None:
        # The first of a plain dict is found behind all that were deleted before it.
        self._order: dict[str, OrderedDict[str, int]] = {PEOPLE: OrderedDict(), MODEL: OrderedDict()}
        self.evicted = dict.fromkeys(self._order, 0)

    def sizes(self) -> dict[str, int]:
        """Count the entities by who decided."""
        return {who: len(entities) for who, entities in self._order.items()}

    def put(self, entity: str, source: str, expires_ms: int) -> None:
        """Note an entity as the one set last."""
        self.drop(entity)
        self._order[MODEL if source == MODEL else PEOPLE][entity] = expires_ms

    def drop(self, entity: str) -> None:
        """Forget an entity."""
        for entities in self._order.values():
            entities.pop(entity, None)

    def choose(self, now_ms: int) -> str:
        """Return the entity that goes next, and count it where it still holds at `now_ms`; there is at least one."""
        oldest = [(next(iter(entities)), who) for who, entities in self._order.items() if entities]
        for entity, who in oldest:
            if self._order[who][entity] <= now_ms:
                return entity
        entity, who = oldest[-1]
        self.evicted[who] += 1
        return entity
