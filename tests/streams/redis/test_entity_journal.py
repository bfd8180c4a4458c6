"""Names in the journal go once nobody needs them. On a real Valkey."""

import time

import pytest
from redis.asyncio import Redis

from detector.contract.decisions import Action
from detector.policy.standing import StandingDecisions
from streams.redis import entities
from streams.redis.bounded import Skipped
from streams.redis.connection import ENTITIES_CHANGED, ENTITIES_VERSION, Guard, entity_key
from streams.redis.entities import EntityFollower
from streams.redis.entity_journal import FORGOTTEN_AT_ONCE, KEPT_S, forget, write_entity
from tests.streams.redis.test_lists import ENTITY, standing_record
from tests.valkey_process import ValkeyProcess, run

OTHER = "number:+13125550101"


def test_old_names_without_a_decision_go_and_others_stay(
    valkey: ValkeyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their phone numbers stayed until a million others had come. More than a page takes a second turn."""
    monkeypatch.setattr(entities, "FORGET_EVERY_S", 0.0)

    async def work(client: Redis) -> None:
        young = time.time_ns() // 1_000 - (KEPT_S - 60) * 1_000_000
        old = young - 120 * 1_000_000
        gone = {f"number:+1202{n:07d}": old - n for n in range(FORGOTTEN_AT_ONCE + 1)}
        await client.zadd(ENTITIES_CHANGED, gone | {"number:+12025550000": 5, ENTITY: old, OTHER: young})
        await client.set(entity_key(ENTITY), b"stands")
        follower = EntityFollower(client, Guard(), StandingDecisions(), Skipped())

        await follower.forget_old()
        assert await client.zcard(ENTITIES_CHANGED) == 2 + 2
        await follower.forget_old()
        await follower.forget_old()

        assert await client.zrange(ENTITIES_CHANGED, 0, -1) == [ENTITY.encode(), OTHER.encode()]

    run(work, valkey.url)


def test_names_are_looked_at_once_a_minute(valkey: ValkeyProcess) -> None:
    async def work(client: Redis) -> None:
        follower = EntityFollower(client, Guard(), StandingDecisions(), Skipped())
        await follower.forget_old()
        await client.zadd(ENTITIES_CHANGED, {OTHER: 1})
        await follower.forget_old()
        assert await client.zcard(ENTITIES_CHANGED) == 1

    run(work, valkey.url)


@pytest.mark.parametrize("before", [None, b"41", str(1 << 52).encode()])
def test_the_count_of_a_change_is_its_time_and_always_grows(valkey: ValkeyProcess, before: bytes | None) -> None:
    """From none, from the count of an earlier version, and from one that a clock ahead has left."""

    async def work(client: Redis) -> None:
        if before is not None:
            await client.set(ENTITIES_VERSION, before)
        began = time.time_ns() // 1_000
        record, expires_ms = standing_record(Action.BLOCK, 1_000, entity=OTHER)[1:]
        counts = []
        for payload in (record, b""):
            await write_entity(client, OTHER, payload, expires_ms)
            counts.append(int(await client.get(ENTITIES_VERSION) or 0))
            assert await client.zscore(ENTITIES_CHANGED, OTHER) == counts[-1]

        assert max(began, int(before or 0)) < counts[0] + 1 <= counts[1]
        assert counts[1] <= max(time.time_ns() // 1_000, int(before or 0) + 2)

    run(work, valkey.url)


def test_a_name_at_which_something_stands_is_not_forgotten(valkey: ValkeyProcess) -> None:
    """A call may have brought about a new decision meanwhile: workers still have to hear of it."""

    async def work(client: Redis) -> None:
        record, expires_ms = standing_record(Action.BLOCK, 1_000)[1:]
        await write_entity(client, ENTITY, record, expires_ms)
        assert not await forget(client, ENTITY)
        await write_entity(client, ENTITY, b"")
        assert await forget(client, ENTITY)
        assert not await forget(client, ENTITY)

    run(work, valkey.url)
