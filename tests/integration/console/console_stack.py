"""A console as its command makes it, on whatever Kafka and Redis the test has; it may be stopped and started again."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from starlette.types import ASGIApp

from streams.campaigns.follower import CampaignFollower
from streams.commands.console.serving import Live, console_app
from streams.console.desk.campaigns import CampaignMemory
from streams.console.feed import Feed
from streams.console.live import LiveMemory
from streams.console.oidc.client import read_client
from streams.console.settings import CONSOLE_PREFIX, ConsoleSettings
from streams.console.subjects import Links
from streams.kafka.topics import CALL_DECISIONS
from streams.running.services import Background
from streams.settings import Settings
from streams.web.server import HttpServer
from tests.streams.console.console_case import make_users


class Stack:
    """Joins the parts of a console. The second run has the port of the first.

    Args:
        settings: how Kafka and Redis are reached.
        folder: for its users file.
        chosen: settings of the console.

    Attributes:
        app: the application that is served, or was.
    """

    app: ASGIApp

    def __init__(self, settings: Settings, folder: Path, **chosen: Any) -> None:
        self._settings, self._chosen = settings, chosen
        self._memory, self._campaigns = LiveMemory(1_000, time.time), CampaignMemory(time.time)
        self._users = make_users(folder / "users.json")
        self.links = Links(self._users.secret)
        self._port: int = chosen.get("port", 0)
        self.bootstrap = settings.kafka_bootstrap_servers

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve, and say where."""
        feed, follower = Feed(self._settings, self._memory), CampaignFollower(self._settings, self._campaigns.take)
        live = Live(self._memory, feed, self._campaigns, follower)
        following = Background([("campaigns", follower.run)])
        chosen = ConsoleSettings.load(**self._chosen)
        self.app = console_app(self._settings, chosen, self._users, live, read_client(chosen))
        server = HttpServer(self.app, prefix=CONSOLE_PREFIX, host="127.0.0.1", port=self._port)
        await server.start()
        self._port = server.port
        await feed.start()
        await following.start()
        try:
            yield server.listens
        finally:
            await following.stop()
            await feed.stop()
            await server.stop()


def publish(bootstrap: str, *values: bytes, topic: str = CALL_DECISIONS, key: bytes = b"sbc-1") -> None:
    """Publish decisions, or other records, and wait until the broker has them."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(topic, key=key, value=value)
    producer.flush()
