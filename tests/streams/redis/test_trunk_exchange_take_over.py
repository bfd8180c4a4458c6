"""What a worker knows of trunk groups when it takes a partition over, or reads everything again; a real Valkey."""

from collections.abc import Collection
from dataclasses import replace

from redis.asyncio import Redis

from detector.windows.engine import WindowEngine
from streams.redis.connection import Guard, trunk_version_key
from streams.redis.trunk_exchange import ExchangeLimits, TrunkExchange
from tests.streams.redis.test_trunk_exchange import SETTINGS, call, exchange_all, exchange_of, trunk_attempts
from tests.valkey_process import ValkeyProcess, run
from tests.waiting import HANG_S


def test_a_take_over_sees_all_trunk_groups_in_one_read_and_writes_none_again(valkey: ValkeyProcess) -> None:
    """600 trunk groups in two partitions; who starts with one of them, restored, knows the other after one read."""

    async def work(client: Redis) -> None:
        roomy = replace(SETTINGS, max_trunks=2_000, max_hot_numbers=4_096, max_blocks=4_096)
        engines = [WindowEngine(roomy) for _ in range(3)]
        for n in range(600):
            call(engines[0], 0, 2, trunk=f"trunk-{n}")
            call(engines[1], 1, 3, trunk=f"trunk-{n}")
            call(engines[2], 1, 3, trunk=f"trunk-{n}")  # as a snapshot would have it
        first, second = exchange_of(engines[0], client, 0), exchange_of(engines[1], client, 1)
        await exchange_all(first, second, rounds=4)
        version = await client.get(trunk_version_key(1))

        owned: list[Collection[int]] = [()]
        successor = TrunkExchange(engines[2], client, Guard(), lambda: owned[0])
        await exchange_all(successor, rounds=1)  # before it has a partition: who is there?
        assert successor.view.view == "partial"
        await exchange_all(successor, rounds=1)  # all of both
        assert (successor.view.view, successor.view.known) == ("shared", 1.0)
        owned[0] = (1,)
        await exchange_all(successor, rounds=1)

        assert {trunk_attempts(engines[2], 1, trunk=f"trunk-{n}") for n in range(600)} == {6}
        assert await client.get(trunk_version_key(1)) == version
        assert successor.view.age_s is not None

    run(work, valkey.url)


def test_rows_keep_what_they_know_while_a_part_of_it_is_read(valkey: ValkeyProcess) -> None:
    """A row knows 43 calls. While many reads fetch them again it never knows less: before, it fell to a part."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        call(one, 0, 3)
        for partition in range(1, 5):
            call(two, partition, 10)
        for n in range(30):
            call(two, 1, 1, trunk=f"trunk-{n}")
        first, second = exchange_of(one, client, 0), exchange_of(two, client, 1, 2, 3, 4)
        await exchange_all(first, second, rounds=4)
        slow = ExchangeLimits(reads_per_trip=4, wait_s=HANG_S)
        again = TrunkExchange(one, client, Guard(), lambda: (0,), limits=slow)

        known = []
        while again.view.view != "shared":
            known.append(again.view.known)
            await again.exchange()
            assert trunk_attempts(one, 0) == 43 + len(known)

        assert len(known) > 4
        assert again.view.known > max(known[2:])

    run(work, valkey.url)
