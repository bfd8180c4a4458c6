"""Share what each partition counts about a trunk group, so that every worker sees a trunk's totals.

A trunk's calls are spread over all partitions. Each owned partition's shares go to Redis as absolute values under the
partition: a counter that only its owner writes, so a repeat does no harm. What other partitions wrote since the last
look comes back in the same round trip. All of it happens beside the stream, in short slices; no decision waits for it.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

import numpy as np
import structlog
from numpy.typing import NDArray
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from detector.windows.engine import WindowEngine
from detector.windows.trunks import AnotherVersion, TrunkShare
from streams.redis.bounded import SMALL_SET, number
from streams.redis.connection import (
    PASSING,
    SHARE_TTL_S,
    TRUNK_PARTITIONS,
    Guard,
    trunk_journal_key,
    trunk_key,
    trunk_version_key,
)
from streams.running.time_slices import TimeSlices
from streams.settings import MAX_PARTITIONS

log = structlog.get_logger(__name__)

WRITE_SHARES = """
local count
for i = 4, #ARGV, 2 do
  count = redis.call('INCR', KEYS[3])
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[2], count, ARGV[i])
end
local surplus = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3])
if surplus > 0 then
  for _, trunk in ipairs(redis.call('ZRANGE', KEYS[2], 0, surplus - 1)) do redis.call('HDEL', KEYS[1], trunk) end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, surplus - 1)
end
redis.call('SADD', KEYS[4], ARGV[1])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[2]) end
return count
"""

# Answers trunk, count, share, trunk, ... oldest change first. A count below the reader's means that Redis was emptied.
READ_SHARES = """
local since = ARGV[1]
if tonumber(redis.call('GET', KEYS[3]) or '0') < tonumber(since) then since = '0' end
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. since, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local answer = {}
for i = 1, #found, 2 do
  local size = redis.call('HSTRLEN', KEYS[1], found[i])
  answer[#answer + 1] = found[i]
  answer[#answer + 1] = found[i + 1]
  answer[#answer + 1] = size <= tonumber(ARGV[3]) and redis.call('HGET', KEYS[1], found[i]) or ''
end
return answer
"""


@dataclass(frozen=True, slots=True)
class ExchangeLimits:
    """Bounds of the exchange.

    Attributes:
        trunks_per_partition: more of one partition are neither written nor taken.
        writes_per_trip: shares written in one round trip; the rest waits for the next, longest unwritten first.
        reads_per_trip: shares read in one round trip, over all partitions.
        share_bytes: a longer value is not a share and stays in Redis.
        slice_s: the event loop is given back after this long.
        busy_ratio: most of the time that the exchange may take; it slows itself down to stay below.
        ahead_ms: a share that claims calls later than this after now is not believed: it would age all others out.
    """

    trunks_per_partition: int = 4_096
    writes_per_trip: int = 16
    reads_per_trip: int = 32
    share_bytes: int = 256 * 1024
    slice_s: float = 0.001
    busy_ratio: float = 0.1
    ahead_ms: int = 3_600_000


@dataclass(slots=True)
class _Own:
    """What this worker counted in one of its partitions, and what Redis has of it."""

    shares: dict[str, TrunkShare] = field(default_factory=dict)
    unwritten: dict[str, None] = field(default_factory=dict)
    count: int | None = None
    is_new: bool = True


@dataclass(slots=True)
class _Other:
    """What another worker wrote of one partition, up to its change number `count`, longest unchanged first.

    Its latest share was one of another version or seed, which cannot be added up, until `foreign_until_s` of the
    monotonic clock: by then that share counts for nothing.
    """

    shares: dict[str, TrunkShare] = field(default_factory=dict)
    count: int = 0
    foreign_until_s: float = 0.0


class TrunkExchange:
    """Keep `engine` told of what the other partitions count about its trunk groups.

    Without Redis the shares of the worker's own partitions are still merged; what was last known of others ages out.

    Args:
        engine: counts; used on the event loop's thread only.
        redis: client.
        guard: shared by all users of the client.
        partitions: the partitions that this worker owns now; asked once an exchange.
        interval_s: between the starts of two exchanges.
        limits: bounds.
    """

    def __init__(
        self,
        engine: WindowEngine,
        redis: Redis,
        guard: Guard,
        partitions: Callable[[], Collection[int]],
        *,
        interval_s: float = 0.1,
        limits: ExchangeLimits | None = None,
    ) -> None:
        self._engine = engine
        self._seed = engine.settings.seed
        self._redis = redis
        self._guard = guard
        self._partitions = partitions
        self._interval_s = interval_s
        self._limits = limits or ExchangeLimits()
        self._own: dict[int, _Own] = {}
        self._others: dict[int, _Other] = {}
        self._sketches: dict[str, NDArray[np.uint32]] = {}
        self._stale: dict[str, None] = {}
        self._is_shared = False
        self._sees_foreign = False
        self._slices = TimeSlices(self._limits.slice_s)
        self.invalid = 0
        """Values and keys in Redis that were ignored: corrupt, foreign, oversized, or from the future."""
        self.round_trips = 0
        """Exchanges that succeeded."""

    @property
    def trunk_view(self) -> Literal["shared", "local"]:
        """Whether the totals include all other workers' partitions as of the last exchange.

        During an upgrade they do not: what workers of another version or seed count cannot be added up.
        """
        return "shared" if self._is_shared and not self._sees_foreign else "local"

    async def run(self) -> None:
        """Exchange until cancelled; a fault of Redis never ends it."""
        while True:
            started_s = time.monotonic()
            busy_s = await self.exchange()
            pause_s = self._interval_s - (time.monotonic() - started_s)
            await asyncio.sleep(max(pause_s, busy_s / self._limits.busy_ratio - busy_s, 0.0))

    async def exchange(self) -> float:
        """Collect own shares, write and read in one round trip, merge. One at a time, on the event loop.

        A fault of Redis raises nothing: own partitions are merged all the same.

        Returns:
            Seconds of the event loop's time that it took.
        """
        self._slices = TimeSlices(self._limits.slice_s)
        self._follow_assignment()
        await self._collect()
        self._slices.stop()
        answers = await self._guard.attempt(self._round_trip)
        self._slices.restart()
        if answers is None:
            self._forget_redis()
        else:
            await self._take(answers)
        await self._merge()
        self._slices.stop()
        return self._slices.busy_s

    def _follow_assignment(self) -> None:
        owned = set(self._partitions())
        for partition in self._own.keys() - owned:
            shares = self._own.pop(partition).shares
            self._others[partition] = _Other(shares)  # its next owner's word replaces this share by share
            self._stale.update(dict.fromkeys(shares))
        for partition in owned - self._own.keys():
            self._own[partition] = _Own()
            gone = self._others.pop(partition, None)
            self._stale.update(dict.fromkeys(gone.shares if gone else ()))

    async def _collect(self) -> None:
        for partition, own in list(self._own.items()):
            changed = self._engine.trunk_shares(partition, changed_only=not own.is_new)
            own.is_new = False
            for share in changed:
                own.unwritten[share.trunk_group_id] = None
                gone = _put(own.shares, share, self._limits.trunks_per_partition)
                if gone is not None:
                    own.unwritten.pop(gone, None)
                self._stale[share.trunk_group_id] = None
            await self._slices.breathe()

    async def _round_trip(self) -> "_Answers":
        pipeline = self._redis.pipeline(transaction=False)
        writes = self._queue_writes(pipeline)
        reads = list(self._others)
        for partition in reads:
            self._queue_read(pipeline, partition, max(1, self._limits.reads_per_trip // len(reads)))
        pipeline.eval(SMALL_SET, 0, TRUNK_PARTITIONS, MAX_PARTITIONS)
        answers = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, PASSING):
                raise answer
        return _Answers(writes, reads, answers)

    def _queue_writes(self, pipeline: Pipeline) -> dict[int, list[TrunkShare]]:
        room = max(1, self._limits.writes_per_trip // max(1, len(self._own)))
        writes: dict[int, list[TrunkShare]] = {}
        for partition, own in self._own.items():
            taken = [own.shares[trunk] for trunk in islice(own.unwritten, room)]
            if not taken:
                continue
            writes[partition] = taken
            keys = (*_keys(partition), TRUNK_PARTITIONS)
            pairs = [part for one in taken for part in (_name(one.trunk_group_id), one.to_bytes(seed=self._seed))]
            limit = self._limits.trunks_per_partition
            pipeline.eval(WRITE_SHARES, len(keys), *keys, partition, SHARE_TTL_S, limit, *pairs)
        return writes

    def _queue_read(self, pipeline: Pipeline, partition: int, limit: int) -> None:
        keys = _keys(partition)
        since = self._others[partition].count
        pipeline.eval(READ_SHARES, len(keys), *keys, since, limit, self._limits.share_bytes)

    async def _take(self, answers: "_Answers") -> None:
        replies = iter(answers.replies)
        for partition, written in answers.writes.items():
            self._take_written(partition, written, next(replies))
        for partition in answers.reads:
            await self._take_read(partition, next(replies))
        self._take_partitions(next(replies))
        self._look_for_foreign()
        self._is_shared = True
        self.round_trips += 1

    def _take_written(self, partition: int, written: list[TrunkShare], reply: Any) -> None:
        own = self._own[partition]
        if isinstance(reply, ResponseError):  # the key is somebody else's: keep trying, it may be put right
            self.invalid += 1
            return
        if own.count is not None and reply != own.count + len(written):
            # Redis was emptied, or somebody else wrote here: write everything again.
            own.unwritten.update(dict.fromkeys(own.shares))
        own.count = reply
        for share in written:
            if own.shares.get(share.trunk_group_id) is share:
                own.unwritten.pop(share.trunk_group_id, None)

    async def _take_read(self, partition: int, reply: Any) -> None:
        other = self._others.get(partition)
        if isinstance(reply, ResponseError) or not isinstance(reply, list) or len(reply) % 3:
            self.invalid += 1
        elif other is not None and reply:
            if (number(reply[1]) or 0) <= other.count:  # Redis was emptied since: the numbering began anew
                other.shares.clear()
            for name, raw, value in zip(reply[::3], reply[1::3], reply[2::3], strict=True):
                count = number(raw)
                if count is None:  # only junk is behind it
                    self.invalid += 1
                    break
                other.count = count
                self._take_share(other, name, value)
                await self._slices.breathe()

    def _take_share(self, other: _Other, name: bytes, value: bytes) -> None:
        latest_allowed_ms = time.time_ns() // 1_000_000 + self._limits.ahead_ms
        try:
            share = TrunkShare.from_bytes(value, seed=self._seed)
        except AnotherVersion:
            self.invalid += 1
            other.foreign_until_s = time.monotonic() + SHARE_TTL_S
            return
        except ValueError:
            self.invalid += 1
            return
        other.foreign_until_s = 0.0
        trunk = share.trunk_group_id
        if _name(trunk) != name or share.latest_ms > latest_allowed_ms:
            self.invalid += 1
            return
        # Sketches are maxima of times: one for all other partitions says what one for each would, in less room.
        known = self._sketches.setdefault(trunk, share.sketches)
        np.maximum(known, share.sketches, out=known)
        gone = _put(other.shares, replace(share, sketches=known), self._limits.trunks_per_partition)
        if gone is not None and not any(gone in one.shares for one in self._others.values()):
            del self._sketches[gone]
        self._stale[trunk] = None

    def _take_partitions(self, reply: Any) -> None:
        if isinstance(reply, ResponseError):
            self.invalid += 1
            return
        for name in reply:
            partition = number(name, MAX_PARTITIONS - 1)
            if partition is None:
                self.invalid += 1
            elif partition not in self._own:
                self._others.setdefault(partition, _Other())

    def _look_for_foreign(self) -> None:
        """Note, and say when it begins and ends, whether somebody counts in a way that cannot be added up."""
        now_s = time.monotonic()
        foreign = sorted(partition for partition, other in self._others.items() if other.foreign_until_s > now_s)
        if bool(foreign) != self._sees_foreign:
            self._sees_foreign = bool(foreign)
            if foreign:
                log.warning("workers of another version or seed: their trunk totals are not seen", partitions=foreign)
            else:
                log.info("trunk totals of all workers are seen again")

    def _forget_redis(self) -> None:
        """Read and write everything again when it is back: nobody knows what it will have lost."""
        self._is_shared = False
        for own in self._own.values():
            own.unwritten.update(dict.fromkeys(own.shares))
            own.count = None
        for other in self._others.values():
            other.count = 0

    async def _merge(self) -> None:
        for trunk in list(self._stale):
            del self._stale[trunk]
            elsewhere = [other.shares[trunk] for other in self._others.values() if trunk in other.shares]
            here = {partition: own.shares[trunk] for partition, own in self._own.items() if trunk in own.shares}
            if here and len(here) + len(elsewhere) > 1:
                self._engine.set_trunk_others(trunk, here, elsewhere)
            await self._slices.breathe()


@dataclass(frozen=True, slots=True)
class _Answers:
    """What was asked in one round trip, and the replies: to the writes, to the reads, and the partitions that exist."""

    writes: dict[int, list[TrunkShare]]
    reads: list[int]
    replies: list[Any]


def _keys(partition: int) -> tuple[str, str, str]:
    return trunk_key(partition), trunk_journal_key(partition), trunk_version_key(partition)


def _name(trunk_group_id: str) -> bytes:
    return trunk_group_id.encode("utf-8", "surrogatepass")


def _put(shares: dict[str, TrunkShare], share: TrunkShare, limit: int) -> str | None:
    """Add a share as the one changed last; at the limit the one that is unchanged for longest goes and is returned."""
    shares.pop(share.trunk_group_id, None)
    shares[share.trunk_group_id] = share
    if len(shares) <= limit:
        return None
    gone = next(iter(shares))
    del shares[gone]
    return gone
