"""Which files count, and that a file appears whole or not at all; in a folder and in an object store."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import StorageError
from streams.archive.files import ArchiveFile, ArchiveStore, ArchiveUnusable, chosen, day_of
from streams.archive.query import ask, connected
from streams.archive.schema import SCHEMAS
from streams.archive.upkeep import clear, compact
from streams.kafka.topics import CALL_EVENTS
from tests.s3_server import s3_server
from tests.streams.archive.archive_case import encoded, files_in, put, rows, setup

BUCKET = "calls"
DRAFT = r"call-events/day=2026-05-28/\.p00000-0{20}-0{19}9-0123abcd-[0-9a-f]{32}\.unfinished"


def file(first: int, last: int, day: str = "2026-05-28", partition: int = 0) -> ArchiveFile:
    return ArchiveFile(CALL_EVENTS, partition, first, last, day, "0123abcd")


@pytest.fixture
def object_store() -> Iterator[ArchiveStore]:
    """An archive in a bucket of a real S3 server."""
    with s3_server(BUCKET) as url:
        yield ArchiveStore(f"{url}/a/b")


def test_a_longer_file_counts_instead_of_its_parts() -> None:
    found = chosen([file(0, 9), file(10, 19), file(0, 19)])
    assert [(part.file.last, part.begin) for part in found.parts] == [(19, 0)]
    assert found.superseded == [file(0, 9), file(10, 19)]


def test_of_two_files_that_overlap_the_later_one_counts_from_where_the_other_ends() -> None:
    found = chosen([file(5, 19), file(0, 9)])
    assert [(part.file.first, part.begin) for part in found.parts] == [(0, 0), (5, 10)]
    assert found.superseded == []


def test_partitions_do_not_hide_each_other() -> None:
    assert len(chosen([file(0, 9, partition=0), file(0, 9, partition=1)]).parts) == 2


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), max_size=12))
def test_every_offset_that_a_file_has_counts_once(ranges: list[tuple[int, int]]) -> None:
    """Whatever was written by how many sinks: the parts that count cover the files, without overlap."""
    files = [file(first, first + length) for first, length in ranges]
    counted = [offset for part in chosen(files).parts for offset in range(part.begin, part.file.last + 1)]
    assert sorted(counted) == sorted({offset for one in files for offset in range(one.first, one.last + 1)})


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """The writer dies between two row groups; neither the file nor its temporary one is there afterwards."""
    store = ArchiveStore(str(tmp_path))

    def write() -> None:
        with store.create(file(0, 9), SCHEMAS[CALL_EVENTS]) as writer:
            writer.write_table(SCHEMAS[CALL_EVENTS].empty_table())
            (draft,) = files_in(tmp_path)
            assert re.fullmatch(DRAFT, draft)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert files_in(tmp_path) == []


def test_strangers_in_the_folder_are_no_files(tmp_path: Path) -> None:
    store = ArchiveStore(str(tmp_path))
    put(store, CALL_EVENTS, [encoded(setup(1))])
    folder = tmp_path / CALL_EVENTS / f"day={day_of(1_780_000_000_000)}"
    (folder / "notes.txt").write_text("mine")
    (folder / ".p00000-1.unfinished").write_text("")
    assert [(one.first, one.last) for one in store.files(CALL_EVENTS)] == [(0, 0)]


def test_an_address_that_nobody_knows_is_one_line() -> None:
    with pytest.raises(StorageError, match="ROBOCALL_ARCHIVE_URL"):
        ArchiveStore("nothing://here")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder would be")
    with pytest.raises(StorageError, match=r"^cannot write the archive at .*: name a folder in ROBOCALL_ARCHIVE_URL$"):
        put(ArchiveStore(str(tmp_path / "taken")), CALL_EVENTS, [encoded(setup(1))])


def test_an_object_store_holds_queries_and_compacts_an_archive(object_store: ArchiveStore) -> None:
    """The same operations as on a folder, over HTTP; DuckDB reads through fsspec and reaches nothing else."""
    draw = random.Random(3)
    first = 0
    for _ in range(4):
        count = draw.randint(1, 5)
        put(object_store, CALL_EVENTS, [encoded(setup(first + n)) for n in range(count)], first=first)
        first += count
    with connected(object_store) as connection:
        assert ask(connection, "SELECT count(DISTINCT call_id), count(*) FROM call_events").fetchall() == [
            (first, first)
        ]
    assert len(list(compact(object_store, CALL_EVENTS, "2026-05-29"))) == 1
    assert len(rows(object_store, CALL_EVENTS)) == first
    assert len(clear(object_store, CALL_EVENTS, grace_s=-60)) == 4
    assert [row["call_id"] for row in rows(object_store, CALL_EVENTS)] == [f"call-{n}" for n in range(first)]


def test_a_bucket_that_does_not_exist_is_one_line(object_store: ArchiveStore) -> None:
    with pytest.raises(StorageError, match="bucket does not exist"):
        put(ArchiveStore(object_store.url.replace(BUCKET, "no-such-bucket")), CALL_EVENTS, [encoded(setup(1))])


def test_a_file_that_is_no_parquet_is_told_by_its_path(tmp_path: Path) -> None:
    store = ArchiveStore(str(tmp_path))
    (tmp_path / file(0, 9).path).parent.mkdir(parents=True)
    (tmp_path / file(0, 9).path).write_bytes(b"something else")

    with (
        pytest.raises(ArchiveUnusable, match=r"^cannot read call-events/day=2026-05-28/p"),
        store.open(file(0, 9)),
    ):
        pass
