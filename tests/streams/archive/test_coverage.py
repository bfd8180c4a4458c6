"""Whether the archive has every call of a time: where it begins late, ends early or has a hole, it says so.

Asked about are the five minutes before and behind 28 May 20:26:40 (`START_MS`); calls are put around them.
"""

from pathlib import Path

import pytest

from streams.archive.coverage import missing, require_some
from streams.archive.files import ArchiveStore, ArchiveUnusable
from streams.archive.query import connected
from streams.kafka.topics import CALL_EVENTS
from tests.streams.archive.archive_case import DAY_MS, HOUR_MS, START_MS, encoded, put, setup

BEFORE_MS, AFTER_MS = START_MS - HOUR_MS, START_MS + HOUR_MS
ASKED = (START_MS - 300_000, START_MS + 300_000)


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(str(tmp_path / "archive"))


def at(store: ArchiveStore, at_ms: int, first: int, partition: int = 0, setup_ms: int | None = None) -> None:
    """Archive one call that arrives then, and was set up then unless said."""
    call = setup(first, setup_time_ms=at_ms if setup_ms is None else setup_ms)
    put(store, CALL_EVENTS, [encoded(call)], first=first, partition=partition, at_ms=at_ms)


def said(store: ArchiveStore, begin_ms: int = ASKED[0], end_ms: int = ASKED[1]) -> str:
    with connected(store) as connection:
        return missing(connection, begin_ms, end_ms) or ""


def test_an_archive_without_anything_is_refused(store: ArchiveStore) -> None:
    """A wrong address would else look like one without calls."""
    with pytest.raises(ArchiveUnusable, match=r"nothing is archived at .*: is ROBOCALL_ARCHIVE_URL right\?"):
        require_some(store)
    at(store, START_MS, 0)
    require_some(store)


def test_an_empty_archive_has_nothing(store: ArchiveStore) -> None:
    assert said(store) == "the archive has no call events"


def test_calls_on_both_sides_show_that_it_has_what_is_between(store: ArchiveStore) -> None:
    at(store, BEFORE_MS, 7)
    at(store, AFTER_MS, 8)
    assert said(store) == ""


def test_days_on_both_sides_do_too(store: ArchiveStore) -> None:
    at(store, START_MS - 2 * DAY_MS, 7)
    at(store, START_MS + 2 * DAY_MS, 8)
    assert said(store) == ""


def test_it_may_begin_too_late(store: ArchiveStore) -> None:
    at(store, START_MS, 0)
    at(store, AFTER_MS, 1)
    assert said(store) == "the archive begins after 2026-05-28 20:21:40 UTC"
    assert said(store, *(instant_ms - 8 * DAY_MS for instant_ms in ASKED)).startswith("the archive begins after")


def test_it_may_not_have_got_there_yet(store: ArchiveStore) -> None:
    at(store, BEFORE_MS, 0)
    at(store, START_MS + 299_000, 1)
    assert said(store) == "the archive has not reached 2026-05-28 20:31:40 UTC (partition 0): ask again later"


def test_each_partition_must_have_got_there(store: ArchiveStore) -> None:
    for partition in (0, 1):
        at(store, BEFORE_MS, 0, partition)
    at(store, AFTER_MS, 1)
    assert "(partition 1)" in said(store)
    at(store, AFTER_MS, 1, partition=1)
    assert said(store) == ""


def test_a_partition_with_its_very_first_record_may_begin_later_and_another_one_not(store: ArchiveStore) -> None:
    at(store, BEFORE_MS, 4)
    at(store, AFTER_MS, 5)
    at(store, AFTER_MS, 0, partition=1)
    assert said(store) == ""
    at(store, AFTER_MS, 3, partition=2)
    assert said(store).startswith("the archive begins after")


def test_a_hole_is_told_only_of_the_days_that_it_may_be_in(store: ArchiveStore) -> None:
    at(store, START_MS - 2 * DAY_MS, 0)
    at(store, START_MS + DAY_MS, 5)
    at(store, START_MS + 2 * DAY_MS, 6)
    at(store, START_MS + 3 * DAY_MS, 7)
    assert said(store) == "partition 0 of the archive lacks 4 records of 2026-05-26 to 2026-05-29"
    assert said(store, *(instant_ms + 2 * DAY_MS for instant_ms in ASKED)) == ""


def test_calls_that_were_loaded_later_count_by_when_they_were(store: ArchiveStore) -> None:
    """A replay of old calls: all arrive at once."""
    for number, setup_ms in enumerate((BEFORE_MS, AFTER_MS)):
        at(store, START_MS + DAY_MS, number, setup_ms=setup_ms)
    assert said(store) == ""


def test_the_end_of_a_call_that_began_before_the_archive_shows_nothing(store: ArchiveStore) -> None:
    end = setup(0, setup_time_ms=BEFORE_MS) | {"type": "call_end", "end_time_ms": START_MS, "sip_status": 200}
    put(store, CALL_EVENTS, [encoded(end)], at_ms=START_MS)
    at(store, AFTER_MS, 1)
    assert said(store).startswith("the archive begins after")
