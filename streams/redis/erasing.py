"""Take a number out of Redis: its latest decisions, those about calls to it, and what stands about it."""

import re
from collections.abc import AsyncIterator

from redis.asyncio import Redis

from detector.policy.lists import DIRECTED_TO, NUMBER_ENTITY, directed_parts
from streams.redis.bounded import MAX_RECORD_BYTES, read_values
from streams.redis.connection import (
    ENTITIES_CHANGED,
    ENTITIES_VERSION,
    KEPT_LISTS,
    decision_key,
    entity_key,
    list_key,
    number_key,
)
from streams.redis.decisions import WRITE_ENTITY

KEYS_AT_A_TIME = 1_000


async def erase(redis: Redis, number: str, *, dry_run: bool) -> int:
    """Delete what look-ups know of a number, and return how many keys that were. Lists are left as they are.

    Called by `robocall erase`. It reads every decision that is kept, at most seven days of them, since those about
    calls to the number are kept by their caller.

    Args:
        redis: client.
        number: E.164.
        dry_run: only count.

    Raises:
        RedisError, OSError: the server is away or refuses.
    """
    pattern = re.compile(re.escape(number).encode() + rb"(?![0-9])")
    found = {number_key(number)} if await redis.exists(number_key(number)) else set()
    async for some in _decisions(redis):
        values = await read_values(redis, some, MAX_RECORD_BYTES)
        found.update(key for key, value in zip(some, values, strict=True) if value and pattern.search(value))
    keys = sorted(found)
    stands = bool(await redis.exists(entity_key(NUMBER_ENTITY + number)))
    if not dry_run:
        if stands:  # told to the workers, which would else tell Redis again
            entity_keys = (entity_key(NUMBER_ENTITY + number), ENTITIES_VERSION, ENTITIES_CHANGED)
            await redis.eval(WRITE_ENTITY, len(entity_keys), *entity_keys, NUMBER_ENTITY + number, "", 0)
        for first in range(0, len(keys), KEYS_AT_A_TIME):
            await redis.delete(*keys[first : first + KEYS_AT_A_TIME])
    return len(keys) + stands


async def lists_with(redis: Redis, number: str) -> list[tuple[str, str]]:
    """Lists that name the number, each with the entry that does: itself, or a block that a subscriber asked for.

    Raises:
        RedisError, OSError: the server is away or refuses.
    """
    digits = number.removeprefix("+1") if number.startswith("+1") else number
    entries = [(name, digits if name == "dno" else number) for name in KEPT_LISTS]
    found = [(name, entry) for name, entry in entries if await redis.sismember(list_key(name), entry)]
    async for raw in redis.sscan_iter(list_key("block"), match=f"*{DIRECTED_TO}*", count=KEYS_AT_A_TIME):
        entry = raw.decode("utf-8", "replace")
        if number in (directed_parts(entry) or ()):
            found.append(("block", entry))
    return found


async def _decisions(redis: Redis) -> AsyncIterator[list[str]]:
    keys: list[str] = []
    async for key in redis.scan_iter(match=decision_key("*"), count=KEYS_AT_A_TIME):
        keys.append(key.decode("utf-8", "surrogatepass"))
        if len(keys) == KEYS_AT_A_TIME:
            yield keys
            keys = []
    if keys:
        yield keys
