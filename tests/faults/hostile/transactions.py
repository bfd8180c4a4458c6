"""Transactions that abort or stay open, and batches that are damaged on the broker's disk before anybody reads them.

Nobody who reads committed records sees one of an open transaction. So a batch is put into one, damaged where it lies in
the log, and then committed: every reader meets it, and none has read it before.
"""

import os
import random
import struct
import time
from pathlib import Path

from confluent_kafka import Producer

from tests.integration.odd_batches_case import call, must_arrive
from tests.streams.kafka.fetch.batches import COUNT_AT, RECORDS_AT, signed
from tests.waiting import HANG_S

LENGTH_AT, HEAD_BYTES = 8, 12
LOOK_BACK = 4 * 1024 * 1024


class Transactions:
    """One producer whose transactions end as they like. Blocking.

    Args:
        bootstrap: of the broker.
        data: its folder.
        topic: where the calls go.
        first: number of its first call.
    """

    def __init__(self, bootstrap: str, data: Path, topic: str, first: int) -> None:
        self.damaged = 0
        self._data = data
        self._topic = topic
        self._number = first
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": f"stranger-{time.time_ns()}",
                "linger.ms": 0,
                "log_level": 0,
            }
        )
        self._producer.init_transactions(HANG_S)

    def send(self, partition: int, *, open_s: float = 0.0, is_kept: bool = False) -> None:
        """Have three calls in a transaction that stays open for a time, and is then aborted or committed."""
        self._producer.begin_transaction()
        for _ in range(3):
            self._put(partition, self._next())
        time.sleep(open_s)
        if is_kept:
            self._producer.commit_transaction(HANG_S)
        else:
            self._producer.abort_transaction(HANG_S)

    def send_damaged(self, partition: int, chance: random.Random) -> None:
        """Commit a batch that was changed on the disk: a bit, or a count or a length under a right checksum."""
        mark = self._next()
        self._producer.begin_transaction()
        self._put(partition, mark)
        self.damaged += _damage(self._data, self._topic, partition, call(mark)[:60], chance)
        self._producer.commit_transaction(HANG_S)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _put(self, partition: int, number: int) -> None:
        self._producer.produce(self._topic, call(number), partition=partition, on_delivery=must_arrive)
        assert self._producer.flush(HANG_S) == 0


def _damage(data: Path, topic: str, partition: int, text: bytes, chance: random.Random) -> bool:
    """Change the last batch of a partition that holds a text, where it lies; whether it was found."""
    path = max(data.glob(f"**/{topic}-{partition}/*.log"))
    with path.open("r+b", buffering=0) as log:
        start = max(0, log.seek(0, os.SEEK_END) - LOOK_BACK)
        log.seek(start)
        tail = log.read(LOOK_BACK)
        at = _batch_with(tail, tail.rfind(text))
        if at < 0:
            return False
        (length,) = struct.unpack_from(">i", tail, at + LENGTH_AT)
        made = bytearray(tail[at : at + HEAD_BYTES + length])
        kind = chance.randrange(3)
        if kind == 0:
            made[chance.randrange(RECORDS_AT, len(made))] ^= 1 << chance.randrange(8)
        elif kind == 1:
            made[COUNT_AT : COUNT_AT + 4] = struct.pack(">i", chance.choice((-1, 7, 2**31 - 1)))
            signed(made)
        else:
            made[RECORDS_AT] ^= 0x3F
            signed(made)
        log.seek(start + at)
        log.write(made)
        return True


def _batch_with(tail: bytes, text_at: int) -> int:
    """Where the batch begins that holds a place in the tail of a log; -1 where there is none."""
    for at in range(text_at - RECORDS_AT, max(-1, text_at - 1_000), -1):
        length = struct.unpack_from(">i", tail, at + LENGTH_AT)[0] if at >= 0 else 0
        if at >= 0 and tail[at + 16] == 2 and at + RECORDS_AT < text_at < at + HEAD_BYTES + length < len(tail) + 1:
            return at
    return -1
