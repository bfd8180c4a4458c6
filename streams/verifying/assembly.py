"""Where the parts of `robocall verify` are joined. Building connects to nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from detector.contract.errors import RobocallError
from streams.errors import InstanceTaken
from streams.kafka.client import client_settings
from streams.kafka.faust_app import make_faust_app, vital_tasks
from streams.kafka.plugs import Plugs
from streams.kafka.publishing.publisher import Publisher
from streams.kafka.topics import CALL_EVENTS
from streams.running.failures import Failures
from streams.running.services import Background, Ending, Part
from streams.running.watched_tasks import WatchedTasks
from streams.settings import Settings
from streams.trust.setup_verifier import SetupVerifier
from streams.verifying.metrics import VerifyMetrics
from streams.verifying.settings import VerifySettings
from streams.verifying.verify_calls import CallVerifying

WATCH_INTERVAL_S = 1.0


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
    acks: int | str = "all" if own.kafka_acks == "all" else int(own.kafka_acks)
    publisher = Publisher({**client_settings(own), "acks": acks}, (CALL_EVENTS,), ending.fail)
    metrics = VerifyMetrics()
    metrics.lag = lambda: _lag(app)
    failed = Failures(verifier.metrics.internal_error)
    verifying = CallVerifying(verifier, publisher, metrics, failed, wait_ms=chosen.wait_ms)
    taken = InstanceTaken(instance=str(own.instance_id), group=own.consumer_group)
    app.transport.plugs = Plugs(on_full=publisher.set_aside, on_replaced=lambda: ending.fail(taken))

    def check_partitions() -> None:
        there, here = app.consumer.partition_count(chosen.topic), publisher.partitions(CALL_EVENTS)
        if there != here:
            raise PartitionsDiffer(chosen.topic, there, here)

    async def verify_calls(stream: Any) -> None:
        """Hand on every poll. An error that comes this far would leave it unanswered for ever: stop instead."""
        async for event in stream.noack().events():
            try:
                check_partitions()
                await verifying.take(event.value, event.ack, partial(app.consumer.set_aside, event.message))
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing of this poll may be acknowledged
                ending.fail(error)

    app.agent(source, name="verify_calls")(verify_calls)
    return Assembly(app, [verifier, publisher, Background([("watch", _watching(app, ending))])], metrics)


def _watching(app: Any, ending: Ending) -> Any:
    """A job that ends the process where a task has ended without which calls wait for ever."""
    watched = WatchedTasks(lambda: vital_tasks(app), ending.fail)
    joined = asyncio.Event()

    async def on_complete(app: Any, **_: Any) -> None:
        del app
        joined.set()

    app.on_rebalance_complete.connect(on_complete, weak=False)

    async def watch() -> None:
        while True:
            if not app.should_stop:
                watched.look(should_run=joined.is_set())
            await asyncio.sleep(WATCH_INTERVAL_S)

    return watch


def _lag(app: Any) -> Mapping[int, int]:
    return {
        tp.partition: max(0, end - (reached or 0))
        for tp, (reached, end) in app.consumer.progress().items()
        if end is not None
    }
