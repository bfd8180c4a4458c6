"""What an agent talks to, in memory. `tests/contracts` holds each of them to the suite of the real thing."""

import json
from collections.abc import Sequence
from typing import Any

from streams.kafka.publishing.publisher import Expects
from streams.kafka.publishing.records import Perishable, Record
from streams.kafka.topics import CALL_DECISIONS, SIDE_TOPICS


class Topics:
    """Takes the decisions of a worker; the test says when they are safe."""

    def __init__(self) -> None:
        self.records: dict[str, list[Record | Perishable]] = {}
        self.unsafe: list[tuple[Expects, int]] = []

    def publish(self, topic: str, records: Sequence[Record | Perishable], delivery: Expects) -> None:
        if topic != CALL_DECISIONS:
            raise KeyError(topic)
        self.records.setdefault(topic, []).extend(records)
        if records:
            delivery.expect(len(records))
            self.unsafe.append((delivery, len(records)))

    def decisions(self) -> list[dict[str, Any]]:
        return [json.loads(record[1] or b"") for record in self.records.get(CALL_DECISIONS, [])]

    def make_late(self) -> None:
        """Send what waits, after it has expired."""
        for records in self.records.values():
            records[:] = [(one.key, one.late()) if isinstance(one, Perishable) else one for one in records]

    def make_safe(self) -> None:
        """Send what waits; nothing of it can become late any more."""
        for queued in self.records.values():
            queued[:] = [(one.key, one.value) if isinstance(one, Perishable) else one for one in queued]
        for delivery, records in self.unsafe:
            delivery.arrived(records)
        self.unsafe.clear()


class Side:
    """Takes what only informs, by topic."""

    def __init__(self) -> None:
        self.records: dict[str, list[Record]] = {}

    def offer(self, topic: str, records: Sequence[Record]) -> None:
        if topic not in SIDE_TOPICS:
            raise KeyError(topic)
        self.records.setdefault(topic, []).extend(records)


class Keeper:
    """Keeps decisions and standing decisions, and the order in which they came."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.latest: dict[str, bytes] = {}
        self.standing: dict[str, bytes] = {}

    def offer(self, identifier: str, calling_number: str, payload: bytes) -> None:
        del calling_number
        self.kept.append(identifier)
        self.latest[identifier] = payload

    def offer_entity(self, entity: str, payload: bytes | None, expires_ms: int) -> None:
        del expires_ms
        self.kept.append(entity)
        if payload is None:
            self.standing.pop(entity, None)
        else:
            self.standing[entity] = payload
