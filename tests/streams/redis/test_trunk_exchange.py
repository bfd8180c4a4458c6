"""Redis as workers use it, against a real Valkey: trunk totals over partitions, lists, standing decisions, outages."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import replace

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from detector.columns.call_columns import build_batch
from detector.contract.events import CallSetup
from detector.contract.ports import FeatureMatrix
from detector.features.table import INDEX
from detector.windows.engine import WindowEngine, WindowSettings
from streams.redis.connection import Guard, connect, trunk_journal_key, trunk_key, trunk_version_key
from streams.redis.trunk_exchange import TrunkExchange
from streams.settings import load_settings
from tests.typed import typed
from tests.valkey_process import ValkeyProcess, run, slow_proxy
from tests.waiting import HANG_S, until

SEED = 7
TRUNK = "nyc-ix-7"
START_MS = 1_764_000_000_000
SETTINGS = WindowSettings(
    max_hot_numbers=64,
    max_cold_numbers=256,
    max_trunks=64,
    max_blocks=64,
    max_origins=64,
    max_called=64,
    seed=SEED,
    partitions=1,
)


def call(engine: WindowEngine, partition: int, count: int, *, trunk: str = TRUNK) -> FeatureMatrix:
    """Let `count` calls come in by a trunk in one partition, all within the same second."""
    events = [
        CallSetup(
            call_id=f"{partition}-{n}",
            setup_time_ms=START_MS + n,
            calling_number=f"+1202555{1000 + n % 50:04d}",
            called_number=f"+1312555{n % 10_000:04d}",
            trunk_group_id=trunk,
        )
        for n in range(count)
    ]
    return engine.update(build_batch(events, [True] * count, [partition] * count, seed=engine.settings.seed))


def trunk_attempts(engine: WindowEngine, partition: int, *, trunk: str = TRUNK) -> float:
    """Calls of the last minute on a trunk as one more call in this partition sees them, itself included."""
    return float(call(engine, partition, 1, trunk=trunk)[0, INDEX["trunk_attempts_1m"]])


def exchange_of(engine: WindowEngine, client: Redis, *owned: int, guard: Guard | None = None) -> TrunkExchange:
    return TrunkExchange(engine, client, guard or Guard(), lambda: owned)


async def exchange_all(*exchanges: TrunkExchange, rounds: int = 3) -> None:
    """Rounds enough for everybody: one to write, one to learn who writes, one to read."""
    for _ in range(rounds):
        for exchange in exchanges:
            await exchange.exchange()


def test_two_workers_see_the_totals_of_a_trunk(valkey: ValkeyProcess) -> None:
    """30 calls in partition 0 and 40 in partition 1: the next call sees 71 on either worker."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        call(one, 0, 30)
        call(two, 1, 40)
        first, second = exchange_of(one, client, 0), exchange_of(two, client, 1)

        await exchange_all(first, second)

        assert (first.view.view, second.view.view) == ("shared", "shared")
        assert trunk_attempts(one, 0) == 71
        assert trunk_attempts(two, 1) == 71
        assert (first.invalid, second.invalid) == (0, 0)

    run(work, valkey.url)


def test_a_repeat_changes_nothing(valkey: ValkeyProcess) -> None:
    """Shares are absolute: exchanging twenty times adds nothing, and an unchanged share is not written again."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        call(one, 0, 30)
        call(two, 1, 40)
        first, second = exchange_of(one, client, 0), exchange_of(two, client, 1)

        await exchange_all(first, second)
        versions = [await client.get(trunk_version_key(partition)) for partition in (0, 1)]
        await exchange_all(first, second, rounds=20)

        assert trunk_attempts(one, 0) == 71
        assert [await client.get(trunk_version_key(partition)) for partition in (0, 1)] == versions

    run(work, valkey.url)


def test_partitions_of_one_worker_are_merged_with_and_without_redis(valkey: ValkeyProcess) -> None:
    """A worker that owns partitions 0 and 1 needs nobody to know both."""
    valkey.kill()

    async def work(client: Redis) -> None:
        engine = WindowEngine(SETTINGS)
        call(engine, 0, 10)
        call(engine, 1, 20)
        exchange = exchange_of(engine, client, 0, 1)

        await exchange_all(exchange)

        assert exchange.view.view == "local"
        assert trunk_attempts(engine, 0) == 31

    run(work, valkey.url)


def test_a_partition_that_moves_is_counted_once(valkey: ValkeyProcess) -> None:
    """Partition 1 goes from one worker to another that counted it too: its calls are neither lost nor doubled."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        owned: list[Collection[int]] = [(0,), (1, 2)]
        first = TrunkExchange(one, client, Guard(), lambda: owned[0])
        second = TrunkExchange(two, client, Guard(), lambda: owned[1])
        call(one, 0, 10)
        call(two, 1, 20)
        call(two, 2, 40)
        await exchange_all(first, second)

        owned[:] = [(0, 1), (2,)]
        two.forget_partition(1)
        call(one, 1, 20)
        await exchange_all(first, second)

        assert trunk_attempts(one, 0) == 71
        assert trunk_attempts(two, 2) == 71

    run(work, valkey.url)


def test_redis_killed_and_restarted_means_local_then_shared_again(valkey: ValkeyProcess) -> None:
    """Nobody stops: views turn local and back by themselves, totals come back into an empty Redis, two lines each."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        call(one, 0, 30)
        other_client = connect(load_settings(redis_url=valkey.url))
        first, second = exchange_of(one, client, 0), exchange_of(two, other_client, 1)
        tasks = [asyncio.create_task(first.run()), asyncio.create_task(second.run())]
        await until(lambda: first.view.view == second.view.view == "shared")

        with capture_logs() as lines:
            valkey.kill()
            await until(lambda: first.view.view == second.view.view == "local")
            call(two, 1, 40)
            await asyncio.sleep(1.0)
            valkey.start()
            await until(lambda: first.view.view == second.view.view == "shared")

        trips = second.round_trips
        await until(lambda: second.round_trips > trips + 3 and first.round_trips > trips + 3)
        assert trunk_attempts(one, 0) == 71
        assert trunk_attempts(two, 1) in {71, 72}  # the call above may have come through already
        events = [line["event"] for line in lines]
        assert events.count("redis unreachable, going on with own counts") == 2
        assert events.count("redis reachable again") == 2
        for task in tasks:
            assert not task.done()
            task.cancel()
        await other_client.aclose()

    run(work, valkey.url)


def test_an_emptied_redis_is_filled_again(valkey: ValkeyProcess) -> None:
    """FLUSHALL under running workers: their shares are back after the next change, totals are right."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        for trunk in ("east-1", TRUNK):
            call(one, 0, 30, trunk=trunk)
        first = exchange_of(one, client, 0)
        await exchange_all(first)

        await client.flushall()
        call(one, 0, 1, trunk="east-1")
        await exchange_all(first)
        second = exchange_of(two, client, 1)
        call(two, 1, 40)
        await exchange_all(second, first)

        assert trunk_attempts(two, 1) == 71

    run(work, valkey.url)


@pytest.mark.parametrize("value", [b"", b"junk", b"\x00" * 3_000, b"x" * 300_000])
def test_corrupt_shares_are_ignored_and_counted(valkey: ValkeyProcess, value: bytes) -> None:
    """Junk beside a good share: the good one counts, the junk is counted as invalid once."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        call(one, 0, 30)
        call(two, 1, 40)
        await client.hset(trunk_key(1), "bad", value)
        await client.zadd(trunk_journal_key(1), {"bad": 1})
        await client.set(trunk_version_key(1), 1)
        first, second = exchange_of(one, client, 0), exchange_of(two, client, 1)

        await exchange_all(second, first, rounds=5)

        assert trunk_attempts(one, 0) == 71
        assert first.invalid == 1

    run(work, valkey.url)


def test_the_view_is_local_while_a_worker_of_another_version_counts(
    valkey: ValkeyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rolling upgrade: what the old worker counts of partition 1 is not added up, until a new one has it."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        call(one, 0, 30)
        call(two, 1, 40)
        first, second = exchange_of(one, client, 0), exchange_of(two, client, 1)

        with monkeypatch.context() as patch, capture_logs() as lines:
            patch.setattr("detector.windows.trunks._MAGIC", b"RTS1")
            await second.exchange()
            patch.undo()
            await exchange_all(first)

            assert first.view.view == "local"
            assert trunk_attempts(one, 0) == 31
            assert first.invalid > 0

            upgraded = exchange_of(two, client, 1)
            call(two, 1, 1)
            await exchange_all(upgraded, first)

        assert (first.view.view, upgraded.view.view) == ("shared", "shared")
        assert trunk_attempts(one, 0) == 73
        assert [line.get("partitions") for line in lines] == [[1], None]

    run(work, valkey.url)


def test_a_share_of_another_trunk_is_ignored(valkey: ValkeyProcess) -> None:
    """A valid share under a foreign name does not count for that name."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        call(one, 0, 30)
        call(two, 1, 40, trunk="west-2")
        await exchange_all(exchange_of(two, client, 1), rounds=1)
        share = await client.hget(trunk_key(1), "west-2")
        await client.hset(trunk_key(1), TRUNK, share)
        await client.zadd(trunk_journal_key(1), {TRUNK: 2})
        await client.set(trunk_version_key(1), 2)
        first = exchange_of(one, client, 0)

        await exchange_all(first)

        assert first.invalid == 1
        assert trunk_attempts(one, 0) == 31

    run(work, valkey.url)


def test_keys_of_a_wrong_type_do_not_stop_the_exchange(valkey: ValkeyProcess) -> None:
    """Somebody's string where a partition's hash should be: the other partitions still come through."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        call(one, 0, 30)
        call(two, 1, 40)
        await client.set(trunk_journal_key(5), "mine")
        await client.sadd("robocall:trunk-partitions", "5", "nonsense")
        first, second = exchange_of(one, client, 0), exchange_of(two, client, 1)

        await exchange_all(first, second)

        assert first.view.view == "shared"
        assert trunk_attempts(one, 0) == 71
        assert first.invalid > 0

    run(work, valkey.url)


def test_the_number_of_trunks_of_a_partition_is_bounded(valkey: ValkeyProcess) -> None:
    """With room for three trunks, a flood of ten leaves the three written last in Redis."""

    async def work(client: Redis) -> None:
        engine = WindowEngine(replace(SETTINGS, max_trunks=3))
        exchange = exchange_of(engine, client, 0)
        for n in range(10):
            call(engine, 0, 1, trunk=f"flood-{n}")
            await exchange_all(exchange, rounds=1)

        assert await client.hlen(trunk_key(0)) == 3
        assert await client.zcard(trunk_journal_key(0)) == 3

    run(work, valkey.url)


def test_a_slow_redis_does_not_hold_the_event_loop(valkey: ValkeyProcess) -> None:
    """Every answer 300 ms late: the loop goes on turning for others meanwhile, and totals arrive."""

    async def work(client: Redis) -> None:
        async with slow_proxy(valkey.port, delay_s=0.3) as slow_url:
            one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
            for n in range(40):
                call(two, 1, 40, trunk=f"trunk-{n}")
            call(one, 0, 30)
            call(two, 1, 40)
            slow = connect(load_settings(redis_url=slow_url))
            first, second = exchange_of(one, slow, 0), exchange_of(two, client, 1)
            await exchange_all(second)
            task = asyncio.create_task(first.run())
            turns = 0
            while first.round_trips < 4:
                await asyncio.sleep(0)
                turns += 1
            task.cancel()
            await slow.aclose()

            assert trunk_attempts(one, 0) == 71
            # Held by each wait, the loop would turn a few times for each of the four answers.
            assert turns > 200

    run(work, valkey.url)


def test_a_silent_redis_is_given_up_within_its_timeout(valkey: ValkeyProcess) -> None:
    """A server that accepts and never answers counts as away, and is not asked again at once."""

    async def unasked() -> str:
        pytest.fail("it was asked again at once")

    async def work(client: Redis) -> None:
        del client
        async with slow_proxy(valkey.port, delay_s=HANG_S) as silent_url:
            silent = connect(load_settings(redis_url=silent_url))
            guard = Guard()
            answer = await guard.attempt(silent.ping)
            refused = await guard.attempt(unasked)
            await silent.aclose()

            assert answer is None
            assert refused is None

    run(work, valkey.url)


def test_lookup_shows_the_totals_of_a_trunk(valkey: ValkeyProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """30 calls in one partition and 40 in another are 70 attempts for who looks the trunk group up."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", valkey.url)

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(SETTINGS)
        call(one, 0, 30)
        call(two, 1, 40)
        await exchange_all(exchange_of(one, client, 0), exchange_of(two, client, 1))

    run(work, valkey.url)
    as_json = typed("lookup", TRUNK, "--json")
    text = typed("lookup", f"trunk:{TRUNK}")

    found = json.loads(as_json.stdout)
    assert (found["kind"], found["subject"], found["partitions"]) == ("trunk", TRUNK, 2)
    assert found["latest_ms"] == START_MS + 39
    assert {name: counts["attempts"] for name, counts in found["windows"].items()} == dict.fromkeys(
        ("10s", "1m", "5m", "1h", "24h"), 70
    )
    assert "windows at the latest call, 2025-11-24T16:00:00.039Z:" in text.stdout
