"""The secret of a fleet: random bytes in a topic of their own, from which every worker has the seed of its hashes.

Whoever knows the seed can choose telephone numbers that cost much or count as one. So it must be the same for all
workers, whose counts are added up, and nobody else's. `robocall topics create` makes it once. Every record has another
key, so compaction keeps them all, and the first whole one counts: of two that were made at once, one is never used.
"""

import asyncio
import hashlib
import secrets

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from detector.columns.hashing import name_of
from detector.contract.errors import RobocallError
from streams.kafka.client import client_settings
from streams.kafka.log_reader import LogReader
from streams.settings import Settings

TOPIC = "fleet-secret"
SECRET_BYTES = 32
PARTITION = 0
PATIENCE_S = 5.0


class SecretUnknown(RobocallError):
    """The secret of the fleet cannot be had now; says why."""


def seed_of(secret: bytes) -> int:
    """Seed of all hashes of a fleet, from 0 to 2**62 - 1, so that what is added to it to tell kinds apart has room."""
    digest = hashlib.blake2b(secret, digest_size=8, person=b"seed of a fleet").digest()
    return int.from_bytes(digest, "little") >> 2


async def read(settings: Settings) -> bytes:
    """Read the secret; called at a start, before anything is counted. Waits for `PATIENCE_S` at most.

    Raises:
        SecretUnknown: There is none, or the brokers do not say within that time.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await _first(settings) if await _exists(settings) else None
    except TimeoutError as error:
        raise SecretUnknown(f"topic {TOPIC} cannot be read within {PATIENCE_S:g} s") from error
    except (KafkaError, OSError) as error:
        raise SecretUnknown(f"topic {TOPIC} cannot be read ({type(error).__name__})") from error
    if found is None:
        raise SecretUnknown(f"topic {TOPIC} is missing or empty: run `robocall topics create`, restart all workers")
    return found


async def ensure(settings: Settings) -> None:
    """Put a secret into the topic, which must exist, unless it has one. Called when topics are created.

    Raises:
        SecretUnknown: The brokers do not say whether there is one, or do not take one, within twice `PATIENCE_S`.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            if await _first(settings) is not None:
                return
        async with asyncio.timeout(PATIENCE_S):
            await _write(settings, secrets.token_bytes(SECRET_BYTES))
    except (TimeoutError, KafkaError, OSError) as error:
        raise SecretUnknown(f"no secret could be put into {TOPIC} ({type(error).__name__}): run it again") from error


async def _exists(settings: Settings) -> bool:
    """Whether there is such a topic; a consumer that asks for one may make it."""
    admin = AIOKafkaAdminClient(**client_settings(settings))
    try:
        await admin.start()
        return TOPIC in await admin.list_topics()
    finally:
        await admin.close()


async def _first(settings: Settings) -> bytes | None:
    """The first record that is a secret; batches that cannot be read, or unpack to too much, are stepped over."""
    async with LogReader(settings, TOPIC, lambda *_: None) as log:
        async for rows in log.read(PARTITION, 0, await log.end(PARTITION)):
            for value in rows.values():
                if value is not None and len(value) == SECRET_BYTES:
                    return value
    return None


async def _write(settings: Settings, secret: bytes) -> None:
    producer = AIOKafkaProducer(**client_settings(settings), acks="all")
    try:
        await producer.start()
        await producer.send_and_wait(TOPIC, secret, key=name_of(seed_of(secret)).encode(), partition=PARTITION)
    finally:
        await producer.stop()
