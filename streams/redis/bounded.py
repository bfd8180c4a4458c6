"""What Redis says, made safe: sizes are asked before values are read, and what makes no sense is skipped and counted.

Whoever may write to our keys can put anything there. So every other module of this room reads through here. Texts are
cut to size by the server, numbers have ranges, JSON goes through a typed decoder, and a key of the wrong type holds
nothing. Nothing here raises for what a key holds.
"""

from collections import Counter
from typing import Any, TypeVar

import msgspec
import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoPermissionError, ResponseError

from streams.redis.connection import PASSING

MAX_COUNT = 2**53
"""Counts and scores are exact up to here: Redis keeps scores as doubles."""
LATEST_INSTANT_MS = 253_402_300_799_000
"""The end of the year 9999, the last that can be written as a date."""
MAX_RECORD_BYTES = 64 * 1024
"""Of a decision or a standing decision; ours have a few kilobytes."""
MAX_NAME_BYTES = 1_024
DIGITS = 16

T = TypeVar("T")
log = structlog.get_logger(__name__)

# Each takes its key as its first argument, and not as a key: a script's keys are for those who may write to them too.
# A page of a set, without members that are too long: answers cursor, members, how many were left out.
PAGE = """
local page = redis.call('SSCAN', ARGV[1], ARGV[2], 'COUNT', ARGV[3])
local kept, skipped = {}, 0
for _, member in ipairs(page[2]) do
  if #member <= tonumber(ARGV[4]) then kept[#kept + 1] = member else skipped = skipped + 1 end
end
return {page[1], kept, skipped}
"""
# The first elements of a list, without those that are too long.
FIRST = """
local kept = {}
for _, element in ipairs(redis.call('LRANGE', ARGV[1], 0, tonumber(ARGV[2]) - 1)) do
  if #element <= tonumber(ARGV[3]) then kept[#kept + 1] = element end
end
return kept
"""
# A field of a hash, or nothing when it is too long.
FIELD = """
if redis.call('HSTRLEN', ARGV[1], ARGV[2]) > tonumber(ARGV[3]) then return false end
return redis.call('HGET', ARGV[1], ARGV[2])
"""
# All members of a small set, or none.
SMALL_SET = """
if redis.call('SCARD', ARGV[1]) > tonumber(ARGV[2]) then return {} end
return redis.call('SMEMBERS', ARGV[1])
"""


class Skipped(Counter[str]):
    """What was skipped because it makes no sense, by kind. The first of each kind is said in the log."""

    def note(self, kind: str, count: int = 1) -> None:
        """Count something that was skipped."""
        if count and not self[kind]:
            log.warning("redis holds what makes no sense, it is skipped", kind=kind)
        self[kind] += count


async def answers(pipeline: Pipeline) -> list[Any]:
    """Execute a pipeline. What is refused for one key alone, for its type or for our rights, is None.

    Raises:
        redis.exceptions.RedisError: the server is away or in no state to answer.
    """
    found: list[Any] = await pipeline.execute(raise_on_error=False)
    for answer in found:
        if isinstance(answer, PASSING) and not isinstance(answer, NoPermissionError):
            raise answer
    return [None if isinstance(answer, ResponseError) else answer for answer in found]


def ask_value(pipeline: Pipeline, key: str, most: int) -> None:
    """Queue the reading of a string; the answer is for `value`, and never longer than `most` + 1 bytes."""
    pipeline.getrange(key, 0, most)


def value(answer: Any, most: int) -> bytes | None:
    """Return what a string holds, nothing (b"") where there is none; None when it is too long, or no string."""
    return answer if isinstance(answer, bytes) and len(answer) <= most else None


async def read_value(redis: Redis, key: str, most: int) -> bytes | None:
    """Read one string, as `value` has it.

    Raises:
        redis.exceptions.RedisError: the server is away.
    """
    (found,) = await read_values(redis, [key], most)
    return found


async def read_values(redis: Redis, keys: list[str], most: int) -> list[bytes | None]:
    """Read strings in one round trip, each as `value` has it.

    Raises:
        redis.exceptions.RedisError: the server is away.
    """
    pipeline = redis.pipeline(transaction=False)
    for key in keys:
        ask_value(pipeline, key, most)
    return [value(answer, most) for answer in await answers(pipeline)]


async def run_script(redis: Redis, script: str, key: str, *arguments: str | float | bytes) -> Any:
    """Run one of the scripts above; None when the key is of the wrong type, or is not for us.

    Raises:
        redis.exceptions.RedisError: the server is away.
    """
    pipeline = redis.pipeline(transaction=False)
    pipeline.eval(script, 0, key, *arguments)
    (found,) = await answers(pipeline)
    return found


def number(raw: Any, most: int = MAX_COUNT) -> int | None:
    """Return a whole number from 0 to `most`, of its decimal digits; None when it is none."""
    if isinstance(raw, bytes):
        raw = int(raw) if len(raw) <= DIGITS and raw.isdigit() else -1
    return raw if isinstance(raw, int) and 0 <= raw <= most else None


def is_instant(*times_ms: int) -> bool:
    """Whether each can be written as a date, epoch milliseconds."""
    return all(0 <= time_ms <= LATEST_INSTANT_MS for time_ms in times_ms)


def text(raw: Any, most: int = MAX_NAME_BYTES) -> str | None:
    """Return a text of at most `most` bytes, not empty; halves of surrogate pairs are in it as switches sent them."""
    if not isinstance(raw, bytes) or not 0 < len(raw) <= most:
        return None
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def record(raw: Any, decoder: "msgspec.json.Decoder[T]", most: int = MAX_RECORD_BYTES) -> T | None:
    """Return a typed record of at most `most` bytes of JSON; None when it is none, or nested beyond all measure."""
    if not isinstance(raw, bytes) or not 0 < len(raw) <= most:
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
