"""Events by index, made when asked for, and once."""

import random
from typing import Any

import numpy as np
import pytest

from detector.contract.events import CallEvent
from streams.wire.lazy_events import LazyEvents
from streams.wire.record_columns import records_of
from streams.wire.records import EVENT_DECODER
from tests.streams.wire.malformed import good_setup

VALUES = [good_setup(random.Random(seed)) for seed in range(5)]
EVENTS: list[CallEvent] = [EVENT_DECODER.decode(value) for value in VALUES]


class Counting:
    """The real decoder, which keeps what it was given."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def decode(self, value: bytes) -> Any:
        self.seen.append(value)
        return EVENT_DECODER.decode(value)


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr("streams.wire.lazy_events.EVENT_DECODER", counting)
    return counting


def test_only_what_is_asked_for_is_decoded_and_once(decoder: Counting) -> None:
    events = LazyEvents(records_of(VALUES), np.arange(5), {})

    assert (len(events), decoder.seen) == (5, [])
    assert events[3] is events[3] is events[-2]
    assert events[3] == EVENTS[3]
    assert decoder.seen == [VALUES[3]]


def test_what_is_there_already_is_not_decoded(decoder: Counting) -> None:
    made = {0: EVENTS[0], 2: EVENTS[2], 4: EVENTS[4]}
    events = LazyEvents(records_of(VALUES), np.arange(5), made)

    some = events.take([4, 1, 0])

    assert [some[0], some[2]] == [EVENTS[4], EVENTS[0]]
    assert decoder.seen == []
    assert some == [EVENTS[4], EVENTS[1], EVENTS[0]]
    assert events[1] is some[1]
    assert decoder.seen == [VALUES[1]]


def test_it_is_a_sequence() -> None:
    events = LazyEvents(records_of(VALUES), np.arange(5), {})

    assert list(events) == EVENTS
    assert events[1:4] == EVENTS[1:4]
    assert events[::-1] == EVENTS[::-1]
    assert events != EVENTS[:4]
    with pytest.raises(IndexError):
        events[5]
    assert "+1" not in repr(events)
