"""Take a number out of Redis: its latest decisions, those about calls to it, and what stands about it."""

import asyncio
import re
from collections.abc import AsyncIterator

from redis.asyncio import Redis

from detector.contract.numbers import naming, written_forms
from detector.policy.lists import DIRECTED_TO, NUMBER_ENTITY, directed_parts
from streams.redis.bounded import MAX_RECORD_BYTES, read_values
from streams.redis.connection import (
    ENTITIES_CHANGED,
    KEPT_LISTS,
    decision_key,
    entity_key,
    list_key,
    number_key,
)
from streams.redis.entity_journal import forget, write_entity

KEYS_AT_A_TIME = 1_000
HEARD_S = 3.0
"""Workers have heard of a change after this: they look each second."""


async def erase(redis: Redis, number: str, *, dry_run: bool) -> int:
    """Delete what look-ups know of a number, and return how many keys that were. Lists are left as they are.

    Decisions go whichever form of the number they have. What stands about a number is about its E.164 form alone.

    Called by `robocall erase`. It reads every decision that is kept, at most seven days of them, since those about
    calls to the number are kept by their caller. What stood about the number leaves its name in the journal, from which
    workers learn of the end: it goes after `HEARD_S`. A worker that Redis is away from in between does not learn of it,
    and keeps what stood until it expires.

    Args:
        redis: client.
        number: E.164.
        dry_run: only count.

    Raises:
        RedisError, OSError: the server is away or refuses.
    """
    forms = written_forms(number)
    pattern = re.compile(naming(forms).encode())
    found = {key for key in map(number_key, forms) if await redis.exists(key)}
    async for some in _decisions(redis):
        values = await read_values(redis, some, MAX_RECORD_BYTES)
        found.update(key for key, value in zip(some, values, strict=True) if value and pattern.search(value))
    keys = sorted(found)
    entity = NUMBER_ENTITY + number
    stands = bool(await redis.exists(entity_key(entity)))
    is_named = await redis.zscore(ENTITIES_CHANGED, entity) is not None
    if not dry_run:
        if stands:  # told to the workers, which would else tell Redis again
            await write_entity(redis, entity, b"")
        for first in range(0, len(keys), KEYS_AT_A_TIME):
            await redis.delete(*keys[first : first + KEYS_AT_A_TIME])
        if stands or is_named:
            await asyncio.sleep(HEARD_S)
            await forget(redis, entity)
    return len(keys) + (stands or is_named)


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
