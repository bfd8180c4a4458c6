"""Batch and one-by-one beside each other; and records that make our own code raise, which cost themselves only."""

import random
from dataclasses import fields
from typing import Any

import msgspec
import numpy as np
import pytest

from detector.columns.batch_columns import BatchColumns, columns_of
from detector.columns.call_columns import CallBatch
from streams.screening.one_by_one import Prepared, prepare_at_once, prepare_one_by_one, read_apart
from streams.wire.reading import Reading, read
from streams.wire.record_columns import records_of
from streams.wire.records import EVENT_DECODER
from tests.streams.wire.malformed import good_setup

SEED = 5


def setup(number: int) -> bytes:
    """One call setup, which the scan leaves to the decoder for its name."""
    return msgspec.json.encode(
        {
            "type": "call_setup",
            "call_id": f"call-{number}",
            "setup_time_ms": 1_760_000_000_000 + number,
            "calling_number": f"+1202555{number:04d}",
            "called_number": "+13125550145",
            "trunk_group_id": "trunk-1",
            "calling_name": "Žofie",
        }
    )


VALUES: list[bytes | None] = [setup(0), b"{", setup(2), None, setup(4), setup(5)]


class BrokenDecoder:
    """The real one, but for one call that makes it raise what no refusal is."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id

    def decode(self, value: bytes) -> Any:
        event = EVENT_DECODER.decode(value)
        if event.call_id == self._call_id:
            raise SystemError("a bug of the decoder")
        return event


def build(reading: Reading) -> BatchColumns:
    return columns_of(reading.facts, reading.events, reading.partitions, reading.arrivals_ms, seed=SEED)


def assert_same(one: Prepared, other: Prepared) -> None:
    """Compare all that can be said of two batches."""
    assert one.reading.events == other.reading.events
    assert one.reading.rejected == other.reading.rejected
    for name in ("positions", "partitions", "arrivals_ms"):
        assert getattr(one.reading, name).tolist() == getattr(other.reading, name).tolist()
    assert one.columns is not None
    assert other.columns is not None
    for field in fields(CallBatch):
        if field.name not in {"n", "events", "texts"}:
            assert np.array_equal(getattr(one.columns.events, field.name), getattr(other.columns.events, field.name))
    assert np.array_equal(one.columns.calls.digests, other.columns.calls.digests)
    assert (one.unbuilt, one.poison) == (other.unbuilt, other.poison)


def never(error: Exception) -> None:
    raise AssertionError from error


BATCHES: dict[str, list[bytes | None]] = {
    "odd ones, refused ones and a null": VALUES,
    "plain ones": [good_setup(random.Random(seed)) for seed in range(5)],
    "refused ones only": [b"{", None, b"", b"[]"],
    "nothing": [],
    "plain and odd": [good_setup(random.Random(1)), setup(1), good_setup(random.Random(2)), b"null"],
}


@pytest.mark.parametrize("name", list(BATCHES))
def test_at_once_and_one_by_one_come_to_the_same(name: str) -> None:
    """The fast form and the odd form, side by side, of every kind of batch."""
    values = BATCHES[name]
    records = records_of(values, range(10, 10 + len(values)), range(50, 50 + len(values)))

    assert_same(prepare_one_by_one(records, build, never), prepare_at_once(records, build))


@pytest.mark.parametrize("poison", [0, 2, 5])
def test_a_record_that_makes_the_decoder_raise_is_left_out_alone(poison: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions of the others are those in the whole batch."""
    expected = read(records_of(VALUES))
    monkeypatch.setattr("streams.wire.decoder.decode_event", BrokenDecoder(f"call-{poison}").decode)

    reading, found = read_apart(records_of(VALUES))

    assert [(one.position, type(one.error)) for one in found] == [(poison, SystemError)]
    kept = [index for index, position in enumerate(expected.positions) if position != poison]
    assert reading.positions.tolist() == expected.positions[kept].tolist()
    assert reading.events == [expected.events[index] for index in kept]
    assert reading.facts.is_setup.tolist() == [True] * len(kept)
    assert reading.rejected == expected.rejected


@pytest.mark.parametrize("poison", [set[int](), {0}, {2, 5}, {0, 2, 4, 5}])
def test_events_that_make_the_columns_raise_are_left_out_alone(poison: set[int]) -> None:
    """The columns are those of a batch without them, and every error is told."""
    records = records_of(VALUES, range(6))
    bad = {f"call-{number}" for number in poison}
    told: list[Exception] = []

    def broken(reading: Reading) -> BatchColumns:
        if any(event.call_id in bad for event in reading.events):
            raise OverflowError("a bug")
        return build(reading)

    prepared = prepare_one_by_one(records, broken, told.append)

    assert {prepared.reading.positions.item(index) for index in prepared.unbuilt} == poison
    assert [type(error) for error in told] == [OverflowError] * len(poison)
    rest = [value if number not in poison else b"{" for number, value in enumerate(VALUES)]
    expected = prepare_at_once(records_of(rest, range(6)), build)
    assert prepared.columns is not None
    assert expected.columns is not None
    assert prepared.columns.events.partition.tolist() == expected.columns.events.partition.tolist()
    assert np.array_equal(prepared.columns.events.calling, expected.columns.events.calling)
    assert np.array_equal(prepared.columns.calls.digests, expected.columns.calls.digests)


def test_columns_that_can_be_made_of_each_but_not_of_all_are_none() -> None:
    """Then no screening is possible, and every call passes."""
    told: list[Exception] = []

    def broken(reading: Reading) -> BatchColumns:
        if len(reading.positions) > 1:
            raise OverflowError("a bug")
        return build(reading)

    prepared = prepare_one_by_one(records_of(VALUES), broken, told.append)

    assert (prepared.columns, prepared.unbuilt) == (None, ())
    assert [type(error) for error in told] == [OverflowError]
