"""Follow the standing decisions in Redis: those of other workers and of people, and their ends.

A journal tells what changed, by a count that grows; it is read once from its beginning, and then only what is new. What
comes back with a partition's state may have been released meanwhile: that alone is looked at once more, by its names.
"""

import asyncio
import time
from itertools import islice
from typing import Any

from redis.asyncio import Redis

from detector.policy.lists import NUMBER_ENTITY, TRUNK_ENTITY
from detector.policy.standing import StandingDecision, StandingDecisions
from streams.redis.bounded import (
    MAX_NAME_BYTES,
    MAX_RECORD_BYTES,
    Skipped,
    answers,
    ask_value,
    is_instant,
    record,
    run_script,
    text,
    value,
)
from streams.redis.connection import ENTITIES_CHANGED, Guard, entity_key
from streams.redis.entity_journal import forget_old
from streams.running.clock import wall_clock_ms
from streams.wire.records import ENTITY_DECISION_DECODER

PER_TRIP = 200
"""Entities looked at in one round trip: about a millisecond of the event loop."""
FORGET_EVERY_S = 60.0
FUTURE_MS = 24 * 3_600_000
"""A decision that begins later than this after now is none: it would take the place of all others for good."""

# A page of the journal, above one count and up to another, lowest first: how many members, the count of the last, then
# name and value of each that has no overlong name. A value that is too long, or no text, is false.
PAGE = """
local found = redis.call('ZRANGEBYSCORE', ARGV[1], '(' .. ARGV[2], ARGV[3], 'WITHSCORES', 'LIMIT', 0, ARGV[4])
local answer = {#found / 2, found[#found] or ARGV[3]}
for i = 1, #found, 2 do
  if #found[i] <= tonumber(ARGV[5]) then
    local value = redis.pcall('GETRANGE', ARGV[6] .. found[i], 0, ARGV[7])
    answer[#answer + 1] = found[i]
    answer[#answer + 1] = type(value) == 'string' and #value <= tonumber(ARGV[7]) and value
  end
end
return answer
"""


class EntityFollower:
    """Keep standing decisions like those in Redis. Used on the event loop, by any number of tasks.

    What one round trip brings is taken before the next one is asked for: an older answer never takes the place of a
    newer one, and who looks at a few names waits for a page of a long journal, not for all of it.

    Args:
        redis: client.
        guard: shared by all users of the client.
        standing: where decisions are set and removed.
        skipped: told of what makes no sense.
    """

    def __init__(self, redis: Redis, guard: Guard, standing: StandingDecisions, skipped: Skipped) -> None:
        self._redis = redis
        self._guard = guard
        self._standing = standing
        self._skipped = skipped
        self._read_to = 0.0
        self._to_look_at: dict[str, None] = {}
        self._trip = asyncio.Lock()
        self._forgotten_to = 0.0
        self._forget_at_s = 0.0
        self.looked_at = 0
        """Entities asked for, since the start."""

    async def follow(self, count: int) -> None:
        """Read what the journal has since the last call.

        Args:
            count: of its changes, as Redis has it.
        """
        if count < self._read_to:  # Redis was emptied or replaced: everything in it is news
            self._read_to = 0.0
        while self._read_to < count:
            async with self._trip:
                page = await self._guard.attempt(lambda: self._page(count))
                if page is None:
                    return
                self._read_to, entities = page
                for name, raw in entities:
                    self._take(name, raw)
            await asyncio.sleep(0)

    async def look_at_restored(self) -> None:
        """Look at the decisions that came back with partitions, as far as Redis answers; the rest next time."""
        self._to_look_at.update(dict.fromkeys(self._standing.restored()))
        while self._to_look_at:
            async with self._trip:
                names = list(islice(self._to_look_at, PER_TRIP))
                found = await self._guard.attempt(lambda: self._known(names))  # noqa: B023 - awaited at once
                if found is None:
                    return
                for name, (is_known, raw) in zip(names, found, strict=True):
                    if is_known:
                        self._take(name, raw)
                    self._to_look_at.pop(name, None)

    async def forget_old(self) -> None:
        """Once a minute, take old names at which nothing stands out of the journal; a page of them."""
        now_s = time.monotonic()
        if now_s >= self._forget_at_s:
            self._forget_at_s = now_s + FORGET_EVERY_S
            done = await self._guard.attempt(lambda: forget_old(self._redis, self._forgotten_to))
            self._forgotten_to = done or 0.0

    async def _page(self, count: int) -> tuple[float, list[tuple[str, bytes | None]]]:
        """Up to which count the journal is read with this, the next entities in it, and what stands at each."""
        limits = repr(self._read_to), count, PER_TRIP, MAX_NAME_BYTES, entity_key(""), MAX_RECORD_BYTES
        found: Any = await run_script(self._redis, PAGE, ENTITIES_CHANGED, *limits)
        if found is None:
            self._skipped.note("journal")
            return count, []
        members, last, *pairs = found
        names = map(text, pairs[::2])
        entities = [(name, raw) for name, raw in zip(names, pairs[1::2], strict=True) if name is not None]
        entities = [(name, raw) for name, raw in entities if name.startswith((NUMBER_ENTITY, TRUNK_ENTITY))]
        self._skipped.note("journal", members - len(entities))
        self.looked_at += len(entities)
        return float(last) if members == PER_TRIP else count, entities

    async def _known(self, names: list[str]) -> list[tuple[bool, bytes | None]]:
        """Whether the journal knows each entity, and what stands there: what it does not know was never released."""
        pipeline = self._redis.pipeline(transaction=False)
        for name in names:
            pipeline.zscore(ENTITIES_CHANGED, name.encode("utf-8", "surrogatepass"))
            ask_value(pipeline, entity_key(name), MAX_RECORD_BYTES)
        found = await answers(pipeline)
        self.looked_at += len(names)
        return [
            (score is not None, value(raw, MAX_RECORD_BYTES))
            for score, raw in zip(found[::2], found[1::2], strict=True)
        ]

    def _take(self, entity: str, raw: bytes | None) -> None:
        """Take what stands at an entity: nothing (b"") is its end, None is junk."""
        # Wall clock: it only tells an expiry in Redis from a deletion. Whether a decision holds is asked in event time.
        now_ms = wall_clock_ms()
        known = self._standing.active(entity, now_ms)
        if raw == b"":
            if known is not None:
                self._standing.remove(entity)
            return
        decision = _standing(entity, raw, now_ms)
        if decision is None:
            self._skipped.note("standing")
        elif known is None or decision.takes_place_of(known):
            self._standing.set(decision)


def _standing(entity: str, raw: bytes | None, now_ms: int) -> StandingDecision | None:
    """Read a standing decision of somebody else; None when it is not one on this entity."""
    found = record(raw, ENTITY_DECISION_DECODER)
    if found is None or found.entity != entity:
        return None
    if not is_instant(found.since_ms, found.expires_ms) or found.since_ms > now_ms + FUTURE_MS:
        return None
    return StandingDecision(
        entity,
        found.action,
        found.category,
        found.since_ms,
        found.expires_ms,
        found.source,
        trunk_group_ids=found.trunk_group_ids or (),
        is_vouched=bool(found.signed),
    )
