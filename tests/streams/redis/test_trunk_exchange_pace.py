"""How often trunk totals are exchanged, against a real Valkey."""

import asyncio
import time

from redis.asyncio import Redis

from detector.windows.engine import WindowEngine
from streams.redis.connection import Guard
from streams.redis.trunk_exchange import ExchangeLimits, TrunkExchange
from tests.streams.redis.test_trunk_exchange import SETTINGS, call
from tests.valkey_process import ValkeyProcess, run
from tests.waiting import until

TRIPS = 4


def test_exchanges_that_cost_much_are_further_apart_but_never_further_than_the_latest(valkey: ValkeyProcess) -> None:
    """A trunk group that changed twice between two exchanges is packed and added up once."""
    apart_s = 0.3
    limits = ExchangeLimits(easy_ratio=1e-9, latest_s=apart_s, busy_ratio=1.0)

    async def work(client: Redis) -> None:
        engine = WindowEngine(SETTINGS)
        call(engine, 0, 30)
        exchange = TrunkExchange(engine, client, Guard(), lambda: [0], interval_s=0.0, limits=limits)
        await exchange.exchange()  # whatever is compiled first
        since_s, trips = time.monotonic(), exchange.round_trips
        task = asyncio.create_task(exchange.run())
        await until(lambda: exchange.round_trips >= trips + TRIPS)
        assert time.monotonic() - since_s >= (TRIPS - 1) * apart_s
        task.cancel()

    run(work, valkey.url)
