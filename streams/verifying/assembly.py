"""Where the parts of `robocall verify` are joined. Building connects to nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detector.contract.errors import RobocallError
from streams.kafka.agents.agent import add_agent
from streams.kafka.agents.progress import lags
from streams.kafka.agents.watching import watching
from streams.kafka.client import client_settings
from streams.kafka.faust_app import make_faust_app
from streams.kafka.fetched import Poll
from streams.kafka.plugs import Plugs
from streams.kafka.publishing.publisher import Publisher
from streams.kafka.static_member import ends_when_replaced
from streams.kafka.topics import CALL_EVENTS
from streams.running.failures import Failures
from streams.running.services import Background, Ending, Part
from streams.settings import Settings
from streams.trust.setup_verifier import SetupVerifier
from streams.verifying.metrics import VerifyMetrics
from streams.verifying.settings import VerifySettings
from streams.verifying.verify_calls import CallVerifying


class PartitionsDiffer(RobocallError):
    """A record could not go on to the partition that it came from."""

    def __init__(self, topic: str, partitions: int, of_events: int) -> None:
        super().__init__(
            f"{topic} has {partitions} partitions and {CALL_EVENTS} {of_events}: give both the same number, start again"
        )


@dataclass(frozen=True, slots=True)
class Assembly:
    """The parts, joined.

    Attributes:
        app: the Faust application.
        services: what runs around it, in order of start.
        metrics: to be registered on a page, beside those of the verifier.
    """

    app: Any
    services: list[Part]
    metrics: VerifyMetrics


def build_app(settings: Settings, chosen: VerifySettings, verifier: SetupVerifier, ending: Ending) -> Assembly:
    """Join the parts; call it with the event loop in place that will run them.

    Args:
        settings: how Kafka is spoken to.
        chosen: what is read.
        verifier: gives verdicts.
        ending: told about the failure that must stop it.

    Returns:
        What `streams.running.services.run` runs.
    """
    own = settings.model_copy(update={"consumer_group": chosen.consumer_group, "web_port": 0})
    app, source = make_faust_app(own, poll_topic=chosen.topic)
    publisher = Publisher({**client_settings(own), "acks": own.kafka_acks}, (CALL_EVENTS,), ending.fail)
    metrics = VerifyMetrics()
    metrics.lag = lambda: lags(app)
    failed = Failures(verifier.metrics.internal_error)
    verifying = CallVerifying(verifier, publisher, metrics, failed, wait_ms=chosen.wait_ms)
    app.transport.plugs = Plugs(on_full=publisher.set_aside, on_replaced=ends_when_replaced(own, ending.fail))

    async def answer(
        poll: Poll, acknowledge: Callable[[], object], set_aside: Callable[[], object] | None = None
    ) -> None:
        there, here = app.consumer.partition_count(chosen.topic), publisher.partitions(CALL_EVENTS)
        if there != here:
            raise PartitionsDiffer(chosen.topic, there, here)
        await verifying.take(poll, acknowledge, set_aside)

    add_agent(app, source, "verify_calls", answer, ending.fail)
    watch = watching(app, _joined(app).is_set, ending.fail)
    return Assembly(app, [verifier, publisher, Background([("watch", watch)])], metrics)


def _joined(app: Any) -> asyncio.Event:
    """Set once the group has given partitions out for the first time."""
    joined = asyncio.Event()

    async def on_complete(app: Any, **_: Any) -> None:
        del app
        joined.set()

    app.on_rebalance_complete.connect(on_complete, weak=False)
    return joined
