"""What the fetcher does with batches that are large or damaged, without a broker."""

import asyncio
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchError
from aiokafka.structs import TopicPartition

from streams.kafka.fetch.batch_reader import BITE_BYTES, BatchLimits, BatchReader, Stretch
from streams.kafka.fetch.fetcher import DAMAGED_TRIES, BatchFetcher, Fetched
from streams.kafka.fetched import Rows
from streams.wire.refusals import Code
from tests.streams.kafka.fetch.batches import CODECS, COMMIT, batch, marker

GOOD = bytes(batch(0, [(0, b"key", b"value", [])]))
DAMAGED = GOOD[:-2] + bytes([GOOD[-2] ^ 1]) + GOOD[-1:]
LIMITS = BatchLimits(unpacked_bytes=4 * BITE_BYTES, records=100)
LARGE = bytes(batch(0, [(0, b"key", b"\0" * (2 * BITE_BYTES), [])], CODECS["zstd"]))
TOO_LARGE = bytes(batch(0, [(0, b"key", b"\0" * (5 * BITE_BYTES), [])], CODECS["zstd"]))
PLACES = [TopicPartition("calls", number) for number in range(4)]


class Position:
    """Where a partition stands, as aiokafka keeps it."""

    def __init__(self) -> None:
        self.paused = False
        self.position = 0

    def consumed_to(self, position: int) -> None:
        self.position = position


class Desk:
    """A fetcher without connections, and where its partitions stand."""

    def __init__(self) -> None:
        self.states = {place: Position() for place in PLACES}
        self.assignment = SimpleNamespace(active=True, state_value=self.states.__getitem__)
        self.fetcher: Any = BatchFetcher.__new__(BatchFetcher)
        self.fetcher._wait_consume_future = None
        self.fetcher._limits = LIMITS
        self.fetcher._tries = {}
        self.fetcher._fetch_waiters = set()
        self.fetcher._subscriptions = SimpleNamespace(is_assigned=lambda _: True)
        self.fetcher._records = OrderedDict()

    def bring(self, place: TopicPartition, data: bytes) -> None:
        """As if a broker had sent that."""
        first = self.states[place].position
        reader = BatchReader(Stretch(data, 0, len(data), 1_000), first, LIMITS)
        self.fetcher._records[place] = Fetched(place, reader, LIMITS, self.assignment, 1.0)

    def take(self) -> dict[TopicPartition, Rows]:
        found: dict[TopicPartition, Rows] = self.fetcher._take([])
        return found

    async def take_all(self) -> dict[TopicPartition, list[Rows]]:
        """Until nothing is left or under way."""
        found: dict[TopicPartition, list[Rows]] = {}
        while self.fetcher._records:
            for place, rows in self.take().items():
                found.setdefault(place, []).append(rows)
            await asyncio.sleep(0.001)
        return found


def test_a_damaged_batch_is_fetched_again_and_then_stepped_over() -> None:
    """After the stated number of tries; what came with it of other partitions is given at once."""
    desk = Desk()
    for attempt in range(DAMAGED_TRIES):
        assert desk.states[PLACES[1]].position == 0
        desk.bring(PLACES[0], bytes(batch(attempt, [(0, b"key", b"value", [])])))
        desk.bring(PLACES[1], DAMAGED)
        found = desk.take()
        assert len(found[PLACES[0]]) == 1
        assert not desk.fetcher._records
    unreadable = found[PLACES[1]].unreadable

    assert unreadable is not None
    assert (unreadable.first, unreadable.last, unreadable.code) == (0, 0, Code.BATCH_DAMAGED)
    assert desk.states[PLACES[1]].position == 1


def test_damage_that_is_gone_with_the_next_fetch_costs_nothing() -> None:
    """And is not counted when another batch is damaged later."""
    desk = Desk()
    for data in (DAMAGED, DAMAGED, GOOD):
        desk.bring(PLACES[0], data)
        found = desk.take()
    assert found[PLACES[0]].values() == [b"value"]
    later = bytearray(batch(1, [(0, b"key", b"value", [])]))
    later[-2] ^= 1
    desk.bring(PLACES[0], bytes(later))
    assert desk.take() == {}
    assert desk.states[PLACES[0]].position == 1


def test_a_large_batch_is_unpacked_beside_the_others() -> None:
    """They are taken meanwhile, and their broker is not held back for it."""

    async def run() -> None:
        desk = Desk()
        desk.bring(PLACES[0], LARGE)
        desk.bring(PLACES[1], GOOD)
        assert list(desk.take()) == [PLACES[1]]
        assert desk.fetcher._records[PLACES[0]].calculate_backoff() == 0
        desk.bring(PLACES[1], bytes(batch(1, [(0, None, b"next", [])])))
        found = await desk.take_all()
        assert [rows.values() for rows in found[PLACES[1]]] == [[b"next"]]
        assert [len(rows.values()[0] or b"") for rows in found[PLACES[0]]] == [2 * BITE_BYTES]

    asyncio.run(run())


def test_one_large_batch_is_in_memory_at_a_time() -> None:
    """Whichever partition it is of."""

    async def run() -> None:
        desk = Desk()
        for place in PLACES:
            desk.bring(place, LARGE)
        found: list[TopicPartition] = []
        while desk.fetcher._records:
            found += desk.take()
            assert sum(one.is_unpacking for one in desk.fetcher._records.values()) <= 1
            await asyncio.sleep(0.001)
        assert found == PLACES

    asyncio.run(run())


def test_a_batch_that_is_too_large_is_stepped_over_and_said() -> None:
    """At once: what it unpacks to does not change with another fetch."""
    desk = Desk()
    desk.bring(PLACES[0], TOO_LARGE + bytes(batch(1, [(0, None, b"next", [])], CODECS["zstd"])))

    first, second = asyncio.run(desk.take_all())[PLACES[0]]

    assert first.unreadable is not None
    assert (first.unreadable.first, first.unreadable.last) == (0, 0)
    assert first.unreadable.code is Code.BATCH_TOO_LARGE
    assert second.values() == [b"next"]


def test_a_seek_while_a_batch_is_unpacked_lets_go_of_it() -> None:
    """It is no longer read from there."""

    async def run() -> None:
        desk = Desk()
        desk.bring(PLACES[0], LARGE)
        desk.take()
        desk.states[PLACES[0]].position = 77
        assert await desk.take_all() == {}
        assert desk.states[PLACES[0]].position == 77

    asyncio.run(run())


def test_what_moves_on_only_is_given_too() -> None:
    """A partition that ends with the marker of a transaction has nothing unread."""
    desk = Desk()
    desk.bring(PLACES[0], bytes(marker(0, 5, COMMIT)))
    rows = desk.take()[PLACES[0]]
    assert (len(rows), rows.begin, rows.end) == (0, 0, 1)


def test_an_error_of_one_partition_is_said_after_what_others_brought() -> None:
    """With the next call: what was taken is not lost for it."""
    desk = Desk()
    desk.bring(PLACES[0], GOOD)
    desk.fetcher._records[PLACES[1]] = FetchError(error=PermissionError("no"), backoff=1)
    assert list(desk.take()) == [PLACES[0]]
    with pytest.raises(PermissionError):
        desk.take()
    assert desk.take() == {}


def test_partitions_take_turns_where_much_is_compressed() -> None:
    """A bite in all at a time: the loop is given back before the next."""
    desk = Desk()
    value = b"\0" * (BITE_BYTES * 3 // 4)
    data = b"".join(bytes(batch(offset, [(0, None, value, [])], CODECS["zstd"])) for offset in range(4))
    for place in PLACES[:2]:
        desk.bring(place, data)

    taken = [list(desk.take()) for _ in range(4)]

    assert taken == [[PLACES[0]], [PLACES[1]], [PLACES[0]], [PLACES[1]]]
    assert not desk.fetcher._records
