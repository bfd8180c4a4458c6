"""Release a number or trunk group: what stood against it ends, and analytics do not block it for a while.

The release stands where a standing decision would, so that workers learn of it as they learn of those. Workers of
earlier versions let the calls pass.
"""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from detector.contract.decisions import Action
from detector.policy.lists import NUMBER_ENTITY, ORDERS, Basis
from streams.redis.bounded import FIELD
from streams.redis.connection import entity_key
from streams.redis.entity_journal import write_entity
from streams.redis.list_changes import change_list
from streams.redis.list_notes import MAX_NOTE_BYTES, note_of, notes_key
from streams.running.clock import wall_clock_ms
from streams.wire.records import EntityDecisionRecord, encode

CATEGORY = "released"


@dataclass(frozen=True, slots=True)
class Released:
    """What a release did.

    Attributes:
        stood: whether something stood against it, or an earlier release did.
        unlisted: whether it was on the block list, and no order keeps it there.
        ordered: the order that keeps it on the block list: nobody who releases can lift that.
        until_ms: from then on analytics may block it again, epoch milliseconds.
    """

    stood: bool
    unlisted: bool
    ordered: Basis | None
    until_ms: int

    @property
    def ended(self) -> str:
        """What it ended, for people; empty where there was nothing."""
        both = ("what stood", self.stood), ("a block entry", self.unlisted)
        return " and ".join(what for what, is_so in both if is_so)


async def release(redis: Redis, entity: str, *, by: str, grace_s: float) -> Released:
    """Release an entity, and take it off the block list, unless an order put it there; workers follow within 2 s.

    Args:
        redis: client.
        entity: `number:+1...` or `trunk:...`.
        by: who releases.
        grace_s: how long analytics may not block it.

    Raises:
        redis.exceptions.RedisError: the server is away, or refuses.
    """
    now_ms = wall_clock_ms()
    until_ms = now_ms + round(grace_s * 1_000)
    entry = entity.removeprefix(NUMBER_ENTITY)
    ordered = await _order_on(redis, entry)
    unlisted = 0 if ordered else await change_list(redis, "block", [entry], is_addition=False)
    stood = await redis.exists(entity_key(entity))
    record = EntityDecisionRecord(entity, Action.ALLOW, CATEGORY, None, now_ms, until_ms, by, None, "")
    await write_entity(redis, entity, encode(record), until_ms)
    return Released(bool(stood), bool(unlisted), ordered, until_ms)


async def _order_on(redis: Redis, entry: str) -> Basis | None:
    """The order on which a block entry rests. What cannot be read is refused: it must not be taken for no order."""
    found: Any = await redis.eval(FIELD, 0, notes_key("block"), entry, MAX_NOTE_BYTES)
    note = note_of(found)
    return note.basis if note is not None and note.basis in ORDERS else None
