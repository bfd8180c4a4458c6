"""Records that wait for one output partition, and the task that sends them, whatever the broker does meanwhile.

One batch at a time is on its way: what arrives meanwhile leaves together in the next one, so
batches grow with load and nothing lingers. A batch that could not be delivered goes back to the head of the queue and
is tried again for ever, so the order within a partition stays. It may have been stored all the same: then its records
are there twice, under the same decision ids.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.record.default_records import DefaultRecordBatchBuilder

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


class Sends(Protocol):
    """What an outbox needs of `streams.producing.Sender`."""

    async def send(self, topic: str, partition: int, batch: bytes | bytearray) -> None:
        """Return once a batch is safe."""
        ...


Lot = tuple[list[Record | Perishable], Waits]
"""Records that came together, and who waits for them."""
_NO_HEADERS: list[tuple[str, bytes | None]] = []


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
        sender: takes finished batches.
        topic: of the partition.
        partition: where all records go.
        observer: told what becomes of them.
        clock_ms: decides whether a perishable record is late, epoch milliseconds.
    """

    __slots__ = ("_clock_ms", "_observer", "_sender", "_waiting", "partition", "task", "topic")

    def __init__(
        self, sender: Sends, topic: str, partition: int, observer: Observer, clock_ms: Callable[[], int]
    ) -> None:
        self._sender = sender
        self.topic = topic
        self.partition = partition
        self._observer = observer
        self._clock_ms = clock_ms
        self._waiting: deque[Lot] = deque()
        self.task: asyncio.Task[None] | None = None

    def put(self, records: list[Record | Perishable], delivery: Waits) -> None:
        """Queue records; the list is ours from now on."""
        self._waiting.append((records, delivery))
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        pause_s = FIRST_PAUSE_S
        try:
            while self._waiting:
                batch, lots = self._fill()
                since = time.monotonic()
                error = await self._send(batch)
                if error is None:
                    self._arrived(lots)
                    if pause_s > FIRST_PAUSE_S:
                        self._observer.recovered(self)
                        pause_s = FIRST_PAUSE_S
                    continue
                self._waiting.extendleft(reversed(lots))
                self._observer.troubled(self, error, since)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a popped batch is lost whatever it is, and
            # its poll must never be acknowledged
            self._observer.failed(PublishFailed(topic=self.topic, partition=self.partition, cause=error))
        finally:
            self.task = None

    async def _send(self, batch: bytes | bytearray) -> Exception | None:
        """Return what kept the batch from being delivered when a repeat can help; raise what cannot be helped."""
        try:
            await self._sender.send(self.topic, self.partition, batch)
        except Exception as error:
            if not may_pass(error):
                raise
            return error
        return None

    def _fill(self) -> tuple[bytearray, list[Lot]]:
        """Make one batch of what waits, as far as it fits; the builder takes the first record whatever its size."""
        builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, MAX_BATCH_BYTES)
        taken: list[Lot] = []
        now_ms = self._clock_ms()
        place = 0
        while self._waiting:
            records, delivery = self._waiting[0]
            first = place
            for record in records:
                if isinstance(record, Perishable) and now_ms > record.expires_ms:
                    record = records[place - first] = _late(record)  # noqa: PLW2901 - from now on it is this one
                if builder.append(place, now_ms, record[0], record[1], _NO_HEADERS) is None:  # full
                    break
                place += 1
            fitted = place - first
            if fitted < len(records):
                if fitted:
                    taken.append((records[:fitted], delivery))
                    self._waiting[0] = records[fitted:], delivery
                break
            taken.append(self._waiting.popleft())
        return builder.build(), taken

    def _arrived(self, lots: list[Lot]) -> None:
        for records, delivery in lots:
            self._observer.safe(len(records))
            delivery.arrived(len(records))
