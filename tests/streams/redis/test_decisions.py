"""Kept decisions on a real Valkey, through outages."""

import asyncio
import json

from redis.asyncio import Redis
from structlog.testing import capture_logs

from streams.redis.connection import Guard, decision_key, number_key
from streams.redis.decisions import DecisionIndex
from tests.valkey_process import ValkeyProcess, run
from tests.waiting import until

CALLING = "+12025550123"


def test_decisions_wait_for_redis_and_the_oldest_go_first(valkey: ValkeyProcess) -> None:
    """Without Redis the queue keeps the latest of its capacity, counted; with it they are written, nothing twice."""

    async def work(client: Redis) -> None:
        valkey.kill()
        writer = DecisionIndex(client, Guard(), capacity=50)
        with capture_logs() as lines:
            task = asyncio.create_task(writer.run())
            await asyncio.sleep(0)
            for n in range(120):
                writer.offer(f"{n:032x}", f"+1202555{n:04d}", json.dumps({"n": n}).encode())
            assert (writer.dropped, writer.waiting) == (70, 50)
            await until(lambda: lines)
        assert [line["event"] for line in lines] == ["redis unreachable, going on with own counts"]

        valkey.start()
        await until(lambda: writer.waiting == 0)
        task.cancel()

        assert writer.written == 50
        assert await client.exists(*(decision_key(f"{n:032x}") for n in range(120))) == 50
        assert await client.get(decision_key(f"{119:032x}")) == b'{"n": 119}'
        assert 600_000 < await client.ttl(decision_key(f"{119:032x}")) <= 604_800

    run(work, valkey.url)


def test_a_key_that_somebody_else_uses_does_not_stop_the_queue(valkey: ValkeyProcess) -> None:
    """A string where the number's list should be: that one write is refused and counted, the next goes through."""

    async def work(client: Redis) -> None:
        await client.set(number_key(CALLING), "mine")
        writer = DecisionIndex(client, Guard())
        writer.offer("a" * 32, CALLING, b"{}")
        writer.offer("b" * 32, "\ud800", b"{}")
        while await writer.flush():
            pass

        assert (writer.refused, writer.written, writer.waiting) == (1, 1, 0)

    run(work, valkey.url)
