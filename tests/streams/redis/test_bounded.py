"""Whatever bytes stand in our keys: background work goes on, commands answer or say one line. On a real Valkey."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis as blocking
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from detector.contract.decisions import Action
from detector.contract.errors import RobocallError
from detector.policy.lists import Lists
from detector.policy.screening import Screener
from detector.policy.settings import Policy
from detector.policy.standing import PolicyMemory, StandingDecisions
from detector.windows.engine import WindowEngine
from streams.redis import connection as keys
from streams.redis.bounded import MAX_COUNT, Skipped, number, read_value, record, text
from streams.redis.connection import Guard
from streams.redis.decisions import DecisionIndex, latest_decisions
from streams.redis.entities import EntityFollower
from streams.redis.lists import ListFollower
from streams.redis.trunk_exchange import TrunkExchange
from streams.redis.worker_reports import WorkerReport, tell, told
from streams.wire.records import DECISION_DECODER, ENTITY_DECISION_DECODER
from tests.streams.redis.junk import (
    HUGE,
    IDENTIFIER,
    ODD_SCORES,
    ODD_TEXTS,
    OUR_KEYS,
    PARTITION,
    WORKER,
    forged_share,
    odd_record,
    put,
)
from tests.streams.redis.test_lists import CALLING, ENTITY, SMALL, Even, standing_record
from tests.streams.redis.test_trunk_exchange import START_MS, TRUNK, call, exchange_all, exchange_of, trunk_attempts
from tests.typed import typed
from tests.valkey_process import ValkeyProcess, run

STATE = WorkerReport(WORKER, "m-good", 1)
TEXTS = st.binary(max_size=40) | st.sampled_from(ODD_TEXTS)
SCORES = st.floats(allow_nan=False) | st.sampled_from(ODD_SCORES)
VALUES = st.one_of(
    TEXTS,
    st.lists(TEXTS, min_size=1, max_size=4),
    st.sets(TEXTS, min_size=1, max_size=4),
    st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=4),
    st.tuples(st.dictionaries(TEXTS, SCORES, min_size=1, max_size=4)),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    process = ValkeyProcess(tmp_path_factory.mktemp("valkey"))
    process.start()
    yield process
    process.kill()


class Background:
    """The background work of a worker beside a Redis, step by step."""

    def __init__(self, client: Redis) -> None:
        self.told: list[str] = []
        self.screener = Screener(WindowEngine(SMALL), Even(), Policy(), Lists(), StandingDecisions())
        guard = Guard()
        self.follower = ListFollower(client, guard, self.screener, on_model=self.told.append)
        self.exchange = TrunkExchange(self.screener.engine, client, guard, lambda: (0,))
        self.keeper = DecisionIndex(client, guard)
        self.client = client

    async def turn(self) -> None:
        """Each of them once, none of which may raise."""
        held = StandingDecisions()
        await EntityFollower(self.client, Guard(), held, Skipped()).follow(1)
        self.screener.standing.restore(PolicyMemory({}, tuple(held)))
        assert await self.follower.poll()
        await self.exchange.exchange()
        await self.exchange.exchange()
        self.keeper.offer(IDENTIFIER, CALLING, b"{}")
        self.keeper.offer_entity(*standing_record(Action.BLOCK, 2_000))
        while await self.keeper.flush():
            pass
        await latest_decisions(self.client, CALLING)
        assert await tell(self.client, STATE)
        assert STATE in await told(self.client)


@settings(max_examples=60)
@example([(keys.ENTITIES_VERSION, b"9" * 5_000), (keys.TRUNK_PARTITIONS, {b"9" * 5_000})])
@example([(keys.ENTITIES_VERSION, b"5"), (keys.ENTITIES_CHANGED, ({ENTITY.encode(): float("inf")},))])
@example([(keys.ENTITIES_VERSION, b"5"), (keys.ENTITIES_CHANGED, ({ENTITY.encode(): 0.5},))])
@example([(keys.entity_key(ENTITY), odd_record(HUGE))])
@example([(keys.trunk_version_key(PARTITION), b"9"), (keys.trunk_journal_key(PARTITION), ({b"t": float("inf")},))])
@given(st.lists(st.tuples(st.sampled_from(OUR_KEYS), VALUES), min_size=1, max_size=4))
def test_background_work_goes_on_whatever_stands_in_redis(server: ValkeyProcess, junk: list[tuple[str, Any]]) -> None:
    """Nothing raises while it is there; once it is gone, what is good is followed again."""

    async def work(client: Redis) -> None:
        background = Background(client)
        call(background.screener.engine, 0, 3)
        await background.turn()
        blocking_client.delete(*(key for key, _ in junk))
        await client.incr(keys.LISTS_VERSION)
        await client.set(keys.ACTIVE_MODEL, "m-good")
        await client.delete(*map(keys.list_key, keys.LIST_NAMES))
        await client.sadd(keys.list_key("allow"), CALLING)
        await background.turn()

        assert background.screener.lists is not None
        assert background.screener.lists.allow == {CALLING}
        assert background.told[-1] == "m-good"
        assert background.exchange.view.view == "shared"
        assert background.exchange.round_trips == 4

    with blocking.Redis.from_url(server.url) as blocking_client:
        blocking_client.flushdb()
        blocking_client.set(keys.ENTITIES_VERSION, 5)
        blocking_client.zadd(keys.ENTITIES_CHANGED, {ENTITY: 1})
        blocking_client.sadd(keys.TRUNK_PARTITIONS, PARTITION)
        for key, value in junk:
            blocking_client.delete(key)
            put(blocking_client, key, value)
        run(work, server.url)


@settings(max_examples=40)
@example([(keys.entity_key(ENTITY), odd_record(HUGE))], ("lookup", CALLING))
@example([(keys.entity_key(ENTITY), b"[" * 60_000)], ("lookup", CALLING))
@example([(keys.decision_key(IDENTIFIER), b'{"a":' * 12_000)], ("lookup", IDENTIFIER))
@example([(keys.list_key("block"), b"text")], ("lookup", CALLING))
@given(
    st.lists(st.tuples(st.sampled_from(OUR_KEYS), VALUES), min_size=1, max_size=3),
    st.sampled_from(
        [
            ("lookup", CALLING),
            ("lookup", TRUNK),
            ("lookup", IDENTIFIER),
            ("models", "status"),
            ("lists", "show"),
            ("lists", "show", "block"),
            ("lists", "add", "emergency", "911"),
            ("lists", "remove", "emergency", "911"),
            ("lists", "remove", "emergency", "--all"),
        ]
    ),
)
def test_a_command_answers_or_says_one_line_whatever_stands_in_redis(
    server: ValkeyProcess, junk: list[tuple[str, Any]], command: tuple[str, ...]
) -> None:
    """Junk is not there; where the command cannot do without that key, one line says what is the matter."""
    with blocking.Redis.from_url(server.url) as client, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBOCALL_REDIS_URL", server.url)
        client.flushdb()
        client.sadd(keys.TRUNK_PARTITIONS, PARTITION)
        for key, value in junk:
            client.delete(key)
            put(client, key, value)
        for options in ((), ("--json",)):
            done = typed(*command, *options)
            assert isinstance(done.exception, RobocallError | SystemExit | None), done.exception
            if isinstance(done.exception, RobocallError):
                assert "\n" not in str(done.exception)
            elif done.exit_code == 0 and options:
                json.loads(done.stdout)


@settings(max_examples=60)
@example([(b"\xff\xfe", START_MS, None)])
@example([(b"\xed\xa0\x80", START_MS, b"\xff" * 100), (b"", START_MS, None)])
@example([(b"t" * 1_025, 0, b"")])
@given(
    st.lists(
        st.tuples(
            st.binary(max_size=20),
            st.integers(0, (1 << 43) - 1) | st.just(START_MS),
            st.none() | st.binary(max_size=200),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda one: one[0],
    )
)
def test_a_share_with_a_header_as_ours_costs_no_other_share(
    server: ValkeyProcess, forged: list[tuple[bytes, int, bytes | None]]
) -> None:
    """They stand before a good one on a page: the exchange ended, and the good one was not read until it changed.

    Behind the header stands what a good share has there (None), or anything.
    """

    async def work(client: Redis) -> None:
        await client.flushdb()
        one, two = WindowEngine(SMALL), WindowEngine(SMALL)
        call(one, 0, 30)
        call(two, PARTITION, 40)
        await exchange_all(exchange_of(two, client, PARTITION), rounds=1)
        good: Any = await client.hget(keys.trunk_key(PARTITION), TRUNK)
        whole = good[len(forged_share(TRUNK.encode(), 0, b"")) :]
        for at, (name, latest_ms, body) in enumerate(forged, 1):
            share = forged_share(name, latest_ms, whole if body is None else body)
            await client.hset(keys.trunk_key(PARTITION), name, share)
            await client.zadd(keys.trunk_journal_key(PARTITION), {name: at})
        first = exchange_of(one, client, 0)

        await exchange_all(first)

        assert trunk_attempts(one, 0) == 71

    run(work, server.url)


def test_a_text_is_cut_by_the_server(valkey: ValkeyProcess) -> None:
    """64 MB in our key: what comes over is one byte more than allowed, and counts as nothing."""

    async def work(client: Redis) -> None:
        await client.setrange(keys.ACTIVE_MODEL, 64 * 1024 * 1024, b"x")
        before = (await client.info("stats"))["total_net_output_bytes"]
        assert await read_value(client, keys.ACTIVE_MODEL, 100) is None
        assert (await client.info("stats"))["total_net_output_bytes"] - before < 100_000
        assert await read_value(client, keys.SHADOW_MODEL, 100) == b""

    run(work, valkey.url)


@pytest.mark.parametrize("raw", [b"", b"-1", b"1.5", b"inf", b"9" * 5_000, str(MAX_COUNT + 1).encode(), None, 0.5])
def test_what_is_no_number_in_range_is_none(raw: Any) -> None:
    assert number(raw) is None


def test_numbers_and_texts_within_their_bounds_are_taken() -> None:
    """Both bounds belong to them; halves of surrogate pairs come through, as switches send them."""
    assert [number(str(n).encode()) for n in (0, MAX_COUNT)] == [0, MAX_COUNT]
    assert (number(b"9", 9), number(b"10", 9)) == (9, None)
    assert (text(b"abc", 3), text(b"abcd", 3), text(b"", 3), text(b"\xff")) == ("abc", None, None, None)
    assert text("\ud800".encode("utf-8", "surrogatepass")) == "\ud800"


@pytest.mark.parametrize("raw", [None, b"", b"{", b"\xff", b"[" * 60_000, b'{"entity":' * 6_000, b" " * 70_000])
def test_what_is_no_record_is_none(raw: bytes | None) -> None:
    assert record(raw, ENTITY_DECISION_DECODER) is None
    assert record(raw, DECISION_DECODER) is None
