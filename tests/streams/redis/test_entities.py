"""Standing decisions that come back with a partition are looked at again, and only those. On a real Valkey."""

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from redis.asyncio import Redis

from detector.contract.decisions import Action
from detector.policy.held import Held
from detector.policy.lists import Lists
from detector.policy.standing import MAX_TRUNKS, PolicyMemory, StandingDecision, StandingDecisions
from streams.redis.bounded import Skipped
from streams.redis.connection import ENTITIES_CHANGED, ENTITIES_VERSION, Guard, entity_key
from streams.redis.decisions import DecisionIndex
from streams.redis.entities import PER_TRIP, EntityFollower
from streams.redis.lists import ListFollower
from streams.redis.releasing import release
from streams.screening.repeats import Remembered
from streams.state.policy_memory import decode, encode
from tests.streams.redis.test_lists import ENTITY, flush, standing_record
from tests.valkey_process import ValkeyProcess, run

NOW_MS = time.time_ns() // 1_000_000
FAR_MS = NOW_MS + 86_400_000  # far beyond the longest run of all tests


def of_model(name: str) -> StandingDecision:
    return StandingDecision(f"number:{name}", Action.BLOCK, "spam", 1_000, FAR_MS, "model")


async def journal(client: Redis) -> int:
    return int(await client.get(ENTITIES_VERSION) or 0)


def test_a_take_over_looks_at_what_came_back_and_at_nothing_else(valkey: ValkeyProcess) -> None:
    """1,000 decisions in Redis and a partition that brings three: three are asked for, and the released one goes.

    One that Redis never heard of was reached while Redis was away: it stays.
    """

    async def work(client: Redis) -> None:
        writer, standing = DecisionIndex(client, Guard()), StandingDecisions()
        for n in range(1_000):
            writer.offer_entity(*standing_record(Action.BLOCK, 1_000, entity=f"number:+1202{n:07d}"))
        for name in ("+13125550101", "+13125550102"):
            writer.offer_entity(*standing_record(Action.BLOCK, 1_000, entity=f"number:{name}"))
        await flush(writer)
        writer.offer_entity("number:+13125550102", None, 0)
        await flush(writer)
        follower = EntityFollower(client, Guard(), standing, Skipped())
        await follower.follow(await journal(client))
        assert follower.looked_at == 1_002

        back = tuple(of_model(f"+1312555010{n}") for n in (1, 2, 3))
        standing.restore(PolicyMemory({}, back))
        await follower.look_at_restored()
        await follower.look_at_restored()

        assert follower.looked_at == 1_002 + 3
        held = [one.entity for one in back if standing.active(one.entity, NOW_MS)]
        assert held == ["number:+13125550101", "number:+13125550103"]

    run(work, valkey.url)


def test_a_take_over_does_not_wait_for_a_journal_that_is_being_read(valkey: ValkeyProcess) -> None:
    """A page of it is the most: with 1,000,000 decisions each partition waited for 2 s, and then looked at nothing."""

    async def work(client: Redis) -> None:
        writer, standing = DecisionIndex(client, Guard()), StandingDecisions()
        for n in range(20 * PER_TRIP):
            writer.offer_entity(*standing_record(Action.BLOCK, 1_000, entity=f"number:+1202{n:07d}"))
        await flush(writer)
        writer.offer_entity("number:+12020000001", None, 0)
        await flush(writer)
        screener = SimpleNamespace(lists=Lists(), standing=standing)
        follower = ListFollower(client, Guard(), screener)  # type: ignore[arg-type]
        reading = asyncio.create_task(follower.poll())
        while not follower.entities.looked_at:  # noqa: ASYNC110 - the very next thing that happens
            await asyncio.sleep(0)
        standing.restore(PolicyMemory({}, (of_model("+12020000001"),)))

        await follower.look_at_restored()

        assert not reading.done()
        assert standing.active("number:+12020000001", NOW_MS) is None
        await reading
        assert follower.entities.looked_at == 20 * PER_TRIP + 1

    run(work, valkey.url)


def test_what_could_not_be_looked_at_is_looked_at_when_redis_is_back(valkey: ValkeyProcess) -> None:
    """More than a round trip takes come back while Redis is away; nothing of it is forgotten."""

    async def work(client: Redis) -> None:
        standing = StandingDecisions()
        now_s = 0.0
        follower = EntityFollower(client, Guard(lambda: now_s), standing, Skipped())
        back = tuple(of_model(f"+1202{n:07d}") for n in range(PER_TRIP + 1))
        standing.restore(PolicyMemory({}, back))
        valkey.kill()
        await follower.look_at_restored()
        assert len(standing) == len(back)

        valkey.start()
        await client.zadd(ENTITIES_CHANGED, {one.entity: n for n, one in enumerate(back, 1)})  # all were released
        now_s = 60.0
        await follower.look_at_restored()
        assert len(standing) == 0

    run(work, valkey.url)


def test_a_value_that_is_no_decision_releases_nobody(valkey: ValkeyProcess) -> None:
    """Too long, of another type, or from far ahead: what is known stays, and it is counted."""

    async def work(client: Redis) -> None:
        standing, skipped = StandingDecisions(), Skipped()
        follower = EntityFollower(client, Guard(), standing, skipped)
        names = ("number:+13125550101", "number:+13125550102", "number:+13125550103")
        for name in names:
            standing.set(of_model(name.removeprefix("number:")))
        await client.zadd(ENTITIES_CHANGED, {name: n for n, name in enumerate(names, 1)})
        await client.set(entity_key(names[0]), b"x" * 100_000)
        await client.rpush(entity_key(names[1]), "x")
        await client.set(entity_key(names[2]), standing_record(Action.LABEL, FAR_MS + 90_000_000, entity=names[2])[1])
        await follower.follow(3)

        assert [one.action for one in standing] == [Action.BLOCK] * 3
        assert skipped["standing"] == 3

    run(work, valkey.url)


LONGEST: dict[str, Any] = {
    "entity": f"trunk:{'t' * 256}",
    "category": "c" * 256,
    "source": "s" * 256,
    "decision_id": "d" * 256,
    "trunk_group_ids": ["é" * 256] * MAX_TRUNKS,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "c" * 257},
        {"source": "s" * 20_000},
        {"decision_id": "d" * 257},
        {"trunk_group_ids": ["t" * 257]},
        {"trunk_group_ids": ["t"] * (MAX_TRUNKS + 1)},
        {"entity": f"number:+1{'5' * 262}"},
    ],
)
def test_a_standing_decision_with_long_texts_is_skipped(valkey: ValkeyProcess, changes: dict[str, Any]) -> None:
    """It was held, said in every call's reasons, and no snapshot of its partition could be read any more."""

    async def work(client: Redis) -> None:
        standing, skipped = StandingDecisions(), Skipped()
        for at, record in enumerate((LONGEST, LONGEST | {"entity": ENTITY} | changes), 1):
            whole = json.loads(standing_record(Action.BLOCK, NOW_MS)[1]) | record
            await client.set(entity_key(whole["entity"]), json.dumps(whole))
            await client.zadd(ENTITIES_CHANGED, {whole["entity"]: at})
        await EntityFollower(client, Guard(), standing, skipped).follow(2)

        assert [one.entity for one in standing] == [LONGEST["entity"]]
        assert skipped["standing"] == 1
        memory = PolicyMemory({}, tuple(standing))
        assert decode(encode(memory, Remembered.nothing()))[0] == memory

    run(work, valkey.url)


def test_a_release_reaches_workers_and_no_block_of_theirs_takes_it_away(valkey: ValkeyProcess) -> None:
    """A worker that had not heard of it tells Redis of its block afterwards: the release stays, there and here.

    Its block may be of a later instant: the clock of a switch may be ahead.
    """

    async def work(client: Redis) -> None:
        entity, block, far_ms = standing_record(Action.BLOCK, NOW_MS + 60_000)
        writer, standing = DecisionIndex(client, Guard()), StandingDecisions()
        writer.offer_entity(entity, block, far_ms)
        await flush(writer)
        follower = EntityFollower(client, Guard(), standing, Skipped())
        await follower.follow(await journal(client))
        standing.held.put(entity.removeprefix("number:"), Held(Action.BLOCK, far_ms, (NOW_MS,)))

        done = await release(client, entity, by="M. Lee", grace_s=600)
        writer.offer_entity(*standing_record(Action.BLOCK, NOW_MS + 61_000))
        await flush(writer)
        await follower.follow(await journal(client))

        (found,) = standing
        assert (found.is_release, found.source, found.expires_ms) == (True, "M. Lee", done.until_ms)
        assert (done.stood, done.unlisted, len(standing.held)) == (True, False, 0)
        assert 590_000 < await client.pttl(entity_key(entity)) <= 600_000

    run(work, valkey.url)
