"""How the brokers are spoken to: the same servers, security and identity for every client that this process opens."""

import asyncio
import functools
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection, CloseReason, create_conn
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
    for_code,
)

from detector.contract.errors import RobocallError
from streams.errors import ClusterRefused, KafkaRefusedUs, KafkaUnreachable, TopicMissing
from streams.settings import PREFIX, Settings

CLIENT_ID = "robocall-detector"
AGAIN_S = 0.1
LIST_WAIT_S = 10.0
GROUPS_WAIT_S = 30.0
TRY_S = 5.0
"""Given to one broker that is asked what it has against us."""

log = structlog.get_logger(__name__)


def _mend(send: Callable[..., Any]) -> Callable[..., Any]:
    """Say of a connection that was lost this instant that it is lost.

    uvloop refuses to write to it with a `RuntimeError`, where asyncio's loop only drops the bytes and aiokafka expects
    an `OSError`: its tasks for metadata, sending, fetching and heartbeats all ended with it when a broker was killed.
    """

    @functools.wraps(send)
    def mended(connection: AIOKafkaConnection, *args: Any, **kwargs: Any) -> Any:
        try:
            return send(connection, *args, **kwargs)
        except RuntimeError as error:
            if isinstance(error, KafkaError):
                raise
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"connection lost: {error}") from error

    return mended


AIOKafkaConnection.send = _mend(AIOKafkaConnection.send)
AIOKafkaConnection._send_sasl_token = _mend(AIOKafkaConnection._send_sasl_token)  # noqa: SLF001 - the other writer


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """Context of a TLS protocol, None for a plain one."""
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
    if settings.kafka_ssl_certfile is not None:
        context.load_cert_chain(settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile)
    return context


def client_settings(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of any aiokafka client."""
    found: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "client_id": CLIENT_ID,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": ssl_context(settings),
    }
    if settings.kafka_sasl_password is not None and settings.kafka_security_protocol.startswith("SASL"):
        found["sasl_mechanism"] = settings.kafka_sasl_mechanism
        found["sasl_plain_username"] = settings.kafka_sasl_username
        found["sasl_plain_password"] = settings.kafka_sasl_password.get_secret_value()
    return found


async def why_unreachable(settings: Settings) -> RobocallError:
    """Try each configured broker once and return what is to be said, for whoever could not connect.

    Called on the event loop after a client gave up; it waits `TRY_S` at most for a broker.
    """
    said: RobocallError = KafkaUnreachable(settings.kafka_bootstrap_servers)
    for server in settings.kafka_servers:
        complaint = await _complaint(settings, server)
        if complaint:
            said = KafkaRefusedUs(server, complaint)
    return said


async def _complaint(settings: Settings, server: str) -> str:
    """What a broker that answers has against us, and what to check; empty where none answers."""
    host, _, port = server.rpartition(":")
    options = client_settings(settings)
    del options["bootstrap_servers"]
    try:
        async with asyncio.timeout(TRY_S):
            connection = await create_conn(
                host.strip("[]"), int(port), request_timeout_ms=int(TRY_S * 1_000), **options
            )
    except SaslAuthenticationFailed:
        return f"the name or the password: check {PREFIX}KAFKA_SASL_USERNAME and {PREFIX}KAFKA_SASL_PASSWORD"
    except UnsupportedSaslMechanismError:
        return f"{settings.kafka_sasl_mechanism}: check {PREFIX}KAFKA_SASL_MECHANISM"
    except ssl.SSLCertVerificationError as error:
        return f"nothing, but its certificate is not trusted ({error.verify_message}): check {PREFIX}KAFKA_SSL_CAFILE"
    except (ssl.SSLError, KafkaError):  # it closes in the middle of a greeting that it does not understand
        return (
            f"{settings.kafka_security_protocol} in this form: check {PREFIX}KAFKA_SECURITY_PROTOCOL, and the "
            f"certificate in {PREFIX}KAFKA_SSL_CERTFILE if it wants one"
        )
    except (OSError, TimeoutError):
        return ""
    connection.close()
    return ""


def keep_metadata_coming(client: Any) -> None:
    """Let a client outlive an error in its task that learns about brokers and leaders; call it before its start.

    That task ends with any error but those that it expects, in silence, and everybody who waits for news waits for
    ever: without commits, without heartbeats, without a word in the log.

    Args:
        client: the `aiokafka.client.AIOKafkaClient` of a producer or consumer.
    """
    synchronize: Callable[[], Awaitable[None]] = client._md_synchronizer  # noqa: SLF001 - no public way to mend it

    async def keep() -> None:
        while True:
            try:
                await synchronize()
            except Exception as error:  # noqa: BLE001 - whatever it is, the client needs its metadata
                log.warning("asking for metadata broke, asking again", cause=type(error).__name__)
            await asyncio.sleep(AGAIN_S)

    client._md_synchronizer = keep  # noqa: SLF001


def endless_tasks(consumer: Any) -> dict[str, Any]:
    """Tasks of a started `aiokafka.AIOKafkaConsumer` of a group that must run as long as it does.

    aiokafka says of none of them that it has ended: nothing comes any more, and everybody waits for ever.
    """
    return {
        "metadata": consumer._client._sync_task,  # noqa: SLF001 - no public way to any of them
        "group": consumer._coordinator._coordination_task,  # noqa: SLF001
        "fetching": consumer._fetcher._fetch_task,  # noqa: SLF001
    }


def make_consumer(settings: Settings, *topics: str, **options: Any) -> Any:
    """Make an `aiokafka.AIOKafkaConsumer` that outlives whatever its brokers do; it has still to be started.

    Whoever reads with it gives it our fetcher after its start (`streams.kafka.fetch.fetcher.fetch_batches`).

    Args:
        settings: how the brokers are spoken to.
        topics: subscribed to.
        options: of aiokafka.

    Raises:
        OSError: a file of the TLS settings cannot be read.
    """
    isolation_level = settings.kafka_isolation_level
    consumer = AIOKafkaConsumer(*topics, **client_settings(settings), isolation_level=isolation_level, **options)
    keep_metadata_coming(consumer._client)  # noqa: SLF001 - no public way to reach it
    return consumer


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_settings(settings))
    try:
        await admin.start()
        yield admin
    except KafkaConnectionError as error:
        raise await why_unreachable(settings) from error
    finally:
        await admin.close()


async def require_topics(settings: Settings, topics: Iterable[str]) -> dict[str, int]:
    """Check that the topics exist, without making a broker create them with its defaults.

    Returns:
        How many partitions each has.

    Raises:
        KafkaUnreachable: no broker answers.
        KafkaRefusedUs: one does, and refuses the password, the certificate or the protocol.
        ClusterRefused: this user may not see the topics.
        TopicMissing: names those that do not exist.
    """
    async with _admin(settings) as admin:
        existing = await _existing_topics(admin)
    wanted = set(topics)
    missing = sorted(wanted - existing.keys())
    if missing:
        raise TopicMissing(missing)
    return {topic: existing[topic] for topic in wanted}


async def _existing_topics(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """All topics and how many partitions they have.

    While one of several brokers is away, the client may ask that one: then another is asked.
    """
    until_s = time.monotonic() + LIST_WAIT_S
    while True:
        try:
            return {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics()}
        except KafkaConnectionError:
            raise
        except KafkaError as error:
            if not error.retriable or time.monotonic() > until_s:
                raise ClusterRefused("to list topics", "Describe on topics, and the right password", error) from error
        await asyncio.sleep(AGAIN_S)


async def await_groups(settings: Settings, groups: Iterable[str]) -> None:
    """Wait until the brokers can keep offsets of these groups; called once before their consumers start.

    A fresh broker makes its offsets topic when it is first asked for a group, and refuses all groups until then. A
    consumer would report that as an error, although nothing is wrong. It is not waited for longer than `GROUPS_WAIT_S`,
    nor where the brokers refuse for good: the consumer says that in its own words.

    Raises:
        KafkaUnreachable: no broker answers.
    """
    async with _admin(settings) as admin:
        with suppress(TimeoutError):
            async with asyncio.timeout(GROUPS_WAIT_S):
                for group in groups:
                    await _await_group(admin, group)


async def _await_group(admin: AIOKafkaAdminClient, group: str) -> None:
    while True:
        if not await _is_coming(admin, group):
            return
        await asyncio.sleep(AGAIN_S)


async def _is_coming(admin: AIOKafkaAdminClient, group: str) -> bool:
    """Whether the group cannot be used now and can be soon."""
    try:
        (answer,) = await admin.describe_consumer_groups([group])
    except KafkaConnectionError:
        raise
    except KafkaError as error:
        return bool(error.retriable)
    (code, *_) = answer.groups[0]
    return bool(for_code(code).retriable)
