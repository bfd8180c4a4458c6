"""Batches that no honest client makes, sent as they are: bombs, huge keys, empty records, lies, calls dear to read.

Each is made once; to send it again costs nothing. What the broker refuses is hostile too: it is the broker's turn then.
"""

import struct
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.structs import TopicPartition

from tests.integration.odd_batches_case import MIB
from tests.streams.kafka.fetch.batches import CODECS, COUNT_AT, RECORDS_AT, batch, signed
from tests.streams.wire.dear import DEAR

BOMB_MIB = {"gzip": 60, "snappy": 18, "lz4": 60, "zstd": 60}
"""What a broker still takes: it wants a batch in one MiB, and snappy makes 1 of 21."""
DEAR_CALLS = 1_000
TIMEOUT_MS = 30_000


def bombs() -> list[bytes]:
    """One in each codec."""
    return [_of([(None, bytes(size * MIB))], codec) for codec, size in BOMB_MIB.items()]


def huge_keys() -> list[bytes]:
    """197 bytes that are a key of 3 MiB, and a megabyte that is one."""
    return [_of([(bytes(3 * MIB), b"{}")], "zstd"), _of([(b"k" * 400_000, b"v" * 600_000)], "none")]


def empty_records() -> list[bytes]:
    """A hundred thousand in one batch."""
    return [_of([(None, None)] * 100_000, "zstd")]


def dear() -> Iterator[bytes]:
    """A thousand valid calls each that are dear to read, one kind after the other; no call comes twice."""
    for number, make in enumerate(cycle(DEAR.values())):
        first = DEAR_CALLS * number
        yield _of([(None, make(one)) for one in range(first, first + DEAR_CALLS)], "zstd")


def lies(value: bytes) -> list[bytes]:
    """Batches of one record whose count or first length is not what it says, with the right checksum."""
    found = []
    for codec in CODECS:
        for count in (-1, 0, 2, 2**31 - 1):
            lying = bytearray(_of([(None, value)], codec))
            lying[COUNT_AT : COUNT_AT + 4] = struct.pack(">i", count)
            found.append(bytes(signed(lying)))
        lying = bytearray(_of([(None, value)], codec))
        lying[RECORDS_AT] ^= 0x3F
        found.append(bytes(signed(lying)))
    return found


def _of(records: list[tuple[bytes | None, bytes | None]], codec: str) -> bytes:
    return bytes(batch(0, [(0, key, value, []) for key, value in records], CODECS[codec]))


class RawProducer:
    """Sends batches as they are.

    Args:
        bootstrap: of the brokers.
        topic: where they go.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.refused = 0
        self._bootstrap = bootstrap
        self._topic = topic

    async def start(self) -> None:
        """Connect."""
        self._client = AIOKafkaClient(bootstrap_servers=self._bootstrap)
        await self._client.bootstrap()
        self._client.set_topics([self._topic])
        await self._client.force_metadata_update()

    async def stop(self) -> None:
        """Let go."""
        await self._client.close()

    async def send(self, made: bytes, partition: int) -> None:
        """Send one batch to the leader of a partition; what it refuses is counted."""
        leader: Any = self._client.cluster.leader_for_partition(TopicPartition(self._topic, partition))
        request = ProduceRequest(None, -1, TIMEOUT_MS, [(self._topic, [(partition, made)])])
        answer = await self._client.send(leader, request)
        self.refused += answer.topics[0][1][0][1] != 0
