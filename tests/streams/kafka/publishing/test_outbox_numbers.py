"""Under which producer id and numbers batches leave, so that a broker knows one that it has stored."""

import pytest
from aiokafka import errors

from streams.kafka.publishing.identity import ANONYMOUS, SEQUENCES, Identity
from streams.kafka.publishing.records import Perishable
from tests.streams.kafka.publishing.outbox_case import AWAY, TOO_LARGE, Play, World

ME, OTHER = Identity(7, 0), Identity(8, 0)


def test_batches_of_an_identity_are_numbered_by_their_records(play: Play) -> None:
    def story(world: World) -> None:
        world.current = ME
        world.put(b"a", b"b")
        assert world.leaves_as() == (7, 0, 0, 2)
        world.put(b"c")
        world.outbox.settle(None)
        assert world.leaves_as() == (7, 0, 2, 1)
        world.outbox.settle(errors.DuplicateSequenceNumber())
        assert world.arrived_records == 3

    play(story)


def test_what_is_tried_again_is_the_same_batch_however_much_has_come_meanwhile(play: Play) -> None:
    """Else a broker that has stored it would not know it again: it looks at the numbers of first and last record."""

    def story(world: World) -> None:
        world.current = ME
        world.put(b"a")
        world.put(b"b", b"c")
        assert world.leaves_as() == (7, 0, 0, 3)
        world.put(b"d")
        for _ in range(3):
            world.outbox.settle(AWAY)
            world.end_pause()
            assert world.leaves() == [b"a", b"b", b"c"]
        world.outbox.settle(None)
        assert world.leaves_as() == (7, 0, 3, 1)

    play(story)


def test_a_part_of_what_came_together_is_tried_again_as_that_part(play: Play) -> None:
    def story(world: World) -> None:
        world.current = ME
        world.put(*[bytes(200_000)] * 3)
        assert world.leaves_as() == (7, 0, 0, 2)
        world.outbox.settle(AWAY)
        world.end_pause()
        assert world.leaves_as() == (7, 0, 0, 2)
        world.outbox.settle(None)
        assert world.leaves_as() == (7, 0, 2, 1)

    play(story)


def test_what_is_too_large_together_has_taken_no_number(play: Play) -> None:
    def story(world: World) -> None:
        world.current = ME
        world.put(b"a", b"b", b"c")
        world.leaves()
        world.outbox.settle(TOO_LARGE)
        for number in range(3):
            assert world.leaves_as() == (7, 0, number, 1)
            world.outbox.settle(None)

    play(story)


@pytest.mark.parametrize(
    "lost", [errors.OutOfOrderSequenceNumber, errors.UnknownProducerId, errors.InvalidProducerEpoch]
)
def test_without_its_identity_it_goes_on_and_with_another_one_counts_anew(play: Play, lost: type[Exception]) -> None:
    def story(world: World) -> None:
        world.current = ME
        world.put(b"a")
        world.leaves()
        world.outbox.settle(None)
        world.put(b"b")
        assert world.leaves_as() == (7, 0, 1, 1)
        world.outbox.settle(lost())
        world.put(b"c")
        world.end_pause()
        assert world.leaves_as() == (-1, -1, 0, 2)
        world.outbox.settle(None)
        world.current = OTHER
        world.put(b"d")
        assert world.leaves_as() == (8, 0, 0, 1)
        world.outbox.settle(None)
        assert world.arrived_records == 4

    play(story)


def test_numbers_begin_again_behind_the_last_one(play: Play) -> None:
    def story(world: World) -> None:
        world.current = ME
        world.put(b"a")
        world.leaves()
        world.outbox.settle(None)
        world.outbox._sequence = SEQUENCES - 1
        world.put(b"b", b"c")
        assert world.leaves_as() == (7, 0, SEQUENCES - 1, 2)
        world.outbox.settle(None)
        world.put(b"d")
        assert world.leaves_as() == (7, 0, 1, 1)

    play(story)


def test_a_late_form_leaves_without_a_number_so_that_it_is_stored_whatever_was_before(play: Play) -> None:
    """The block may lie in the socket of a frozen broker: what comes behind it has to say that it no longer holds."""

    def story(world: World) -> None:
        world.current = ME
        world.put(Perishable(b"switch-1", b"block", 2_000, lambda: b"late"), b"b")
        assert world.leaves_as() == (7, 0, 0, 2)
        world.outbox.settle(AWAY)
        world.end_pause()
        world.now_ms = 2_001
        assert world.leaves() == [b"late", b"b"]
        assert world.current is ANONYMOUS
        world.outbox.settle(None)

    play(story)
