"""Decisions from Kafka into the live memory, for ever: also when the console starts before Kafka, or outlives it."""

import asyncio

import structlog
from aiokafka.errors import KafkaError

from streams.console.live import LiveMemory
from streams.kafka.fetch.live_topic import LiveReader
from streams.kafka.topics import CALL_DECISIONS
from streams.running.services import Background
from streams.settings import Settings

AGAIN_S = 2.0

log = structlog.get_logger(__name__)


class Feed:
    """Reads `call-decisions` from its end on.

    Args:
        settings: how the brokers are spoken to.
        memory: takes what comes.
    """

    def __init__(self, settings: Settings, memory: LiveMemory) -> None:
        self._reader = LiveReader(settings, CALL_DECISIONS, [], memory.take)
        self._is_started = asyncio.Event()
        self._jobs = Background([("connect", self._connect), ("read", self._read), ("look", self._look)])

    @property
    def is_up(self) -> bool:
        """Decisions are read now."""
        return self._reader.is_up

    async def start(self) -> None:
        """Begin; returns at once, whether or not Kafka answers."""
        await self._jobs.start()

    async def stop(self) -> None:
        """End."""
        await self._jobs.stop()
        await self._reader.stop()

    async def _connect(self) -> None:
        is_told = False
        while not self._is_started.is_set():
            try:
                await self._reader.start()
            except (KafkaError, OSError, TimeoutError) as error:
                if not is_told:
                    log.warning("Kafka cannot be read yet, trying again and again", cause=type(error).__name__)
                    is_told = True
                await self._reader.stop()
                await asyncio.sleep(AGAIN_S)
            else:
                self._is_started.set()
        await asyncio.Event().wait()

    async def _read(self) -> None:
        await self._is_started.wait()
        await self._reader.read()

    async def _look(self) -> None:
        await self._is_started.wait()
        await self._reader.look()
