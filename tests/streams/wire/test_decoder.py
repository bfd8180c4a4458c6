"""The decoder alone: some records of a batch, by position. `test_scan.py` compares what it reads with the scan."""

import random

import numpy as np

from streams.wire.decoder import decode
from streams.wire.record_columns import records_of
from streams.wire.records import EVENT_DECODER
from streams.wire.refusals import Code
from tests.streams.wire.malformed import good_setup

GOOD = [good_setup(random.Random(seed)) for seed in range(2)]


def test_only_what_is_asked_for_is_decoded_and_each_record_stands_alone() -> None:
    """Good and bad ones come out by the position that they have in the batch."""
    records = records_of([b"{", GOOD[0], None, b"", GOOD[1], b"{"])

    decoded = decode(records, np.array([1, 2, 3, 5]))

    assert decoded.events == {1: EVENT_DECODER.decode(GOOD[0])}
    assert [(one.position, one.code) for one in decoded.rejected] == [
        (2, Code.EMPTY),
        (3, Code.EMPTY),
        (5, Code.INVALID_JSON),
    ]


def test_nothing_is_decoded_where_nothing_is_asked_for() -> None:
    """A batch of plain records."""
    decoded = decode(records_of(GOOD), np.array([], np.int64))

    assert (decoded.events, decoded.rejected) == ({}, [])
