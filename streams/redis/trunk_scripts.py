"""How trunk shares lie in Redis, and the scripts that write and read those of one partition.

A hash has the shares, a sorted set says which change was the latest of each trunk group, a counter counts the changes.
So a reader asks for what changed since the change it knows, and who writes sees that somebody else wrote too.
"""

from collections.abc import Mapping

from redis.asyncio.client import Pipeline

from detector.windows.trunks import LONGEST_SHARE
from streams.redis.connection import (
    SHARE_TTL_S,
    TRUNK_PARTITIONS,
    trunk_journal_key,
    trunk_key,
    trunk_total_key,
    trunk_version_key,
)

# A counter that is gone begins anew at the microseconds since 1970, above all that it was: no reader misses a change.
WRITE_SHARES = """
if redis.call('EXISTS', KEYS[3]) == 0 then
  local now = redis.call('TIME')
  redis.call('SET', KEYS[3], now[1] .. string.format('%06d', now[2]))
end
local count
for i = 5, #ARGV, 2 do
  count = redis.call('INCR', KEYS[3])
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[2], count, ARGV[i])
end
local surplus = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3])
if surplus > 0 then
  for _, trunk in ipairs(redis.call('ZRANGE', KEYS[2], 0, surplus - 1)) do redis.call('HDEL', KEYS[1], trunk) end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, surplus - 1)
end
redis.call('SADD', KEYS[5], ARGV[1])
redis.call('SET', KEYS[4], ARGV[4])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[2]) end
return count
"""

# Answers up to where it was read, the number of changes, how many trunk groups its owner has; then trunk, share,
# trunk, ... oldest change first.
READ_SHARES = """
local version = redis.call('GET', KEYS[3]) or '0'
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local total = math.max(redis.call('ZCARD', KEYS[2]), tonumber(redis.call('GET', KEYS[4]) or '0') or 0)
local answer, size = {tonumber(version), tonumber(version), total}, 0
for i = 1, #found, 2 do
  local share = ''
  if redis.call('HSTRLEN', KEYS[1], found[i]) <= tonumber(ARGV[3]) then
    share = redis.call('HGET', KEYS[1], found[i]) or ''
  end
  answer[#answer + 1] = string.sub(found[i], 1, 1025)
  answer[#answer + 1] = share
  size = size + #share
  if i == 2 * tonumber(ARGV[2]) - 1 or size > tonumber(ARGV[4]) then
    answer[1] = math.min(math.ceil(tonumber(found[i + 1])), answer[2])
    break
  end
end
return answer
"""


def queue_write(pipeline: Pipeline, partition: int, shares: Mapping[str, bytes], total: int, most: int) -> None:
    """Queue the writing of shares; the answer is the number of changes.

    Args:
        pipeline: takes it.
        partition: whose.
        shares: by trunk group, at least one.
        total: how many trunk groups the partition has, these included.
        most: more trunk groups are not kept: those unchanged for longest go.
    """
    keys = (*_keys(partition), TRUNK_PARTITIONS)
    pairs = [part for trunk, share in shares.items() for part in (name_of(trunk), share)]
    pipeline.eval(WRITE_SHARES, len(keys), *keys, partition, SHARE_TTL_S, most, total, *pairs)


def queue_read(pipeline: Pipeline, partition: int, since: int, most: int, most_bytes: int) -> None:
    """Queue the reading of what changed after the change `since`: up to `most` shares, and about so many bytes."""
    keys = _keys(partition)
    pipeline.eval(READ_SHARES, len(keys), *keys, since, most, LONGEST_SHARE, most_bytes)


def name_of(trunk_group_id: str) -> bytes:
    """A trunk group as Redis has it."""
    return trunk_group_id.encode("utf-8", "surrogatepass")


def _keys(partition: int) -> tuple[str, str, str, str]:
    of = (trunk_key, trunk_journal_key, trunk_version_key, trunk_total_key)
    return tuple(key(partition) for key in of)  # type: ignore[return-value]
