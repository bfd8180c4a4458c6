"""What a topic holds, read beside the code under test."""

import json
import time
from collections import Counter
from typing import Any

from confluent_kafka import Consumer

from tests.waiting import HANG_S


class Reader:
    """Reads a topic from its beginning, keeping what it saw.

    Args:
        bootstrap: the brokers.
        topic: its name.
        options: of the consumer, over its own: a login, a group.
    """

    def __init__(self, bootstrap: str, topic: str, **options: str) -> None:
        self.raw: list[tuple[bytes | None, bytes | None]] = []
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"reader-{time.time_ns()}",
                "auto.offset.reset": "earliest",
                **options,
            }
        )
        self._consumer.subscribe([topic])

    def more(self) -> list[tuple[bytes | None, bytes | None]]:
        """Keys and values so far, after waiting a moment for more."""
        messages = self._consumer.consume(5_000, 0.5)
        self.raw += [(message.key(), message.value()) for message in messages if message.error() is None]
        return self.raw

    def read(self) -> list[tuple[bytes | None, dict[str, Any]]]:
        """The same as keys and records; without null values."""
        return [(key, json.loads(value)) for key, value in self.more() if value is not None]

    def calls(self) -> Counter[str]:
        """How often each call was answered."""
        return Counter(record["call_id"] for _, record in self.read())

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def records(bootstrap: str, topic: str, enough: int) -> list[tuple[bytes | None, bytes | None]]:
    """Every key and value of a topic, once there are so many and no more come."""
    reader = Reader(bootstrap, topic)
    deadline_s = time.monotonic() + HANG_S
    found = 0
    while time.monotonic() < deadline_s:
        before, found = found, len(reader.more())
        if found == before >= enough:
            break
    reader.close()
    return reader.raw


def values(bootstrap: str, topic: str, enough: int) -> list[bytes | None]:
    """The same without the keys."""
    return [value for _, value in records(bootstrap, topic, enough)]
