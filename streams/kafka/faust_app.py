"""The Faust application with nothing of ours in it: settings for low latency, `call-events` as polls.

Other topics are read beside it, by a plain consumer (`streams.kafka.client.make_consumer`).
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import faust
from faust import auth
from faust.assignor.partition_assignor import PartitionAssignor
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver
from faust.types.enums import ProcessingGuarantee
from yarl import URL

from streams.files import private_folder
from streams.kafka.client import CLIENT_ID, endless_tasks, ssl_context
from streams.kafka.fetch.fetcher import Reading
from streams.kafka.plugs import Plugs
from streams.kafka.transport import PollConsumer
from streams.settings import Settings

NEVER = 10**9
VITAL = (
    "Fetcher._fetcher",
    "Conductor._subscriber",
    "Recovery._restart_recovery",
    "Consumer._commit_handler",
    "PollConsumer._locate_partitions",
)
"""Coroutines of services that Faust starts: they read, hand on, take assignments, commit, and locate."""
REQUEST_TIMEOUT_S = 20.0


class PollTransport(driver.Transport):
    """The aiokafka transport with our consumer."""

    Consumer = PollConsumer
    driver_version = driver.Transport.driver_version

    def __init__(self, urls: list[URL], app: Any, reading: Reading) -> None:
        super().__init__(urls, app)
        self._reading = reading
        self.plugs = Plugs()
        """Replaced once, before the consumer is made."""

    def create_consumer(self, callback: Any, **kwargs: Any) -> PollConsumer:
        """Make the consumer of the app."""
        return PollConsumer(self, callback=callback, reading=self._reading, plugs=self.plugs, **kwargs)


class Untouched(faust.Schema[Any, Any]):
    """Leaves keys and values as they came: a poll is decoded by the pipeline, record by record."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        """A poll has no key."""
        del app, message, loads, serializer

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        """The poll."""
        del app, loads, serializer
        return message.value


class Assignor(PartitionAssignor):
    """Faust's, for topics that have fewer partitions than they had: made again, or being made again.

    Faust's would let members keep partitions that are gone, and then finds no room for those that are left.
    """

    def assign(self, cluster: Any, member_metadata: Any) -> Any:
        """Share partitions out; asked of one member for all."""
        self._cluster = cluster
        return super().assign(cluster, member_metadata)

    def _get_client_metadata(self, metadata: Any) -> Any:  # type: ignore[override]  # Faust calls it on the instance
        found = super()._get_client_metadata(metadata)
        held = found.assignment
        held.actives, held.standbys = self._existing(held.actives), self._existing(held.standbys)
        return found

    def _existing(self, held: Mapping[str, Iterable[int]]) -> dict[str, list[int]]:
        there = {topic: self._cluster.partitions_for_topic(topic) or () for topic in held}
        return {topic: [one for one in held[topic] if one in found] for topic, found in there.items() if found}


def vital_tasks(app: Any) -> dict[str, Any]:
    """Tasks of Faust and aiokafka without which calls wait for ever, None for those that are not there.

    What they raise ends the worker. Where one only ends, because something that it waited for was cancelled or took
    longer than Faust allows, nobody hears of it.
    """
    consumer, agents = app.consumer, list(app.agents.values())
    services = (app._fetcher, app.topics, app.tables.recovery, consumer)  # noqa: SLF001 - no public way to it
    running = {task.__wrapped__.__qualname__: task for service in services for task in service._futures}  # noqa: SLF001
    found: dict[str, Any] = {name: running.get(name) for name in VITAL}
    actors = [actor.actor_task for agent in agents for actor in agent._actors]  # noqa: SLF001
    found["agent"] = next((task for task in actors if task is not None and not task.done()), None)
    with suppress(ConsumerNotStarted):
        found |= endless_tasks(consumer._thread._ensure_consumer())  # noqa: SLF001
    return found


def _credentials(settings: Settings) -> Any:
    """Credentials as `broker_credentials` wants them; None for a plain connection."""
    context = ssl_context(settings)
    if settings.kafka_sasl_password is not None and settings.kafka_security_protocol.startswith("SASL"):
        return auth.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else auth.SSLCredentials(context)


def make_faust_app(settings: Settings, *, poll_topic: str) -> tuple[Any, Any]:
    """Make the application and its source topic.

    Returns:
        The `faust.App`, and the topic whose events hold one `streams.kafka.fetched.Poll` each.
    """
    urls = [URL(f"aiokafka://{server}") for server in settings.kafka_servers]
    app = faust.App(
        settings.consumer_group,
        broker=urls,
        broker_client_id=CLIENT_ID,
        broker_credentials=_credentials(settings),
        broker_commit_every=NEVER,  # committing inside the drain loop would stop it for a round trip
        broker_commit_interval=settings.commit_interval_s,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 6,
        broker_request_timeout=max(REQUEST_TIMEOUT_S, settings.session_timeout_s + 5),
        consumer_group_instance_id=settings.instance_id,
        # Nobody calls this address. Left to Faust it has the web port in it, and a static member that comes back on
        # another port is handed its old assignment, finds the old address in it, and never gets going.
        canonical_url="http://robocall-worker",
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=30_000,  # how soon new partitions are noticed
        processing_guarantee=ProcessingGuarantee.AT_LEAST_ONCE,
        producer_request_timeout=REQUEST_TIMEOUT_S,
        topic_allow_declare=False,  # `robocall topics create` does it, with the right partitions and retention
        topic_disable_leader=True,
        PartitionAssignor=Assignor,
        table_standby_replicas=1,  # with no tables this only keeps Faust's sticky assignor
        cython_optimizations=True,
        store="memory://",
        datadir=private_folder(),  # Faust wants one, we keep nothing there
        web_enabled=settings.web_port > 0,
        web_bind=settings.web_host,
        web_host=settings.web_host,
        web_port=settings.web_port or 6066,
        web_tables_enabled=False,
        web_router_enabled=False,
        web_graph_enabled=False,
        web_stats_enabled=False,
        web_metrics_enabled=False,
    )
    app.transport = PollTransport(urls, app, Reading.of(settings))
    schema = Untouched(key_type=bytes, key_serializer="raw", value_type=bytes, value_serializer="raw")
    return app, app.topic(poll_topic, schema=schema)
