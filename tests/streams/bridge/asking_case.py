"""What tests of asking share: a worker that is played, and an asker beside it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from confluent_kafka import Consumer, Producer

from streams.bridge.asking import Asker
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.settings import BridgeSettings
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.settings import load_settings
from streams.trust.setup_verifier import SetupVerifier
from tests.streams.bridge.bridge_case import decision_bytes
from tests.waiting import until

LONG_S = 60.0


class PlayedWorker:
    """Answers every set-up by an allow, from a thread of its own; those to be blocked by a block, and some never."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"played-{time.time_ns()}",
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 200,
            }
        )
        self._consumer.subscribe([CALL_EVENTS])
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        self.is_silent = False
        self.after_s = 0.0
        self.events: list[tuple[bytes | None, dict[str, Any]]] = []

    def __call__(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            for message in self._consumer.consume(100, 0.01):
                value = message.value()
                if message.error() is None and value is not None:
                    self._answer(message.key(), json.loads(value))
            self._producer.poll(0)
        self._consumer.close()

    def _answer(self, key: Any, event: dict[str, Any]) -> None:
        self.events.append((key, event))
        if event["type"] == "call_setup" and not self.is_silent:
            time.sleep(self.after_s)
            action = "block" if event["called_number"].endswith("6") else "allow"
            key = event.get("switch_id") or event["call_id"]
            self._producer.produce(CALL_DECISIONS, key=key, value=b"junk")
            self._producer.produce(CALL_DECISIONS, key=key, value=decision_bytes(event, action))

    def seen(self, call_id: str) -> list[dict[str, Any]]:
        return [event for _, event in self.events if event["call_id"] == call_id]


@asynccontextmanager
async def asking(
    bootstrap: str, worker: PlayedWorker | None, verifier: SetupVerifier | None = None, **bridge: Any
) -> AsyncIterator[Asker]:
    """An asker beside a worker, if any; it is healthy where there is one."""
    stop = asyncio.Event()
    played = None if worker is None else asyncio.create_task(asyncio.to_thread(worker, stop))
    chosen = {"deadline_ms": 10_000} | bridge
    settings = load_settings(kafka_bootstrap_servers=bootstrap)
    asker = Asker(settings, BridgeSettings.load(**chosen), BridgeMetrics(), verifier)
    await asker.start()
    try:
        if worker is not None:
            await until(lambda: asker.is_healthy)
        yield asker
    finally:
        await asker.stop()
        stop.set()
        if played is not None:
            await played


def setup(call_id: str, called_number: str = "+13125550145", **more: Any) -> dict[str, Any]:
    return {
        "type": "call_setup",
        "call_id": call_id,
        "setup_time_ms": time.time_ns() // 1_000_000,
        "calling_number": "+12025550101",
        "called_number": called_number,
        "trunk_group_id": "t-1",
        "switch_id": "sbc-1",
    } | more
