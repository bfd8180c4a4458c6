"""The checksum of batches."""

import numpy as np
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.fetch.record_batches import crc32c, crc_by_table, is_whole
from tests.streams.kafka.fetch.batches import ATTRIBUTES_AT, batch


@given(st.binary(max_size=300), st.integers(0, 20))
def test_the_checksum_is_the_same_with_and_without_the_instruction(data: bytes, start: int) -> None:
    """CRC-32C, against aiokafka's."""
    view = np.frombuffer(data, np.uint8)
    start = min(start, len(data))
    assert crc32c(view, start, len(data)) == crc_by_table(view, start, len(data)) == calc_crc32c(data[start:])


@given(st.binary(max_size=50), st.data())
def test_every_bit_behind_the_checksum_counts(value: bytes, data: st.DataObject) -> None:
    made = batch(7, [(0, b"key", value, [])])
    assert is_whole(b"head" + bytes(made), 4, 4 + len(made))
    bit = data.draw(st.integers(8 * ATTRIBUTES_AT, 8 * len(made) - 1))
    made[bit // 8] ^= 1 << bit % 8
    assert not is_whole(b"head" + bytes(made), 4, 4 + len(made))
