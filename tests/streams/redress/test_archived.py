"""Blocked calls of a subscriber, from the archive: all of them, or a word on what it lacks."""

import time
from pathlib import Path

import pytest

from streams.archive.files import ArchiveStore, ArchiveUnusable
from streams.kafka.topics import CALL_EVENTS
from streams.redress.archived import blocked_calls
from streams.wire.records import encode
from tests.streams.archive.archive_case import DAY_MS, HOUR_MS, put, setup

CALLED = "+13125550142"
NOW_MS = time.time_ns() // 1_000_000


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveStore:
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    return ArchiveStore(str(tmp_path / "archive"))


def archived(store: ArchiveStore, *at_ms: int) -> None:
    """Archive a call of each of these instants; earlier records went before there was an archive."""
    for first, one_ms in enumerate(at_ms, 7):
        put(store, CALL_EVENTS, [encode(setup(first, setup_time_ms=one_ms))], first=first, at_ms=one_ms)


def test_an_archive_of_nothing_is_no_answer(store: ArchiveStore) -> None:
    """A subscriber would be told of 0 calls."""
    with pytest.raises(ArchiveUnusable, match=f"nothing is archived at {store.url}"):
        blocked_calls(CALLED, NOW_MS)


def test_an_archive_of_all_days_lacks_nothing(store: ArchiveStore) -> None:
    archived(store, NOW_MS - 29 * DAY_MS, NOW_MS - HOUR_MS)
    assert blocked_calls(CALLED, NOW_MS) == ([], None)


def test_an_archive_that_began_later_says_so(store: ArchiveStore) -> None:
    archived(store, NOW_MS - 20 * DAY_MS, NOW_MS - HOUR_MS)
    assert str(blocked_calls(CALLED, NOW_MS).lacks).startswith("the archive begins after")


def test_an_archive_that_stopped_says_so(store: ArchiveStore) -> None:
    archived(store, NOW_MS - 29 * DAY_MS, NOW_MS - 5 * DAY_MS)
    assert str(blocked_calls(CALLED, NOW_MS).lacks).startswith("the archive has not reached")
