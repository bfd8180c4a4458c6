"""Workers that hash with different seeds, against a real Valkey: their counts cannot be added up, and they say so."""

from dataclasses import replace

from redis.asyncio import Redis
from structlog.testing import capture_logs

from detector.windows.engine import WindowEngine
from tests.streams.redis.test_trunk_exchange import (
    SEED,
    SETTINGS,
    call,
    exchange_all,
    exchange_of,
    trunk_attempts,
)
from tests.valkey_process import ValkeyProcess, run


def test_what_was_counted_under_another_seed_is_not_added_up(valkey: ValkeyProcess) -> None:
    """Its registers stand for other items: totals would be wrong. Each worker says that it sees its own share alone."""

    async def work(client: Redis) -> None:
        one, two = WindowEngine(SETTINGS), WindowEngine(replace(SETTINGS, seed=SEED + 1))
        call(one, 0, 30)
        call(two, 1, 40)
        first, second = exchange_of(one, client, 0), exchange_of(two, client, 1)

        with capture_logs() as logs:
            await exchange_all(first, second)

        assert (first.view.view, second.view.view) == ("local", "local")
        assert trunk_attempts(one, 0) == 31
        assert trunk_attempts(two, 1) == 41
        assert sum("another version or seed" in line["event"] for line in logs) == 2

    run(work, valkey.url)
