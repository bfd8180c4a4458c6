"""The journal of standing decisions in Redis: which entity changed when. How it is written, and what it forgets.

A sorted set has each entity by the count of its latest change. That count grows with each change and is about the
microseconds since 1970, so it tells the age of a name too. A name whose decision is gone is kept for those who have not
heard of its end, and no longer: it may be a phone number.
"""

import time
from typing import Any

from redis.asyncio import Redis

from streams.redis.bounded import run_script
from streams.redis.connection import ENTITIES_CHANGED, ENTITIES_VERSION, entity_key

JOURNAL_LIMIT = 1_000_000
KEPT_S = 8 * 24 * 3_600
"""A name without a decision is forgotten after this: what a worker may still hold has expired by then (7 days)."""
FORGOTTEN_AT_ONCE = 1_000
"""Names looked at in one round trip: about a millisecond of the server."""

# An equal value changes nothing, so that workers that tell each other the same thing come to rest. What calls brought
# about takes no release away: its worker had not heard of it yet. The clock is the writer's: it is all that every
# user may ask.
WRITE_ENTITY = f"""
local function releases(value) return string.find(value, '"action":"allow"', 1, true) end
if ARGV[2] == '' then
  if redis.call('DEL', KEYS[1]) == 0 then return 0 end
else
  local known = redis.call('GET', KEYS[1])
  if known == ARGV[2] or (known and releases(known) and not releases(ARGV[2])) then return 0 end
  redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
end
local count = string.format('%.0f', math.max(redis.call('INCR', KEYS[2]), tonumber(ARGV[4])))
redis.call('SET', KEYS[2], count)
redis.call('ZADD', KEYS[3], count, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -{JOURNAL_LIMIT + 1})
return 1
"""

FORGET = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
return redis.call('ZREM', KEYS[2], ARGV[1])
"""

# Names of a page of the journal, between two counts, go where nothing stands. Answers the count of the last one.
FORGET_PAGE = """
local found = redis.call('ZRANGEBYSCORE', ARGV[1], '(' .. ARGV[2], ARGV[3], 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for i = 1, #found, 2 do
  if redis.call('EXISTS', ARGV[5] .. found[i]) == 0 then redis.call('ZREM', ARGV[1], found[i]) end
end
return found[#found] or '0'
"""


def keys_of(entity: str) -> tuple[str, str, str]:
    """Keys of `WRITE_ENTITY`."""
    return entity_key(entity), ENTITIES_VERSION, ENTITIES_CHANGED


def arguments_of(entity: str, payload: bytes, expires_ms: int) -> tuple[str, bytes, int, int]:
    """Arguments of `WRITE_ENTITY`: a record until an instant, or (b"") the end of what stood."""
    return entity, payload, expires_ms, time.time_ns() // 1_000


async def write_entity(redis: Redis, entity: str, payload: bytes, expires_ms: int = 0) -> None:
    """Put a record, or its end, in the place of what stands at an entity; workers follow within 2 s.

    Args:
        redis: client.
        entity: `number:+1...` or `trunk:...`.
        payload: the record; empty deletes.
        expires_ms: of the record, epoch milliseconds.

    Raises:
        redis.exceptions.RedisError: the server is away, or refuses.
    """
    keys = keys_of(entity)
    await redis.eval(WRITE_ENTITY, len(keys), *keys, *arguments_of(entity, payload, expires_ms))


async def forget(redis: Redis, entity: str) -> bool:
    """Take a name at which nothing stands out of the journal; tell whether it was in there.

    Raises:
        redis.exceptions.RedisError: the server is away, or refuses.
    """
    return bool(await redis.eval(FORGET, 2, entity_key(entity), ENTITIES_CHANGED, entity))


async def forget_old(redis: Redis, after: float) -> float:
    """Take a page of old names at which nothing stands out of the journal.

    Args:
        redis: client.
        after: count of the last name that the page before looked at.

    Returns:
        The same of this page; 0 at the end of the old ones, and where Redis refuses.

    Raises:
        redis.exceptions.RedisError: the server is away.
    """
    oldest_kept = time.time_ns() // 1_000 - KEPT_S * 1_000_000
    limits = repr(after), oldest_kept, FORGOTTEN_AT_ONCE, entity_key("")
    found: Any = await run_script(redis, FORGET_PAGE, ENTITIES_CHANGED, *limits)
    return 0.0 if found is None else float(found)
