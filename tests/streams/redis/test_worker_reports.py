"""What workers say of their models, on a real Valkey: read as it was written, and forgotten with its worker."""

import asyncio

import pytest
from redis.asyncio import Redis

from detector.policy.lists import Lists
from detector.policy.screening import Screener
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecisions
from detector.windows.engine import WindowEngine
from streams.redis import worker_reports
from streams.redis.connection import ACTIVE_MODEL, MODELS_TOLD, WORKERS, Guard, worker_key
from streams.redis.lists import ListFollower
from streams.redis.worker_reports import Refusal, WorkerReport, announce, tell, told
from tests.streams.redis.test_lists import SMALL, Even
from tests.valkey_process import ValkeyProcess, run
from tests.waiting import HANG_S, LOOK_ON_LOOP_EVERY_S

FIRST = WorkerReport("w-1", "gbt-1", 1_764_000_000_000, told=3, shadow="gbt-3", alarms=("features",))
SECOND = WorkerReport(
    "w-2", "gbt-1", 1_764_000_000_001, refused=(Refusal("active", "gbt-2", "no model gbt-2", 1_764_000_000_002),)
)


def test_what_each_worker_says_is_read_by_name(valkey: ValkeyProcess) -> None:
    """The latest word of each, in order of their names."""

    async def work(client: Redis) -> None:
        assert await told(client) == []
        for state in (SECOND, WorkerReport("w-1", "gbt-0", 1), FIRST):
            assert await tell(client, state)

        assert await told(client) == [FIRST, SECOND]
        assert SECOND.refusal("gbt-2") is not None
        assert SECOND.refusal("gbt-1") is None

    run(work, valkey.url)


def test_a_worker_that_is_silent_is_forgotten(valkey: ValkeyProcess) -> None:
    """Its state expires, and the next word of another takes its name out of the set."""

    async def work(client: Redis) -> None:
        await tell(client, SECOND, ttl_s=1)
        await tell(client, FIRST)

        async with asyncio.timeout(HANG_S):
            while await told(client) != [FIRST]:  # noqa: ASYNC110 - who is forgotten tells nobody
                await asyncio.sleep(LOOK_ON_LOOP_EVERY_S)
        await tell(client, FIRST)
        assert await client.smembers(WORKERS) == {b"w-1"}
        assert 0 < await client.ttl(WORKERS) <= worker_reports.TOLD_TTL_S

    run(work, valkey.url)


def test_there_is_room_for_so_many_workers(valkey: ValkeyProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is told no; those that are there go on."""
    monkeypatch.setattr(worker_reports, "MAX_WORKERS", 2)

    async def work(client: Redis) -> None:
        assert await tell(client, FIRST)
        assert await tell(client, SECOND)
        assert not await tell(client, WorkerReport("w-3", "gbt-1", 1))
        assert await tell(client, FIRST)

        assert await told(client) == [FIRST, SECOND]

    run(work, valkey.url)


def test_what_makes_no_sense_is_no_worker(valkey: ValkeyProcess) -> None:
    """Junk under a name, another's state under it, an instant that is none; a set that is none is replaced."""

    async def work(client: Redis) -> None:
        await client.set(WORKERS, "mine")
        assert await told(client) == []
        assert await tell(client, FIRST)
        await client.sadd(WORKERS, "w-2", "w-3", "w-4", b"\xff")
        await client.set(worker_key("w-2"), b"{")
        await client.set(worker_key("w-3"), b'{"worker":"w-1","model":"gbt-9","since_ms":1}')
        await client.set(worker_key("w-4"), b'{"worker":"w-4","model":"gbt-9","since_ms":-1}')

        assert await told(client) == [FIRST]

    run(work, valkey.url)


def test_each_announcement_has_a_number(valkey: ValkeyProcess) -> None:
    """Also where the name stays; a counter that is none begins anew."""

    async def work(client: Redis) -> None:
        assert [await announce(client, name) for name in ("gbt-1", "gbt-2", "gbt-2")] == [1, 2, 3]
        assert await client.get(ACTIVE_MODEL) == b"gbt-2"
        await client.set(MODELS_TOLD, "junk")
        assert await announce(client, "gbt-2") == 1

    run(work, valkey.url)


def test_a_worker_hears_of_a_model_that_is_announced_again(valkey: ValkeyProcess) -> None:
    """What was wrong with it may have been put right. Between announcements it hears nothing."""

    async def work(client: Redis) -> None:
        heard: list[str] = []
        screener = Screener(WindowEngine(SMALL), Even(), Policy(), Lists(), StandingDecisions())
        follower = ListFollower(client, Guard(), screener, on_model=heard.append)
        for name in ("gbt-1", "gbt-1", "gbt-2"):
            number = await announce(client, name)
            await follower.poll()
            await follower.poll()
            assert follower.told == number

        assert heard == ["gbt-1", "gbt-1", "gbt-2"]
        assert not follower.skipped

    run(work, valkey.url)
