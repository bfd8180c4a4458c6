"""Writing and reading the shares of one partition in a real Valkey."""

from typing import Any

import pytest
from redis.asyncio import Redis

from detector.windows.trunks import LONGEST_SHARE
from streams.redis.connection import trunk_journal_key, trunk_key
from streams.redis.trunk_scripts import name_of, queue_read, queue_write
from tests.valkey_process import ValkeyProcess, run

SHARES = {f"T{number}": b"%d" % number * 10 for number in range(5)}


async def write(client: Redis, shares: dict[str, bytes], most: int = 100) -> Any:
    pipeline = client.pipeline(transaction=False)
    queue_write(pipeline, 3, shares, len(shares), most)
    return (await pipeline.execute())[0]


async def read(client: Redis, since: int, most: int = 100, most_bytes: int = 10_000) -> Any:
    pipeline = client.pipeline(transaction=False)
    queue_read(pipeline, 3, since, most, most_bytes)
    return (await pipeline.execute())[0]


def pairs(shares: dict[str, bytes]) -> list[bytes]:
    return [part for trunk, share in shares.items() for part in (name_of(trunk), share)]


def test_a_whole_partition_is_read_in_one_answer(valkey: ValkeyProcess) -> None:
    async def work(client: Redis) -> None:
        count = await write(client, SHARES)

        assert await read(client, 0) == [count, count, 5, *pairs(SHARES)]
        assert await read(client, count) == [count, count, 5]

    run(work, valkey.url)


@pytest.mark.parametrize("bounds", [{"most": 2}, {"most_bytes": 15}])
def test_an_answer_is_bounded_and_the_next_one_goes_on(valkey: ValkeyProcess, bounds: dict[str, int]) -> None:
    """Two of five at a time, in the order of their change."""

    async def work(client: Redis) -> None:
        last = await write(client, SHARES)
        found: list[bytes] = []
        since = 0
        for reached in (last - 3, last - 1, last):
            count, version, total, *part = await read(client, since, **bounds)
            assert (count, version, total) == (reached, last, 5)
            found, since = found + part, count

        assert found == pairs(SHARES)

    run(work, valkey.url)


def test_only_what_changed_is_read(valkey: ValkeyProcess) -> None:
    async def work(client: Redis) -> None:
        count = await write(client, SHARES)
        assert await write(client, {"T1": b"new"}) == count + 1

        assert await read(client, count) == [count + 1, count + 1, 5, b"T1", b"new"]

    run(work, valkey.url)


def test_nothing_is_missed_in_an_emptied_redis(valkey: ValkeyProcess) -> None:
    """Whatever change a reader knew, the first one after the loss is a later one."""

    async def work(client: Redis) -> None:
        count = await write(client, SHARES)
        await client.flushall()
        later = await write(client, {"T1": b"new"})

        assert later > count
        assert await read(client, count) == [later, later, 1, b"T1", b"new"]

    run(work, valkey.url)


def test_what_is_longer_than_a_share_stays_in_redis(valkey: ValkeyProcess) -> None:
    async def work(client: Redis) -> None:
        await write(client, {"T1": b"x" * (LONGEST_SHARE + 1), "N" * 2_000: b"y"})

        assert (await read(client, 0))[3:] == [b"T1", b"", b"N" * 1_025, b"y"]

    run(work, valkey.url)


def test_the_trunk_groups_of_a_partition_are_bounded(valkey: ValkeyProcess) -> None:
    async def work(client: Redis) -> None:
        await write(client, SHARES, most=3)

        assert await client.hkeys(trunk_key(3)) == [b"T2", b"T3", b"T4"]
        assert await client.zcard(trunk_journal_key(3)) == 3

    run(work, valkey.url)
