"""Merging and deleting: nothing is lost, repeated or hidden, wherever the process is killed and whoever reads."""

import os
import random
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from streams.archive import upkeep
from streams.archive.erasing import erase
from streams.archive.files import ABANDONED_S, ArchiveFile, ArchiveStore, Part, day_of
from streams.archive.query import ask, connected
from streams.archive.schema import OFFSET
from streams.archive.sink import latest_files
from streams.archive.upkeep import FEWEST_OF_TODAY, clear, compact, expired, prune, runs
from streams.kafka.topics import CALL_EVENTS
from tests.processes import ROOT
from tests.streams.archive.archive_case import DAY_MS, START_MS, encoded, files_in, put, rows, setup
from tests.waiting import wait_until

DAY = "2026-05-28"
NEXT_DAY = "2026-05-29"


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(str(tmp_path))


def fill(store: ArchiveStore, files: int, *, each: int = 3, first: int = 0, at_ms: int = START_MS) -> None:
    for number in range(files):
        start = first + number * each
        put(store, CALL_EVENTS, [encoded(setup(start + n)) for n in range(each)], first=start, at_ms=at_ms)


def offsets(store: ArchiveStore) -> list[int]:
    return [row[OFFSET] for row in rows(store, CALL_EVENTS)]


def ranges(store: ArchiveStore) -> list[tuple[int, int]]:
    return sorted((file.first, file.last) for file in store.files(CALL_EVENTS))


def test_small_files_of_a_past_day_become_one_and_go_after_the_grace(store: ArchiveStore) -> None:
    fill(store, 4)
    before = rows(store, CALL_EVENTS)
    (merged,) = compact(store, CALL_EVENTS, NEXT_DAY)
    assert (merged.file.first, merged.file.last, len(merged.parts)) == (0, 11, 4)
    assert clear(store, CALL_EVENTS) == []  # a query may still be reading the parts
    assert len(ranges(store)) == 5
    assert rows(store, CALL_EVENTS) == before
    assert len(clear(store, CALL_EVENTS, grace_s=-1)) == 4
    assert ranges(store) == [(0, 11)]
    assert rows(store, CALL_EVENTS) == before
    assert list(compact(store, CALL_EVENTS, NEXT_DAY)) == []


def test_files_of_the_running_day_are_merged_by_the_dozen(store: ArchiveStore) -> None:
    fill(store, FEWEST_OF_TODAY - 1)
    assert list(compact(store, CALL_EVENTS, DAY)) == []
    fill(store, 1, first=3 * (FEWEST_OF_TODAY - 1))
    before = rows(store, CALL_EVENTS)
    (merged,) = compact(store, CALL_EVENTS, DAY)
    assert (merged.file.first, merged.file.last) == (0, 3 * FEWEST_OF_TODAY - 1)
    assert rows(store, CALL_EVENTS) == before
    assert list(compact(store, CALL_EVENTS, DAY)) == []


def test_a_running_day_has_few_files_and_rewrites_little() -> None:
    """288 files of five minutes, merged each hour: by their sizes, as merging writes them."""
    parts: list[Part] = []
    most = rewritten = 0
    for number in range(288):
        parts.append(Part(ArchiveFile(CALL_EVENTS, 0, number, number, DAY, "0" * 8, 200_000), number))
        if number % 12 != 11:
            continue
        for run in list(runs(parts, DAY)):
            first, last, size = run[0].file, run[-1].file, sum(part.file.size_bytes for part in run)
            rewritten += size
            merged = Part(ArchiveFile(CALL_EVENTS, 0, first.first, last.last, DAY, "0" * 8, size), first.first)
            parts = [part for part in parts if part not in run]
            parts = sorted([*parts, merged], key=lambda part: part.begin)
        most = max(most, len(parts))
    assert most <= 8
    assert rewritten <= 6 * 288 * 200_000
    assert [(part.file.first, part.file.last) for part in parts][-1][1] == 287
    assert all(one.file.last + 1 == other.file.first for one, other in pairwise(parts))


def test_days_and_partitions_stay_apart(store: ArchiveStore) -> None:
    fill(store, 2)
    fill(store, 2, first=6, at_ms=START_MS + DAY_MS)
    put(store, CALL_EVENTS, [encoded(setup(1))], partition=1)
    merged = [
        (one.file.partition, one.file.day, one.file.first, one.file.last)
        for one in compact(store, CALL_EVENTS, "2026-06-30")
    ]
    assert merged == [(0, DAY, 0, 5), (0, NEXT_DAY, 6, 11)]


def test_a_hole_between_files_stays_visible(store: ArchiveStore) -> None:
    """Kafka had deleted the offsets 6 to 8 before the sink was there: one merged file would claim to have them."""
    fill(store, 2)
    fill(store, 2, first=9)
    list(compact(store, CALL_EVENTS, NEXT_DAY))
    clear(store, CALL_EVENTS, grace_s=-1)
    assert ranges(store) == [(0, 5), (9, 14)]


def test_files_that_overlap_are_merged_without_repeats(store: ArchiveStore) -> None:
    """As two sinks leave them."""
    fill(store, 3)
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(4, 12)], first=4)
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(2)], first=0)
    list(compact(store, CALL_EVENTS, NEXT_DAY))
    assert offsets(store) == list(range(12))
    clear(store, CALL_EVENTS, grace_s=-1)
    assert offsets(store) == list(range(12))
    assert list(compact(store, CALL_EVENTS, NEXT_DAY)) == []


def test_any_history_of_writing_merging_and_deleting_keeps_every_record_once(store: ArchiveStore) -> None:
    """Seeded: sinks that overlap, merges at any time, deletions that stop after any file."""
    draw = random.Random(9)
    end = 0
    for _ in range(40):
        step = draw.random()
        if step < 0.6:
            first = max(0, end - draw.choice([0, 0, 1, 4]))
            count = draw.randint(1, 5)
            put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(first, first + count)], first=first)
            end = max(end, first + count)
        elif step < 0.8:
            list(compact(store, CALL_EVENTS, draw.choice([DAY, NEXT_DAY])))
        else:
            superseded = clear(ArchiveStore(store.url), CALL_EVENTS, grace_s=-1)
            assert all(file.last < end for file in superseded)
        assert offsets(store) == list(range(end))
        assert latest_files(store, [CALL_EVENTS])[CALL_EVENTS, 0].last == end - 1


@pytest.mark.slow
def test_a_merge_that_is_killed_at_any_instant_is_ended_by_the_next(store: ArchiveStore) -> None:
    """Kill -9 while it merges forty partitions; before and after every record is there once."""
    for partition in range(40):
        for first in range(0, 12, 3):
            values = [encoded(setup(n)) for n in range(first, first + 3)]
            put(store, CALL_EVENTS, values, first=first, partition=partition)
    before = rows(store, CALL_EVENTS)
    command = [sys.executable, "-m", "streams.commands.main", "archive", "compact"]
    merged = 0
    for wanted in (3, 9, 20):
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"ROBOCALL_ARCHIVE_URL": store.url})
        wait_until(lambda: len(store.files(CALL_EVENTS)) >= 160 + wanted, "some are merged")  # noqa: B023
        process.kill()
        process.wait()
        merged = len(store.files(CALL_EVENTS)) - 160
        assert rows(store, CALL_EVENTS) == before
    assert len(list(compact(store, CALL_EVENTS, NEXT_DAY))) == 40 - merged
    clear(store, CALL_EVENTS, grace_s=-1)
    assert ranges(store) == [(0, 11)] * 40
    assert rows(store, CALL_EVENTS) == before


def test_a_query_that_began_before_the_merge_reads_on(store: ArchiveStore) -> None:
    """It listed the parts; they are still there."""
    fill(store, 5)
    with connected(store) as connection:
        list(compact(store, CALL_EVENTS, NEXT_DAY))
        clear(store, CALL_EVENTS)
        assert ask(connection, "SELECT count(*) FROM call_events").fetchall() == [(15,)]


def test_what_a_killed_writer_left_is_cleared_after_a_day(store: ArchiveStore, tmp_path: Path) -> None:
    fill(store, 1)
    fresh, old = (tmp_path / CALL_EVENTS / f"day={DAY}" / f".{name}.unfinished" for name in ("fresh", "old"))
    fresh.write_text("")
    old.write_text("")
    long_ago = time.time() - ABANDONED_S - 60
    os.utime(old, (long_ago, long_ago))
    clear(store, CALL_EVENTS)
    assert fresh.exists()
    assert not old.exists()


def test_whole_days_past_the_retention_go(store: ArchiveStore, tmp_path: Path) -> None:
    """Kept are 2 days: on the 31st those from the 29th on."""
    fill(store, 2)
    fill(store, 1, first=6, at_ms=START_MS + DAY_MS)
    fill(store, 1, first=9, at_ms=START_MS + 2 * DAY_MS)
    found = expired(store, CALL_EVENTS, 2, "2026-05-31")
    assert [(file.day, file.first) for file in found] == [(DAY, 0), (DAY, 3)]
    assert list(prune(store, CALL_EVENTS, found)) == found
    assert offsets(store) == [6, 7, 8, 9, 10, 11]
    assert not (tmp_path / CALL_EVENTS / f"day={DAY}").exists()


def test_the_sink_goes_on_where_it_was_after_everything_was_pruned(store: ArchiveStore, tmp_path: Path) -> None:
    """A quiet partition whose topic still has the deleted records: they must not come back."""
    fill(store, 2)
    far = day_of(START_MS + 500 * DAY_MS)
    list(prune(store, CALL_EVENTS, expired(store, CALL_EVENTS, 400, far)))
    assert offsets(store) == []
    assert latest_files(store, [CALL_EVENTS])[CALL_EVENTS, 0].last == 5
    assert len(files_in(tmp_path)) == 1
    assert expired(store, CALL_EVENTS, 400, far) == []


def test_a_merge_of_what_is_erased_meanwhile_does_not_stay(
    store: ArchiveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the merged file would bring back what was taken out of its parts after it had read them."""
    number, merge = "+13035550142", upkeep._merge
    fill(store, 4)

    def merged(place: ArchiveStore, run: list[Part]) -> ArchiveFile:
        file = merge(place, run)
        part = next(erase(place, CALL_EVENTS, number, None))
        assert part[1] > 0
        return file

    with monkeypatch.context() as patch:
        patch.setattr(upkeep, "_merge", merged)
        assert list(compact(store, CALL_EVENTS, NEXT_DAY)) == []
    assert len(ranges(store)) == 4
    list(erase(store, CALL_EVENTS, number, None))
    assert len(list(compact(store, CALL_EVENTS, NEXT_DAY))) == 1
    assert rows(store, CALL_EVENTS) == []
