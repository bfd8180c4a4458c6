"""Records that wait for one output partition, and the task that sends them, whatever the broker does meanwhile.

One batch at a time is in aiokafka's hands: what arrives while it is on its way leaves together in the next one, so
batches grow with load and nothing lingers. A batch that could not be delivered goes back to the head of the queue and
is tried again for ever, so the order within a partition stays. It may have been stored all the same: then its records
are there twice, under the same decision ids.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from aiokafka.errors import KafkaError, KafkaTimeoutError

from streams.errors import PublishFailed

MAX_BATCH_BYTES = 512 * 1024
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 0.5

Record = tuple[bytes, bytes | None]
"""Key and value; a null value deletes the key from a compacted topic."""


class Perishable(NamedTuple):
    """A record that must not be published as it is once it is old.

    Attributes:
        key: decides the partition.
        value: published up to `expires_ms`.
        expires_ms: wall clock, epoch milliseconds.
        late: makes the value that is published after it; called at most once.
    """

    key: bytes
    value: bytes
    expires_ms: int
    late: Callable[[], bytes]


class Waits(Protocol):
    """Whoever waits for records to be safe."""

    def arrived(self, records: int) -> None:
        """Note that this many are safe."""
        ...


class Observer(Protocol):
    """What an outbox tells its publisher."""

    def safe(self, records: int) -> None:
        """The broker has so many records more."""
        ...

    def troubled(self, outbox: "Outbox", error: Exception, since: float) -> None:
        """A batch could not be delivered since a monotonic time in seconds, and is going to be tried again."""
        ...

    def recovered(self, outbox: "Outbox") -> None:
        """A batch was delivered after trouble."""
        ...

    def failed(self, error: PublishFailed) -> None:
        """A batch can never be delivered."""
        ...


Entry = tuple[Record | Perishable, Waits]
_DELIVERY: Callable[[Entry], Waits] = itemgetter(1)


def wall_clock_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def may_pass(error: BaseException) -> bool:
    """Whether a repeat can help: a broker, leader or replica that is away, unlike a refusal for good."""
    if isinstance(error, KafkaError):
        return error.retriable or isinstance(error, KafkaTimeoutError)
    return isinstance(error, OSError)  # TimeoutError and ConnectionError among them


def _late(record: Perishable) -> Record:
    try:
        return record.key, record.late()
    except Exception as error:  # what it says may quote a phone number
        raise ValueError(f"the late form of a record cannot be made, {type(error).__name__}") from error


class Outbox:
    """Sends to one partition.

    Args:
        producer: a started `aiokafka.AIOKafkaProducer`.
        topic: of the partition.
        partition: where all records go.
        observer: told what becomes of them.
        clock_ms: decides whether a perishable record is late, epoch milliseconds.
    """

    __slots__ = ("_clock_ms", "_observer", "_producer", "_waiting", "partition", "task", "topic")

    def __init__(
        self, producer: Any, topic: str, partition: int, observer: Observer, clock_ms: Callable[[], int]
    ) -> None:
        self._producer = producer
        self.topic = topic
        self.partition = partition
        self._observer = observer
        self._clock_ms = clock_ms
        self._waiting: deque[Entry] = deque()
        self.task: asyncio.Task[None] | None = None

    def put(self, record: Record | Perishable, delivery: Waits) -> None:
        """Queue a record."""
        self._waiting.append((record, delivery))
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        pause_s = FIRST_PAUSE_S
        try:
            while self._waiting:
                batch, entries = self._fill()
                since = time.monotonic()
                error = await self._send(batch)
                if error is None:
                    self._arrived(entries)
                    if pause_s > FIRST_PAUSE_S:
                        self._observer.recovered(self)
                        pause_s = FIRST_PAUSE_S
                    continue
                self._waiting.extendleft(reversed(entries))
                self._observer.troubled(self, error, since)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a popped batch is lost whatever it is, and
            # its poll must never be acknowledged
            self._observer.failed(PublishFailed(topic=self.topic, partition=self.partition, cause=error))
        finally:
            self.task = None

    async def _send(self, batch: Any) -> Exception | None:
        """Return what kept the batch from being delivered when a repeat can help; raise what cannot be helped."""
        try:
            # Awaited directly: this task then runs before aiokafka's sender looks for the next batches to take along.
            await (await self._producer.send_batch(batch, self.topic, partition=self.partition))
        except Exception as error:
            if not may_pass(error):
                raise
            if getattr(error, "invalid_metadata", False):  # the leader may be elsewhere by now
                self._producer.client.force_metadata_update()
            return error
        return None

    def _fill(self) -> tuple[Any, list[Entry]]:
        batch = self._producer.create_batch()
        entries: list[Entry] = []
        now_ms = self._clock_ms()
        while self._waiting:
            record, delivery = self._waiting[0]
            if isinstance(record, Perishable) and now_ms > record.expires_ms:
                record = _late(record)
                self._waiting[0] = (record, delivery)
            if batch.append(key=record[0], value=record[1], timestamp=None) is None:  # full
                break
            entries.append(self._waiting.popleft())
        if not entries:
            raise ValueError(f"a record is larger than a batch of {MAX_BATCH_BYTES} bytes")
        batch.close()
        return batch, entries

    def _arrived(self, entries: list[Entry]) -> None:
        self._observer.safe(len(entries))
        for delivery, records in Counter(map(_DELIVERY, entries)).items():
            delivery.arrived(records)
