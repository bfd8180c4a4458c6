"""Records that make our own code raise: found, left out, and nothing else of their batch is touched."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from detector.columns.call_columns import build_batch, build_columns
from detector.columns.facts import Facts
from streams.screening.one_by_one import build_apart, read_apart
from streams.wire.reading import read
from streams.wire.records import EVENT_DECODER

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


def test_reading_apart_is_reading_when_nothing_raises() -> None:
    assert read_apart(VALUES) == (read(VALUES), [])


@pytest.mark.parametrize("poison", [0, 2, 5])
def test_a_record_that_makes_the_decoder_raise_is_left_out_alone(poison: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions of the others are those in the whole batch."""
    expected = read(VALUES)
    monkeypatch.setattr("streams.wire.reading.EVENT_DECODER", BrokenDecoder(f"call-{poison}"))

    intake, found = read_apart(VALUES)

    assert [(one.position, type(one.error)) for one in found] == [(poison, SystemError)]
    kept = [index for index, position in enumerate(expected.positions) if position != poison]
    assert intake.positions == [expected.positions[index] for index in kept]
    assert intake.events == [expected.events[index] for index in kept]
    assert intake.is_setup == [True] * len(kept)
    assert intake.rejected == expected.rejected


@pytest.mark.parametrize("poison", [set[int](), {0}, {2, 5}, {0, 2, 4, 5}])
def test_events_that_make_the_columns_raise_are_left_out_alone(
    poison: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns, partitions and indexes are those of a batch without them."""
    intake = read(VALUES)
    partitions = [7, 8, 9, 10]

    bad = {f"call-{number}" for number in poison}

    def broken(facts: Facts, events: Sequence[Any], *rest: Any, seed: int) -> Any:
        if any(event.call_id in bad for event in events):
            raise OverflowError("a bug")
        return build_columns(facts, events, *rest, seed=seed)

    monkeypatch.setattr("streams.screening.one_by_one.build_columns", broken)
    batch, kept, found = build_apart(intake, partitions, seed=SEED)

    assert {intake.positions[one.position] for one in found} == poison
    assert kept == [index for index, position in enumerate(intake.positions) if position not in poison]
    assert batch.partition.tolist() == [partitions[index] for index in kept]
    expected = build_batch([intake.events[index] for index in kept], [True] * len(kept), seed=SEED)
    assert np.array_equal(batch.calling, expected.calling)
    assert np.array_equal(batch.time_ms, expected.time_ms)
