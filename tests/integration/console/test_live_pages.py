"""The console on a real Kafka and Valkey: decisions appear, also after the broker was killed and came back."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.kafka import topics
from streams.redis.connection import Guard, connect
from streams.redis.decisions import DecisionIndex
from streams.settings import Settings, load_settings
from tests.broker_process import broker_process
from tests.conftest import FreshTopics
from tests.integration.console.console_stack import Stack, publish
from tests.streams.console.console_case import CALLER, Browser, decided
from tests.valkey_process import ValkeyProcess

pytestmark = pytest.mark.kafka


@asynccontextmanager
async def browsing(settings: Settings, folder: Path) -> AsyncIterator[Browser]:
    """A console, and an admin that is signed in."""
    async with (
        Stack(settings, folder).running() as pages,
        httpx.AsyncClient(base_url=pages, follow_redirects=True) as client,
    ):
        browser = Browser(client)
        await browser.sign_in("admin")
        yield browser


async def shows(browser: Browser, path: str, words: str) -> None:
    """Wait until a part of a page has these words, as a browser does that asks every two seconds."""
    found = ""

    async def look() -> str:
        return (await browser.client.get(path)).text

    async with asyncio.timeout(120):
        while words not in found:
            await asyncio.sleep(0.1)
            found = await look()


def test_a_blocked_call_appears_and_leads_to_what_redis_knows(
    kafka_bootstrap: str, valkey: ValkeyProcess, fresh_topics: FreshTopics, tmp_path: Path
) -> None:
    """Published as a worker does, and indexed as a worker does, in a store that no other test reads."""
    fresh_topics(4)
    settings = load_settings(kafka_bootstrap_servers=kafka_bootstrap, redis_url=valkey.url)
    identifier, value = f"{77:032x}", decided(77, "block", trunk_group_id=f"tg-{time.time_ns()}")

    async def run() -> list[str]:
        redis: Any = connect(settings)
        index = DecisionIndex(redis, Guard())
        index.offer(identifier, CALLER, value)
        await index.flush()
        await redis.aclose()
        async with browsing(settings, tmp_path) as browser:
            await shows(browser, "/now/figures", "Kafka is read.")
            await asyncio.to_thread(publish, kafka_bootstrap, b"junk", decided(1), value)
            await shows(browser, "/now/suspects", "+1202555••••")
            page = await browser.send("/search", q=identifier)
            redis_part = await browser.client.get(f"{page.url.path}/redis")
            return [page.text, redis_part.text, (await browser.client.get("/now/figures")).text]

    page, redis_part, figures = asyncio.run(run())

    assert identifier in page
    assert "603 Network Blocked" in page
    assert "The same as above." in redis_part
    assert "1 records of call-decisions could not be read" in figures


@pytest.mark.slow
def test_it_waits_for_kafka_and_goes_on_after_the_broker_was_killed(tmp_path: Path) -> None:
    """By itself: nobody starts the console again, and whoever is signed in stays so."""
    with broker_process(tmp_path / "kafka") as broker:
        with topics.admin_client(load_settings(kafka_bootstrap_servers=broker.bootstrap)) as admin:
            topics.create(admin, partitions=2)
        settings = load_settings(kafka_bootstrap_servers=broker.bootstrap, redis_url="redis://127.0.0.1:1/0")
        broker.kill()

        async def run() -> None:
            async with browsing(settings, tmp_path) as browser:
                await shows(browser, "/now/figures", "Kafka is away")
                for number in (1, 2):
                    broker.start()
                    await shows(browser, "/now/figures", "Kafka is read.")
                    await asyncio.to_thread(
                        publish, broker.bootstrap, decided(number, "block", decision_id=32 * str(number))
                    )
                    await shows(browser, "/now/suspects", 8 * str(number))
                    broker.kill()
                    await shows(browser, "/now/figures", "Kafka is away")

        asyncio.run(run())
