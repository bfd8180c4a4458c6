"""What stories of an outbox are told with: a sender, a loop and a clock that are moved by hand."""

import struct
from collections.abc import Callable
from typing import Any

from aiokafka import errors
from aiokafka.record.memory_records import MemoryRecords

from streams.kafka.publishing.identity import ANONYMOUS, Identity
from streams.kafka.publishing.outbox import Fate, Outbox
from streams.kafka.publishing.publisher import may_pass
from streams.kafka.publishing.records import Perishable, Record

AWAY = errors.RequestTimedOutError()
REFUSED = errors.TopicAuthorizationFailedError("call-decisions")
TOO_LARGE = errors.MessageSizeTooLargeError()


class World:
    """An outbox, whoever listens to it, and a sender that does nothing by itself."""

    def __init__(self, refused: Fate) -> None:
        self.now_ms = 1_000
        self.enlisted = 0
        self.pauses_s: list[float] = []
        self.troubles = self.recoveries = self.settled_records = self.arrived_records = self.aside_records = 0
        self.failures: list[tuple[Exception, int]] = []
        self._refused = refused
        self.current = ANONYMOUS
        self.outbox = Outbox(self, "call-decisions", 3, self, self, lambda: self.now_ms)
        self._resume: list[Callable[[], object]] = []

    # What the outbox asks of its sender, and of the loop

    def enlist(self, outbox: Outbox) -> None:
        assert outbox is self.outbox
        self.enlisted += 1

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> None:
        self.pauses_s.append(delay_s)
        self._resume.append(callback)

    # What it asks about itself

    def renew(self, lost: Identity) -> None:
        assert lost is self.current
        self.current = ANONYMOUS

    # What it tells

    def settled(self, records: int) -> None:
        self.settled_records += records

    def arrived(self, records: int) -> None:
        self.arrived_records += records

    def set_aside(self, records: int) -> None:
        self.aside_records += records

    def undelivered(self, outbox: Outbox, records: int, error: Exception, since: float) -> Fate:
        del outbox, since
        if may_pass(error):
            self.troubles += 1
            return Fate.AGAIN
        self.failures.append((error, records))
        return self._refused

    def recovered(self, outbox: Outbox) -> None:
        del outbox
        self.recoveries += 1

    # What the test does

    def put(self, *values: bytes | Perishable) -> None:
        self.outbox.put([value if isinstance(value, Perishable) else _record(value) for value in values], self)

    def leaves(self) -> list[bytes]:
        """Values of the batch that is on its way from now on."""
        batch = self.outbox.fill()
        assert batch is not None
        found: Any = MemoryRecords(bytes(batch)).next_batch()
        return [bytes(record.value) for record in found]

    def leaves_as(self) -> tuple[int, int, int, int]:
        """Producer id, epoch, number of the first record and how many there are, of the batch that leaves now."""
        batch = self.outbox.fill()
        assert batch is not None
        return struct.unpack_from(">qhii", batch, 43)

    def end_pause(self) -> None:
        self._resume.pop()()


def _record(value: bytes) -> Record:
    return b"switch-1", value


Story = Callable[[World], None]
Play = Callable[..., World]
