"""Call traffic with known truth: published as it happens, and for every event what the broker acknowledged."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from confluent_kafka import KafkaError, Message, Producer

from detector.contract.events import CallEvent, CallSetup
from models.traffic.first.generate import live_events, live_spec
from models.traffic.first.slices import event_json
from streams.kafka.topics import CALL_EVENTS

WARM_UP_S = 3.0
"""The generator draws the minutes before its first instant, which takes a second or two."""
FLUSH_TIMEOUT_S = 180.0

Change = Callable[[CallEvent], CallEvent]


@dataclass(frozen=True, slots=True)
class Sent:
    """One event that the broker acknowledged.

    Attributes:
        call_id: of its call.
        is_setup: whether it asks for a decision.
        partition: where it lies.
        offset: in the partition.
        sent_s: when it was handed to the producer, epoch seconds.
        arrived_ms: when the broker took it, epoch milliseconds by its clock.
    """

    call_id: str
    is_setup: bool
    partition: int
    offset: int
    sent_s: float
    arrived_ms: int


class Traffic:
    """A thread that publishes seeded traffic when each event is due, whether or not anybody keeps up.

    The producer is idempotent, so an event that was sent again after an outage is in the log once, and in order.

    Args:
        bootstrap_servers: of the broker.
        rate: events a second, mean; half of them are set-ups.
        seed: of the traffic.
        change: what becomes of each event before it is published.
    """

    def __init__(self, bootstrap_servers: str, *, rate: float, seed: int, change: Change | None = None) -> None:
        self.sent: list[Sent] = []
        self.refused: list[str] = []
        self._spec = live_spec(events_per_second=rate, seed=seed)
        self._change = change
        self._stopping = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 1,
                "message.timeout.ms": round(FLUSH_TIMEOUT_S * 1_000),
                "reconnect.backoff.max.ms": 500,
                "topic.metadata.refresh.interval.ms": 2_000,
                "log_level": 0,
            }
        )
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def start(self) -> None:
        """Begin; the first event follows within `WARM_UP_S`."""
        self._thread.start()

    def stop(self) -> None:
        """Publish nothing more, and return once the broker has answered for everything."""
        self._stopping.set()
        self._thread.join(FLUSH_TIMEOUT_S)
        assert not self._thread.is_alive(), f"the producer was not done within {FLUSH_TIMEOUT_S:.0f} s"
        assert not self.refused, f"{len(self.refused)} events were not taken; the first: {self.refused[0]}"

    def setups(self) -> list[Sent]:
        """Every acknowledged set-up so far."""
        if self._failure is not None:
            raise AssertionError("the traffic has broken off") from self._failure
        return [one for one in list(self.sent) if one.is_setup]

    def _run(self) -> None:
        try:
            self._publish()
        except Exception as failure:  # noqa: BLE001 - whoever waits for calls is told
            self._failure = failure

    def _publish(self) -> None:
        for event in self._when_due():
            changed = event if self._change is None else self._change(event)
            self._produce(changed)
        assert self._producer.flush(FLUSH_TIMEOUT_S) == 0, "the broker did not answer for every event"

    def _when_due(self) -> Iterator[CallEvent]:
        begin = time.time() + WARM_UP_S
        for due_s, event, _ in live_events(self._spec, first_ms=round(begin * 1_000)):
            while (wait_s := begin + due_s - time.time()) > 0:
                if self._stopping.is_set():
                    return
                self._producer.poll(min(wait_s, 0.05))
            if self._stopping.is_set():
                return
            yield event

    def _produce(self, event: CallEvent) -> None:
        call_id, is_setup, sent_s = event.call_id, isinstance(event, CallSetup), time.time()

        def answered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self.refused.append(str(error))
                return
            where = (message.partition() or 0, message.offset() or 0)
            self.sent.append(Sent(call_id, is_setup, *where, sent_s, message.timestamp()[1]))

        key = event.calling_number.encode("utf-8", "surrogatepass")
        self._producer.produce(CALL_EVENTS, event_json(event), key, on_delivery=answered)
        self._producer.poll(0)
