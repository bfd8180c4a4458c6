"""The input that every entry reads: generated and published once, and known here event by event."""

from dataclasses import dataclass

import msgspec
import numpy as np
from confluent_kafka import Producer
from numpy.typing import NDArray

from benchmarks.peers.job import SHORT_TALK_MS


class Event(msgspec.Struct):
    """The fields that the job reads."""

    type: str
    call_id: str
    setup_time_ms: int
    calling_number: str
    called_number: str
    trunk_group_id: str
    end_time_ms: int = 0
    answer_time_ms: int | None = None

    @property
    def is_setup(self) -> bool:
        """Whether it is a call set-up."""
        return self.type == "call_setup"

    @property
    def is_short(self) -> bool:
        """Whether an answered call was short."""
        return self.answer_time_ms is not None and self.end_time_ms - self.answer_time_ms <= SHORT_TALK_MS


@dataclass(frozen=True)
class Backlog:
    """The events in order of publication.

    Attributes:
        events: All of them.
        setups: Place in `events` of each set-up, ascending, shape (n,).
    """

    events: list[Event]
    setups: NDArray[np.int64]

    @classmethod
    def of(cls, events: list[Event]) -> "Backlog":
        """Number the set-ups among the events."""
        return cls(events, np.array([place for place, event in enumerate(events) if event.is_setup], dtype=np.int64))

    def setups_among(self, events: int) -> int:
        """How many of the first `events` are set-ups, each of which is answered."""
        return int(np.searchsorted(self.setups, events))


def publish(servers: str, topic: str, lines: list[bytes]) -> Backlog:
    """Publish the lines to the topic's only partition, key = calling number, and wait until the broker has them all."""
    decoder = msgspec.json.Decoder(Event)
    events = [decoder.decode(line) for line in lines]
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 20, "acks": "all", "enable.idempotence": True})
    for number, (line, event) in enumerate(zip(lines, events, strict=True)):
        while True:
            try:
                producer.produce(topic, line, event.calling_number.encode(), partition=0)
            except BufferError:
                producer.poll(0.1)
            else:
                break
        if number % 1_000 == 0:
            producer.poll(0)
    if producer.flush(120):
        raise SystemExit("the broker did not take the backlog")
    return Backlog.of(events)
