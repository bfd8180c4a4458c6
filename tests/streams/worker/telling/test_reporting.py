"""A worker tells how it does, which model it runs and which it refused, on a real Valkey."""

import asyncio
from pathlib import Path

from msgspec.structs import replace
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from structlog.testing import capture_logs

from streams.redis.connection import WORKERS, Guard
from streams.redis.worker_reports import WorkerReport, told
from streams.screening.build import make_screener
from streams.settings import load_settings
from streams.worker.model_switch import ModelSwitch
from streams.worker.telling.reporting import Reporting
from tests.models.small_model import save_small_model
from tests.valkey_process import ValkeyProcess, run
from tests.waiting import until

STATE = WorkerReport("w-1", "gbt-1", 1)


def as_it_is(said: WorkerReport) -> WorkerReport:
    return said


def test_a_switch_and_a_refusal_are_told(valkey: ValkeyProcess, tmp_path: Path) -> None:
    """With the reason in one line; a refusal is forgotten once the model is in place."""
    save_small_model(tmp_path / "first", seed=1)
    settings = load_settings(model_dir=tmp_path / "first")

    async def work(client: Redis) -> None:
        switch = ModelSwitch(make_screener(settings, shared_trunks=False), tmp_path)
        first = switch.watched.version
        report = Reporting(client, Guard(), lambda: switch.told("w-1", 7), as_it_is)

        async def said() -> WorkerReport:
            await switch.settled()
            await report.look()
            (state,) = await told(client)
            return state

        before = await said()
        assert (before.worker, before.model, before.told, before.refused) == ("w-1", first, 7, ())
        switch("second")
        switch.shadow("first")
        refused = await said()
        assert (refused.model, refused.since_ms, refused.loading) == (first, before.since_ms, None)
        assert refused.shadow == first
        (refusal,) = refused.refused
        assert (refusal.role, refusal.model) == ("active", "second")
        assert "second" in refusal.why
        assert refusal.at_ms >= before.since_ms

        save_small_model(tmp_path / "second", seed=2)
        switch("second")
        after = await said()
        assert after.model not in {first, "second"}
        assert after.since_ms >= refusal.at_ms
        assert after.refused == ()

    run(work, valkey.url)


def test_what_stays_is_told_again_now_and_then(valkey: ValkeyProcess) -> None:
    """Not at each look, so that an emptied Redis knows it a little later."""

    async def work(client: Redis) -> None:
        for repeat_s, known in ((3_600.0, []), (0.0, [STATE])):
            report = Reporting(client, Guard(), lambda: STATE, as_it_is, repeat_s=repeat_s)
            await report.look()
            await client.flushdb()
            await report.look()
            assert await told(client) == known

    run(work, valkey.url)


def test_alarms_are_told_with_the_rest_and_end_there_too(valkey: ValkeyProcess) -> None:
    """They are asked each time that it tells again, and not at each look."""

    async def work(client: Redis) -> None:
        raised = ["features", "shadow"]

        def alarmed(said: WorkerReport) -> WorkerReport:
            return replace(said, alarms=tuple(raised))

        report = Reporting(client, Guard(), lambda: STATE, alarmed, repeat_s=0.0)
        await report.look()
        assert [one.alarms for one in await told(client)] == [("features", "shadow")]
        raised.clear()
        await report.look()
        assert await told(client) == [STATE]

        seldom = Reporting(client, Guard(), lambda: STATE, alarmed, repeat_s=3_600.0)
        await seldom.look()
        raised.append("scores")
        await seldom.look()
        assert await told(client) == [STATE]

    run(work, valkey.url)


def test_without_redis_it_is_told_later(valkey: ValkeyProcess) -> None:
    """Nothing raises meanwhile."""

    async def work(client: Redis) -> None:
        report = Reporting(client, Guard(), lambda: STATE, as_it_is)
        valkey.kill()
        await report.look()
        valkey.start()
        task = asyncio.create_task(report.run())
        with BlockingRedis.from_url(valkey.url) as other:
            await until(lambda: other.smembers(WORKERS) == {b"w-1"})
        task.cancel()

    run(work, valkey.url)


def test_a_redis_that_does_not_take_it_is_said_once(valkey: ValkeyProcess) -> None:
    """Rights of an earlier access list: nobody else who uses Redis suffers."""

    async def work(client: Redis) -> None:
        await client.acl_setuser("default", enabled=True, nopass=True, commands=["-sadd"])
        guard = Guard()
        report = Reporting(client, guard, lambda: STATE, as_it_is, repeat_s=0.0)
        with capture_logs() as lines:
            for _ in range(3):
                await report.look()
            assert await guard.attempt(client.ping)

        assert [line["log_level"] for line in lines] == ["warning"]
        assert "renew its access list" in lines[0]["event"]

    run(work, valkey.url)
