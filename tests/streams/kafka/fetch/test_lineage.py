"""Epochs of the batches that are fetched: another one than before is a doubt, and so is a fetch that fails."""

import struct

from faust.types import TP

from streams.kafka.fetch.lineage import Lineage

CALLS = TP("call-events", 3)


def batch(epoch: int, magic: int = 2, body: int = 60) -> bytes:
    """Head of a batch: base offset, length of what follows, leader epoch, version."""
    return struct.pack(">qiib", 0, 5 + body, epoch, magic) + bytes(body)


def arrived(lineage: Lineage, *epochs: int, magic: int = 2) -> list[TP]:
    """What a fetch that brings these epochs leaves in doubt; the batches stand in the middle of a response."""
    data = b"before" + b"".join(batch(epoch, magic) for epoch in epochs) + b"behind"
    lineage.arrived(CALLS, data, 6, len(data) - 6)
    return lineage.take_doubts()


def test_one_leader_after_the_other_in_one_log_is_no_doubt() -> None:
    """The first batch of a fetch goes on with the epoch of the last one of the fetch before."""
    lineage = Lineage()
    assert arrived(lineage, 4, 4) == []
    assert arrived(lineage, 4, 5, 5) == []
    assert arrived(lineage, 5) == []
    assert lineage.epochs == {CALLS: 5}


def test_a_first_batch_of_another_epoch_is_a_doubt_until_it_is_accepted() -> None:
    """Higher or lower: the leader changed, or the topic is another. The epoch that was read stays known."""
    for other in (3, 5):
        lineage = Lineage()
        arrived(lineage, 4)
        assert arrived(lineage, other) == [CALLS]
        assert lineage.epochs == {CALLS: 4}
        lineage.accept(CALLS)
        assert arrived(lineage, other, 7) == []
        assert lineage.epochs == {CALLS: 7}


def test_a_doubt_is_told_once() -> None:
    lineage = Lineage()
    lineage.refused([CALLS, CALLS])
    assert lineage.take_doubts() == [CALLS]
    assert lineage.take_doubts() == []


def test_a_log_that_was_looked_at_is_in_doubt_no_more() -> None:
    """What was refused before is what made somebody look."""
    lineage = Lineage()
    lineage.refused([CALLS])
    lineage.accept(CALLS)
    assert lineage.take_doubts() == []


def test_batches_without_an_epoch_and_cut_ones_say_nothing() -> None:
    """Kafka before 0.11; the end of a response that was cut at a size."""
    lineage = Lineage()
    assert arrived(lineage, 4, magic=1) == []
    data = batch(4)
    lineage.arrived(CALLS, data, 0, len(data) - 1)
    lineage.arrived(CALLS, b"", 0, 0)
    assert lineage.take_doubts() == []
    assert lineage.epochs == {}
