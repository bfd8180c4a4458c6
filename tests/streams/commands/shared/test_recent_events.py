"""What recent call events tell of whoever publishes them."""

import json

import pytest

from streams.commands.shared.recent_events import (
    FEWEST_SETUPS,
    MOST_PARTITIONS,
    Recent,
    RecentEvents,
    endless,
    looked_at,
    misplaced,
)
from streams.kafka.partitioner import partitions_of
from streams.kafka.placement import REMEDY

PARTITIONS = 4


def events(setups: int, ends: int, *, is_astray: bool = False) -> RecentEvents:
    keys = [f"+1202555{number:04d}".encode() for number in range(setups + ends)]
    places = partitions_of(keys, PARTITIONS)
    kinds = ["call_setup"] * setups + ["call_end"] * ends
    records = [
        Recent(key, (place + is_astray) % PARTITIONS, json.dumps({"type": kind, "switch_id": "sbc-1"}).encode())
        for key, place, kind in zip(keys, places, kinds, strict=True)
    ]
    return RecentEvents(records, PARTITIONS)


@pytest.mark.parametrize(("setups", "ends"), [(0, 0), (FEWEST_SETUPS - 1, 0), (200, 190), (200, 10), (0, 60)])
def test_calls_that_end_are_nothing_to_speak_of(setups: int, ends: int) -> None:
    """Nor are so few that none may have ended yet."""
    assert endless(events(setups, ends)) is None


@pytest.mark.parametrize("ends", [0, 9])
def test_where_calls_come_and_hardly_any_ends_it_is_said_with_what_to_do(ends: int) -> None:
    """A bridge publishes the ends of what it blocked, and those alone."""
    complaint = endless(events(200, ends))

    assert complaint is not None
    assert complaint.startswith(f"{ends} ends beside 200 set-ups among the recent call events")
    assert "call detail records" in complaint


def test_what_is_no_event_counts_as_nothing() -> None:
    junk = [Recent(b"k", 0, value) for value in (None, b"", b"[1]", b"{", b'{"type": 5}', b"[" * 100_000, b"\xff")]

    assert endless(RecentEvents(junk, 1)) is None
    assert misplaced(RecentEvents(junk, 1)) is None


def test_records_astray_name_who_wrote_them() -> None:
    assert misplaced(events(60, 60)) is None

    complaint = misplaced(events(60, 60, is_astray=True))

    assert complaint is not None
    assert "120 of 120 recent call events are not in the partition of their key" in complaint
    assert "switch_id 'sbc-1'" in complaint
    assert complaint.endswith(REMEDY)


@pytest.mark.parametrize(("partitions", "count"), [(0, 0), (1, 1), (32, 32), (33, 17), (63, 32), (64, 32), (1_000, 32)])
def test_of_many_partitions_some_are_read(partitions: int, count: int) -> None:
    """Each takes some tenths of a second."""
    assert len(looked_at(partitions)) == count <= MOST_PARTITIONS
