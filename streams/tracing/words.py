"""Words of spans: kinds, and what OpenTelemetry's conventions for messaging say of Kafka. It imports nothing of it."""

from collections.abc import Iterator, Mapping
from typing import Literal

Kind = Literal["SERVER", "CONSUMER", "PRODUCER", "INTERNAL"]
Attributes = Mapping[str, str | int | float | bool]


def about_kafka(operation: Literal["send", "process"], topic: str, partition: int | None = None) -> Attributes:
    """What a span says of its topic (semantic conventions for messaging spans).

    Args:
        operation: what is done with its records.
        topic: its name.
        partition: of the record, where it is known.
    """
    return dict(_about_kafka(operation, topic, partition))


def _about_kafka(operation: str, topic: str, partition: int | None) -> Iterator[tuple[str, str]]:
    yield "messaging.system", "kafka"
    yield "messaging.operation.name", operation
    yield "messaging.operation.type", operation
    yield "messaging.destination.name", topic
    if partition is not None:
        yield "messaging.destination.partition.id", str(partition)
