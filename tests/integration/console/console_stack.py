"""A console as its command makes it, on whatever Kafka and Redis the test has; it may be stopped and started again."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from confluent_kafka import Producer

from streams.commands.console.command import console_app
from streams.console.feed import Feed
from streams.console.live import LiveMemory
from streams.console.settings import CONSOLE_PREFIX, load_console_settings
from streams.kafka.topics import CALL_DECISIONS
from streams.settings import Settings
from streams.web.server import HttpServer
from tests.streams.console.console_case import make_users


class Stack:
    """Joins the parts of a console. The second run has the port of the first.

    Args:
        settings: how Kafka and Redis are reached.
        folder: for its users file.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._memory = LiveMemory(1_000, time.time)
        self._users = make_users(folder / "users.json")
        self._port = 0
        self.bootstrap = settings.kafka_bootstrap_servers

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve, and say where."""
        feed = Feed(self._settings, self._memory)
        app = console_app(self._settings, load_console_settings(), self._users, self._memory, feed)
        server = HttpServer(app, prefix=CONSOLE_PREFIX, host="127.0.0.1", port=self._port)
        await server.start()
        self._port = server.port
        await feed.start()
        try:
            yield server.listens
        finally:
            await feed.stop()
            await server.stop()


def publish(bootstrap: str, *values: bytes) -> None:
    """Publish decisions, and wait until the broker has them."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(CALL_DECISIONS, key=b"sbc-1", value=value)
    producer.flush()
