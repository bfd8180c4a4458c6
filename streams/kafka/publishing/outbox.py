"""Records that wait for one output partition, and what becomes of them, whatever the broker does meanwhile.

One batch at a time is on its way: what arrives meanwhile leaves together in the next one, so
batches grow with load and nothing lingers. A batch that could not be delivered goes back to the head of the queue and
is tried again for ever, so the order within a partition stays. It may have been stored all the same: so it is tried
again with the same records under the same number, by which brokers tell (`streams.kafka.publishing.identity`). One that
is too large leaves again record by record, so that a record that no broker takes costs itself only. Whether a record
may be lost is not known here: the observer says so.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from itertools import chain, islice
from typing import Protocol

from aiokafka.errors import DuplicateSequenceNumber, MessageSizeTooLargeError, RecordListTooLargeError

from streams.kafka.publishing.identity import ANONYMOUS, LOST, SEQUENCES, Identity
from streams.kafka.publishing.record_batch import RecordBatch
from streams.kafka.publishing.records import Packed, Perishable, Record, packed

MAX_BATCH_BYTES = 512 * 1024
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 0.5


class Waits(Protocol):
    """Whoever waits for records to be safe."""

    def arrived(self, records: int) -> None:
        """Note that this many are safe, or dropped; called on the event loop, lot by lot, in the order of the queue.

        It must not block. An error would leave others waiting for ever, so it counts as a batch that is undelivered.
        """
        ...

    def set_aside(self, records: int) -> None:
        """Note that this many wait for a partition that cannot be written to; they will arrive all the same."""
        ...


class Fate(Enum):
    """What becomes of a batch that could not be delivered, and of its outbox."""

    AGAIN = auto()
    """It is tried again, after a pause, before anything else leaves."""
    DROPPED = auto()
    """It is lost, whoever waits for it waits no longer, and after a pause the next one leaves."""
    STUCK = auto()
    """It must not be lost and cannot be delivered: nothing leaves any more."""


class Observer(Protocol):
    """What an outbox tells its publisher, on the event loop. Nothing of it may block or raise."""

    def settled(self, records: int) -> None:
        """So many records less are in the outbox; said before `Waits.arrived` of the same lot."""
        ...

    def undelivered(self, outbox: "Outbox", records: int, error: Exception, since: float) -> Fate:
        """A batch could not be delivered; said after every attempt.

        Args:
            outbox: whose batch it is.
            records: in it.
            error: of this attempt; not that it is too large, unless it is one record.
            since: when this attempt began, monotonic seconds.
        """
        ...

    def recovered(self, outbox: "Outbox") -> None:
        """A batch was delivered after some that were not; said once for each such time."""
        ...


class Sends(Protocol):
    """What an outbox needs of `streams.kafka.publishing.sender.Sender`."""

    def enlist(self, outbox: "Outbox") -> None:
        """Ask the outbox for a batch soon (`fill`), send it, and tell what became of it (`settle`), once for each call.

        Returns at once, and calls neither before it has returned. It may be called again from within `settle`.
        """
        ...


class Identifies(Protocol):
    """What an outbox needs of `streams.kafka.publishing.identity.Identities`."""

    current: Identity

    def renew(self, lost: Identity) -> None:
        """Note that the brokers do not know an identity; returns at once."""
        ...


Lot = tuple[Sequence[Record | Perishable], Waits]
"""Records that came together, and who waits for them; packed when they leave, if not before."""
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


def _alone(records: Sequence[Record | Perishable]) -> Sequence[Record | Perishable]:
    """The same, and what is to be kept for long keeps nothing else."""
    return records.alone() if isinstance(records, Packed) else records


class Outbox:
    """Sends to one partition. Used on the event loop alone; no method blocks or raises.

    Args:
        sender: asks for batches.
        topic: of the partition.
        partition: where all records go.
        observer: told what becomes of them, and says what becomes of those that cannot be delivered.
        identities: under whose number batches leave.
        clock_ms: decides whether a perishable record is late, epoch milliseconds.
    """

    __slots__ = (
        "_apart",
        "_as",
        "_clock_ms",
        "_identities",
        "_is_aside",
        "_is_enlisted",
        "_moved_s",
        "_observer",
        "_on_the_way",
        "_pause_s",
        "_same",
        "_sender",
        "_sent",
        "_sequence",
        "_since_s",
        "_waiting",
        "partition",
        "topic",
    )

    def __init__(
        self,
        sender: Sends,
        topic: str,
        partition: int,
        observer: Observer,
        identities: Identifies,
        clock_ms: Callable[[], int],
    ) -> None:
        self._sender = sender
        self.topic = topic
        self.partition = partition
        self._observer = observer
        self._identities = identities
        self._as = ANONYMOUS  # under which the latest batch left
        self._sequence = 0  # of its first record
        self._sent = 0  # records in it
        self._same = 0  # records at the head that leave together, as they did before
        self._clock_ms = clock_ms
        self._waiting: deque[Lot] = deque()
        self._on_the_way: list[Lot] = []
        self._apart = 0  # records at the head that leave one by one
        self._is_enlisted = False
        self._is_aside = False
        self._since_s = 0.0
        self._moved_s = 0.0  # when a batch was last safe, or the first one left
        self._pause_s = FIRST_PAUSE_S

    def put(self, records: Sequence[Record | Perishable], delivery: Waits) -> None:
        """Queue records; a list is ours from now on."""
        if self._is_aside:
            records = _alone(records)
            delivery.set_aside(len(records))
        self._waiting.append((records, delivery))
        if not self._is_enlisted:
            self._is_enlisted = True
            self._moved_s = time.monotonic()
            self._enlist()

    def stuck_s(self, now_s: float) -> float:
        """Seconds since it last got anything to the broker; 0 where nothing waits."""
        return now_s - self._moved_s if self._is_enlisted else 0.0

    def set_aside(self) -> None:
        """Tell whoever waits for records here that nobody knows how long; and whoever comes, until one is safe."""
        if not self._is_aside:
            self._is_aside = True
            self._on_the_way = [(_alone(records), delivery) for records, delivery in self._on_the_way]
            self._waiting = deque((_alone(records), delivery) for records, delivery in self._waiting)
            for records, delivery in chain(self._on_the_way, self._waiting):
                delivery.set_aside(len(records))

    def _enlist(self) -> None:
        self._since_s = time.monotonic()
        self._sender.enlist(self)

    def fill(self) -> bytearray | None:
        """Make the batch that is on its way from now on; None, said to the observer, where that is impossible."""
        try:
            return self._fill()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody knows which of the records raised it
            self._on_the_way.extend(self._waiting)
            self._waiting.clear()
            self._fail(error)
            return None

    def settle(self, error: Exception | None) -> None:
        """Learn what became of the batch: None = it is safe."""
        try:
            if error is None or isinstance(error, DuplicateSequenceNumber):
                self._succeed()
            else:
                self._fail(error)
        except Exception as broken:  # noqa: BLE001 - whoever waits may never hear of its records now
            self._observer.undelivered(self, 0, broken, self._since_s)

    def _succeed(self) -> None:
        self._sequence, self._same = (self._sequence + self._sent) % SEQUENCES, 0
        self._is_aside, self._moved_s = False, time.monotonic()
        self._arrived()
        if self._pause_s > FIRST_PAUSE_S:
            self._observer.recovered(self)
            self._pause_s = FIRST_PAUSE_S
        self._go_on()

    def _fail(self, error: Exception) -> None:
        self._same = 0
        if isinstance(error, LOST):
            self._identities.renew(self._as)
        records = sum(len(some) for some, _ in self._on_the_way)
        if records > 1 and isinstance(error, _TOO_LARGE):
            self._apart = records
            self._take_back()
            self._go_on()
            return
        fate = self._observer.undelivered(self, records, error, self._since_s)
        if fate is Fate.STUCK:
            return
        if fate is Fate.AGAIN:
            self._take_back()
            self._same = 0 if self._as is ANONYMOUS else self._sent
        else:
            self._arrived()
            if isinstance(error, _TOO_LARGE):  # the next one may fit
                self._go_on()
                return
        asyncio.get_running_loop().call_later(self._pause_s, self._go_on)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _go_on(self) -> None:
        if self._waiting:
            self._enlist()
        else:
            self._is_enlisted = False

    def _take_back(self) -> None:
        self._waiting.extendleft(reversed(self._on_the_way))
        self._on_the_way = []

    def _fill(self) -> bytearray:
        """Take what waits, as far as it fits; the builder takes the first record whatever its size."""
        if self._as is not self._identities.current:
            self._as, self._sequence, self._same = self._identities.current, 0, 0
        now_ms = self._clock_ms()
        if self._same and self._has_grown_old(now_ms):  # under its number the broker would not take the late form
            self._identities.renew(self._as)
            self._as, self._sequence, self._same = ANONYMOUS, 0, 0
        batch = RecordBatch(MAX_BATCH_BYTES)
        most = 1 if self._apart else self._same
        while self._waiting and not (most and batch.records == most):
            records, delivery = self._waiting[0]
            lot = packed(records).as_of(now_ms)
            self._waiting[0] = lot, delivery  # from now on it is this one
            wanted = min(len(lot), most - batch.records) if most else len(lot)
            taken = batch.take(lot.part(0, wanted))
            if taken < len(lot):
                if taken:
                    self._on_the_way.append((lot.part(0, taken), delivery))
                    self._waiting[0] = lot.part(taken, len(lot)), delivery
                break
            self._on_the_way.append(self._waiting.popleft())
        self._sent = batch.records
        return batch.build(now_ms, self._as, self._sequence)

    def _has_grown_old(self, now_ms: int) -> bool:
        """Whether a record that leaves again must leave in its late form."""
        again = islice(chain.from_iterable(records for records, _ in self._waiting), self._same)
        return any(isinstance(record, Perishable) and now_ms > record.expires_ms for record in again)

    def _arrived(self) -> None:
        """Nobody has to wait for what was on its way any longer."""
        lots, self._on_the_way = self._on_the_way, []
        for records, delivery in lots:
            self._apart = max(0, self._apart - len(records))
            self._observer.settled(len(records))
            delivery.arrived(len(records))
