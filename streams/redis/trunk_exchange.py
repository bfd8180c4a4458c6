"""Share what each partition counts about a trunk group, so that every worker sees a trunk's totals.

A trunk's calls are spread over all partitions. Each owned partition's shares go to Redis as absolute values under the
partition: a counter that only its owner writes, so a repeat does no harm. What other partitions wrote since the last
look comes back in the same round trip. All of it happens beside the stream, in short slices; no decision waits for it.
"""

import asyncio
import math
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from detector.windows.engine import WindowEngine
from detector.windows.trunks import AnotherVersion, read_header
from streams.redis.bounded import SMALL_SET, number, text
from streams.redis.connection import PASSING, SHARE_TTL_S, TRUNK_PARTITIONS, Guard
from streams.redis.trunk_scripts import queue_read, queue_write
from streams.redis.trunk_shares import KNOWN_ENOUGH, OtherShares, OwnShares, TrunkView, known_share
from streams.running.clock import wall_clock_ms
from streams.running.time_slices import SLICES_PER_PAUSE, TimeSlices
from streams.settings import MAX_PARTITIONS

log = structlog.get_logger(__name__)

TAKEN_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class ExchangeLimits:
    """Bounds of the exchange. Trunk groups of a partition are bounded by those of the engine.

    Attributes:
        writes_per_trip: shares written in one round trip; the rest waits for the next, longest unwritten first.
        reads_per_trip: shares read in one round trip, over all partitions.
        trip_bytes: about so much is read in one round trip.
        kept_bytes: of other workers' shares; beyond that those of a partition go that are unchanged for longest.
        slice_s: the event loop is given back after this long.
        busy_ratio: most of the time that the exchange may take; it slows itself down to stay below.
        hurry_ratio: the same while it has much to do after a start, a take-over or an outage.
        hurry_s: for so long at most.
        long_slice_s: the slices while it has much to do: on a busy machine each pause is long.
        wait_s: rows keep what they were told for so long while the exchange is behind: a part would be less.
        ahead_ms: a share that claims calls later than this after now is not believed: it would age all others out.
    """

    writes_per_trip: int = 1_024
    reads_per_trip: int = 4_096
    trip_bytes: int = 2 << 20
    kept_bytes: int = 256 << 20
    slice_s: float = 0.001
    busy_ratio: float = 0.1
    hurry_ratio: float = 0.5
    hurry_s: float = 10.0
    long_slice_s: float = 0.004
    wait_s: float = 2.0
    ahead_ms: int = 3_600_000


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
        self._own: dict[int, OwnShares] = {}
        self._others: dict[int, OtherShares] = {}
        self._stale: dict[str, None] = {}
        self._is_shared = False
        self._sees_foreign = False
        self._slices = TimeSlices(self._limits.slice_s)
        self._whole_s: float | None = None
        self._merge_by_s = math.inf
        self._hurries = False
        self._hurry_until_s = time.monotonic() + self._limits.hurry_s
        self.invalid = 0
        """Values and keys in Redis that were ignored: corrupt, foreign, oversized, or from the future."""
        self.round_trips = 0
        """Exchanges that succeeded."""

    @property
    def view(self) -> TrunkView:
        """What is known of other workers' trunk totals as of the last exchange."""
        others = self._others.values()
        known = known_share(others)
        is_partial = known < KNOWN_ENOUGH or any(other.version is None for other in others)
        view: Literal["shared", "partial"] = "partial" if is_partial else "shared"
        age_s = None if self._whole_s is None else time.monotonic() - self._whole_s
        return TrunkView(view if self._is_shared and not self._sees_foreign else "local", known, age_s)

    async def run(self) -> None:
        """Exchange until cancelled; a fault of Redis never ends it."""
        while True:
            started_s = time.monotonic()
            busy_s = await self.exchange()
            pause_s = self._interval_s - (time.monotonic() - started_s)
            ratio = self._limits.hurry_ratio if self._hurries else self._limits.busy_ratio
            await asyncio.sleep(max(0.0 if self._hurries else pause_s, busy_s / ratio - busy_s))

    async def exchange(self) -> float:
        """Collect own shares, write and read in one round trip, merge. One at a time, on the event loop.

        A fault of Redis raises nothing: own partitions are merged all the same.

        Returns:
            Seconds of the event loop's time that it took.
        """
        self._follow_assignment()
        self._hurries = self._has_much_to_do and time.monotonic() < self._hurry_until_s
        self._slices = self._make_slices()
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

    def _make_slices(self) -> TimeSlices:
        if not self._has_much_to_do:
            return TimeSlices(self._limits.slice_s)
        return TimeSlices(self._limits.long_slice_s, pauses=1 if self._hurries else SLICES_PER_PAUSE)

    @property
    def _is_behind(self) -> bool:
        """Whether something was never looked at: shares to be read, or a partition that was just taken over."""
        return any(own.is_new for own in self._own.values()) or any(one.is_behind for one in self._others.values())

    @property
    def _has_much_to_do(self) -> bool:
        """Whether it is behind, or more waits to be written than one round trip takes."""
        return self._is_behind or sum(len(own.unwritten) for own in self._own.values()) > self._limits.writes_per_trip

    def _follow_assignment(self) -> None:
        owned = set(self._partitions())
        if owned != self._own.keys():
            self._hurry()
        for partition in self._own.keys() - owned:
            gone = self._others[partition] = OtherShares.of(self._own.pop(partition))
            self._stale.update(dict.fromkeys(gone.shares))
        for partition in owned - self._own.keys():
            other = self._others.pop(partition, None)
            self._own[partition] = OwnShares.after(other)
            self._engine.recount_trunks(partition)
            self._stale.update(dict.fromkeys(other.shares if other else ()))

    def _hurry(self) -> None:
        """There is much to do at once: take more of the event loop for some seconds."""
        self._hurry_until_s = time.monotonic() + self._limits.hurry_s

    async def _collect(self) -> None:
        for partition, own in list(self._own.items()):
            while shares := self._engine.trunk_shares(partition):
                for trunk, share in shares.items():
                    own.put(trunk, share, self._engine.settings.max_trunks)
                    self._stale[trunk] = None
                await self._slices.breathe()
            own.inherited, own.is_new = {}, False

    async def _round_trip(self) -> "_Answers":
        pipeline = self._redis.pipeline(transaction=False)
        writes = self._queue_writes(pipeline)
        reads, most = list(self._others), self._limits.reads_per_trip
        for partition in reads:
            since = self._others[partition].count
            queue_read(pipeline, partition, since, max(1, most // len(reads)), self._limits.trip_bytes // len(reads))
        pipeline.eval(SMALL_SET, 0, TRUNK_PARTITIONS, MAX_PARTITIONS)
        answers = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, PASSING):
                raise answer
        return _Answers(writes, reads, answers)

    def _queue_writes(self, pipeline: Pipeline) -> dict[int, dict[str, bytes]]:
        room = max(1, self._limits.writes_per_trip // max(1, len(self._own)))
        writes: dict[int, dict[str, bytes]] = {}
        for partition, own in self._own.items():
            taken = {trunk: own.shares[trunk] for trunk in islice(own.unwritten, room)}
            own.sent = len(taken)
            if not taken:
                continue
            writes[partition] = taken
            queue_write(pipeline, partition, taken, len(own.shares), self._engine.settings.max_trunks)
        return writes

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

    def _take_written(self, partition: int, written: dict[str, bytes], reply: Any) -> None:
        if isinstance(reply, ResponseError):  # the key is somebody else's: keep trying, it may be put right
            self.invalid += 1
            return
        self._own[partition].written(written, reply)

    async def _take_read(self, partition: int, reply: Any) -> None:
        other = self._others.get(partition)
        if not isinstance(reply, list) or len(reply) % 2 == 0 or None in map(number, reply[:3]):
            self.invalid += 1
            if other is not None:
                other.version = other.count  # whatever stands there, nothing of it can be read
        elif other is not None:
            other.count, other.version, other.total = reply[:3]
            for at in range(3, len(reply), 2 * TAKEN_AT_ONCE):
                part = reply[at : at + 2 * TAKEN_AT_ONCE]
                self._take_shares(other, zip(part[::2], part[1::2], strict=True))
                await self._slices.breathe()

    def _take_shares(self, other: OtherShares, found: Iterable[tuple[bytes, bytes]]) -> None:
        named = ((self._trunk_of(other, name, share), share) for name, share in found)
        shares = {trunk: share for trunk, share in named if trunk is not None}
        room = self._limits.kept_bytes - sum(one.size for one in self._others.values())
        for (trunk, share), is_whole in zip(
            shares.items(), self._engine.whole_shares(list(shares.values())) if shares else (), strict=True
        ):
            if not is_whole:
                self.invalid += 1
                continue
            room -= other.put(trunk, share, self._engine.settings.max_trunks, room)
            self._stale[trunk] = None

    def _trunk_of(self, other: OtherShares, name: bytes, share: bytes) -> str | None:
        """Trunk group of a share, as far as name and header tell; None where it is none that can be used."""
        try:
            own_name, latest_ms = read_header(share, self._seed)
        except AnotherVersion:
            self.invalid += 1
            other.foreign_until_s = time.monotonic() + SHARE_TTL_S
            return None
        except ValueError:
            self.invalid += 1
            return None
        other.foreign_until_s = 0.0
        trunk = text(name)
        if trunk is None or own_name != name or latest_ms > wall_clock_ms() + self._limits.ahead_ms:
            self.invalid += 1
            return None
        return trunk

    def _take_partitions(self, reply: Any) -> None:
        if isinstance(reply, ResponseError):
            self.invalid += 1
            return
        for name in reply:
            partition = number(name, MAX_PARTITIONS - 1)
            if partition is None:
                self.invalid += 1
            elif partition not in self._own:
                self._others.setdefault(partition, OtherShares())

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
        """Redis is away, or too slow: what it still has is found out when it is back."""
        self._is_shared = False
        self._hurry()
        for own in self._own.values():
            own.failed()

    def _must_wait(self) -> bool:
        """Whether rows keep what they know for now, since more of it is being read; notes when everything is known."""
        now_s = time.monotonic()
        if not self._is_behind:
            self._merge_by_s = math.inf
            if self._is_shared and not any(own.unwritten for own in self._own.values()):
                self._whole_s = now_s
            return False
        if now_s < self._merge_by_s:
            self._merge_by_s = min(self._merge_by_s, now_s + self._limits.wait_s)
            return True
        self._merge_by_s = now_s + self._limits.wait_s
        return False

    async def _merge(self) -> None:
        if self._must_wait():
            return
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

    writes: dict[int, dict[str, bytes]]
    reads: list[int]
    replies: list[Any]
