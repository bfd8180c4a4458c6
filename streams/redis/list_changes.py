"""Change a list in Redis in one step: entries, the notes on them, and the version that workers look at."""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from detector.contract.errors import RobocallError
from streams.redis.connection import EMERGENCY_EMPTIED, LISTS_VERSION, list_key
from streams.redis.list_notes import MAX_LIST_ENTRIES, SCAN_COUNT, notes_key

# One step: the entries with the note on them, the mark of an emergency list that is meant to be empty, and the version
# that workers look at. Whatever makes no sense where notes or the version should be is replaced. Removing what is not
# there says nothing on purpose. An entry that is added again without a note keeps the one that it has.
CHANGE = """
local changed
if ARGV[1] == 'UNLINK' then
  changed = redis.call('SCARD', KEYS[1])
  redis.call('UNLINK', KEYS[1], KEYS[3])
else
  changed = redis.call(ARGV[1], KEYS[1], unpack(ARGV, 3))
  if type(redis.pcall('HLEN', KEYS[3])) == 'table' then redis.call('UNLINK', KEYS[3]) end
  for i = 3, #ARGV do
    if ARGV[1] == 'SREM' then
      redis.call('HDEL', KEYS[3], ARGV[i])
    elseif ARGV[2] ~= '' then
      redis.call('HSET', KEYS[3], ARGV[i], ARGV[2])
    end
  end
end
if KEYS[4] then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('DEL', KEYS[4])
  elseif changed > 0 or ARGV[1] == 'UNLINK' then
    redis.call('SET', KEYS[4], '1')
  end
end
if type(redis.pcall('INCR', KEYS[2])) == 'table' then redis.call('SET', KEYS[2], '1') end
return changed
"""


class ListFull(RobocallError):
    """A list that would have more entries than workers read."""


async def add_entries(redis: Redis, name: str, entries: Sequence[str], note: bytes = b"") -> int:
    """Add entries to a list as `change_list` does, unless it would have too many; says how many were not there.

    Raises:
        ListFull: it would have more than `MAX_LIST_ENTRIES`; nothing is added.
        redis.exceptions.RedisError: the server is away, or refuses.
    """
    present: int = await redis.scard(list_key(name))
    if present + len(entries) > MAX_LIST_ENTRIES:
        raise ListFull(f"list {name} would have more than {MAX_LIST_ENTRIES} entries")
    return await change_list(redis, name, entries, is_addition=True, note=note)


async def change_list(redis: Redis, name: str, entries: Sequence[str], *, is_addition: bool, note: bytes = b"") -> int:
    """Add entries to a list or remove them, and have the workers look; says how many were not there, or were.

    `note` (`streams.redis.list_notes`) is put on those that are added, also on those that were there. Where the last
    entry of `emergency` is removed here, workers are told that it was meant. A thousand entries are one step that is
    done whole.

    Raises:
        redis.exceptions.RedisError: the server is away, or refuses.
    """
    command = "SADD" if is_addition else "SREM"
    changed = 0
    for start in range(0, len(entries), SCAN_COUNT):
        changed += await _change(redis, name, command, entries[start : start + SCAN_COUNT], note)
    return changed


async def empty_list(redis: Redis, name: str) -> int:
    """Remove all entries of a list, on purpose; says how many there were.

    Raises:
        redis.exceptions.RedisError: the server is away, or refuses.
    """
    return await _change(redis, name, "UNLINK", ())


async def _change(redis: Redis, name: str, command: str, entries: Sequence[str], note: bytes = b"") -> int:
    keys = (list_key(name), LISTS_VERSION, notes_key(name), *([EMERGENCY_EMPTIED] if name == "emergency" else ()))
    found: Any = await redis.eval(CHANGE, len(keys), *keys, command, note, *entries)
    return int(found)
