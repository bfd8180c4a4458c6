"""A filled topic for stories of durability."""

import asyncio
from collections.abc import Callable

import pytest

from streams.settings import load_settings
from tests.streams.state.durability_case import PARTITIONS, Play, Story, publish, whole_log


@pytest.fixture
def play(kafka_bootstrap: str, fresh_topics: Callable[..., list[str]]) -> Play:
    """A function that runs a story with a filled topic: `await story(settings, records by partition)`."""

    def run(story: Story) -> None:
        async def with_log() -> None:
            settings = load_settings(
                kafka_bootstrap_servers=kafka_bootstrap,
                partitions=PARTITIONS,
                mode="enforce",
                enforce_unmeasured="a test: nothing is measured",
            )
            await publish(kafka_bootstrap)
            await story(settings, await whole_log(settings))

        fresh_topics(partitions=PARTITIONS)
        asyncio.run(with_log())

    return run
