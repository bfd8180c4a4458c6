"""The store of snapshots, in real folders and on a real S3 server: complete or absent, newest first, three of each."""

import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from models.errors import StorageError, StoredFileUnusable
from models.serve.signing import Signing
from streams.state.snapshot_errors import SnapshotRefused
from streams.state.snapshot_format import Header
from streams.state.snapshot_store import Entry, SnapshotStore, kind_of
from tests.s3_server import s3_server
from tests.streams.state.snapshot_case import HEADER


def at(offset: int, generation: int = 7, *, topic: str = "call-events", partition: int = 3) -> Header:
    return msgspec.structs.replace(HEADER, offset=offset, generation=generation, topic=topic, partition=partition)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """URL of a bucket of a real S3 server."""
    with s3_server("snapshots") as url:
        yield url


@pytest.fixture(params=["folder", "s3", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place that does not exist yet."""
    if request.param == "folder":
        return str(tmp_path / "deep" / "down")
    if request.param == "memory":  # stands for the stores of fsspec that are not asynchronous inside
        return f"memory://{tmp_path}"
    return f"{request.getfixturevalue('s3_url')}/{tmp_path.name}"


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A file to publish."""
    path = tmp_path / "finished"
    path.write_bytes(os.urandom(100_000))
    return path


def offsets(store: SnapshotStore, at_most: int = 2**62) -> list[tuple[int, int]]:
    return [(entry.offset, entry.generation) for entry in store.candidates("call-events", 3, at_most)]


def test_each_kind_keeps_its_newest_few(url: str, finished: Path) -> None:
    """So a roll-back finds where the build before stopped; each build finds its own."""
    store = SnapshotStore(url)
    other = msgspec.structs.replace(at(1), layout="layout-b")
    kinds = [kind_of(one.layout, one.feature_schema, one.seed) for one in (HEADER, other)]
    for offset in (10, 20, 30, 40):
        store.publish(finished, at(offset))
    for offset in (50, 60, 70, 80):
        store.publish(finished, msgspec.structs.replace(other, offset=offset))

    found = [[entry.offset for entry in store.candidates("call-events", 3, 100, kind)] for kind in kinds]

    assert found == [[40, 30, 20], [80, 70, 60]]
    assert [entry.offset for entry in store.everything()] == [80, 70, 60, 40, 30, 20]


def test_other_kinds_go_once_no_window_reaches_back_to_them(finished: Path, tmp_path: Path) -> None:
    store = SnapshotStore(str(tmp_path / "store"))
    old, recent = (store.publish(finished, msgspec.structs.replace(at(1), layout=layout)) for layout in "ab")
    os.utime(tmp_path / "store" / old.name, (time.time() - 26 * 3_600,) * 2)
    os.utime(tmp_path / "store" / recent.name, (time.time() - 24 * 3_600,) * 2)

    store.publish(finished, at(5))

    assert {entry.name for entry in store.everything()} >= {recent.name}
    assert old.name not in {entry.name for entry in store.everything()}


def test_what_builds_of_before_wrote_is_tried_by_every_kind(finished: Path, tmp_path: Path) -> None:
    """Its name does not say of which kind it is."""
    store = SnapshotStore(str(tmp_path / "store"))
    published = store.publish(finished, at(5))
    before = published.name.replace(f"-{published.kind}-", "-")
    (tmp_path / "store" / published.name).rename(tmp_path / "store" / before)

    assert [entry.name for entry in store.candidates("call-events", 3, 100, "00000000")] == [before]


def test_what_was_published_is_fetched_byte_by_byte(url: str, finished: Path, tmp_path: Path) -> None:
    """The file that was given stays where it is."""
    store = SnapshotStore(url)

    published = store.publish(finished, HEADER)
    (found,) = SnapshotStore(url).candidates("call-events", 3, 100)

    assert found == published
    assert found.name.startswith("call-events-00003-00000000000000000100-0000000007-")
    assert found.created_ms > HEADER.created_ms
    path = store.fetch(found, tmp_path / "fetched")
    assert path.read_bytes() == finished.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_there_before_the_first(url: str) -> None:
    assert SnapshotStore(url).candidates("call-events", 3, 100) == []


def test_candidates_are_of_the_partition_up_to_the_offset_newest_first(url: str, finished: Path) -> None:
    """By offset, then by generation; a topic whose name begins like another is another."""
    store = SnapshotStore(url, keep=10)
    for header in (at(9), at(100, 8), at(100, 7), at(20), at(101)):
        store.publish(finished, header)
    store.publish(finished, at(50, partition=4))
    store.publish(finished, at(50, topic="call-events-00003"))
    store.publish(finished, at(50, topic="call"))

    assert offsets(store, at_most=100) == [(100, 8), (100, 7), (20, 7), (9, 7)]
    assert [entry.offset for entry in store.candidates("call-events-00003", 3, 100)] == [50]
    assert offsets(store, at_most=8) == []


def test_the_newest_three_of_each_partition_stay(url: str, finished: Path) -> None:
    store = SnapshotStore(url)
    store.publish(finished, at(5, partition=4))
    for offset in (10, 20, 30, 40, 50):
        store.publish(finished, at(offset))

    assert offsets(store) == [(50, 7), (40, 7), (30, 7)]
    assert len(store.candidates("call-events", 4, 100)) == 1


def test_a_worker_that_is_behind_removes_nothing_newer(url: str, finished: Path) -> None:
    """One that believes it still owns the partition, or was set back to earlier events: its own are kept as well."""
    store = SnapshotStore(url)
    for offset in (100, 200, 300):
        store.publish(finished, at(offset, 8))
    for offset in (10, 20, 30, 40):
        store.publish(finished, at(offset, 7))

    assert offsets(store) == [(300, 8), (200, 8), (100, 8), (40, 7), (30, 7), (20, 7)]


def test_two_workers_at_one_offset_do_not_touch_each_others_file(url: str, finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"of the other worker")
    store = SnapshotStore(url)

    mine, its = store.publish(finished, HEADER), store.publish(other, HEADER)

    assert mine.name != its.name
    assert store.fetch(mine, tmp_path / "fetched").read_bytes() == finished.read_bytes()
    assert store.fetch(its, tmp_path / "fetched").read_bytes() == b"of the other worker"


def test_workers_may_publish_and_remove_at_the_same_time(url: str, finished: Path) -> None:
    """Files that another one has removed meanwhile are no error; the newest three are left."""
    failed: list[StorageError] = []

    def publish(first: int) -> None:
        store = SnapshotStore(url)
        try:
            for offset in range(first, first + 40, 4):
                store.publish(finished, at(offset))
        except StorageError as error:
            failed.append(error)

    workers = [threading.Thread(target=publish, args=(first,)) for first in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    SnapshotStore(url).publish(finished, at(1_000))

    assert failed == []
    assert offsets(SnapshotStore(url)) == [(1_000, 7), (39, 7), (38, 7)]


def test_one_that_vanished_is_an_error_of_one_line(url: str, finished: Path, tmp_path: Path) -> None:
    store = SnapshotStore(url)
    store.publish(finished, HEADER)

    with pytest.raises(StoredFileUnusable, match=r"/call-events-00003-gone.snapshot is missing$") as caught:
        store.fetch(Entry("call-events", 3, 1, 1, "", "call-events-00003-gone.snapshot", 0, 0), tmp_path / "fetched")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "fetched").exists() or not list((tmp_path / "fetched").iterdir())


def test_a_store_that_cannot_be_used_says_which_setting_names_it(finished: Path) -> None:
    """A file where the folder would be; every other cause is told in the same way (`tests/models/store`)."""
    store = SnapshotStore(str(finished))

    with pytest.raises(StorageError, match=r"^cannot write snapshots at .*remove it, or .* in ROBOCALL_SNAPSHOT_URL$"):
        store.publish(finished, HEADER)
    with pytest.raises(StorageError, match=r"^cannot list snapshots at .*: name a folder in ROBOCALL_SNAPSHOT_URL$"):
        store.candidates("call-events", 3, 100)


def test_a_folder_is_for_its_owner_alone(finished: Path, tmp_path: Path) -> None:
    """As are the files: they hold phone numbers."""
    SnapshotStore(str(tmp_path / "store")).publish(finished, HEADER)

    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "store").iterdir()] == [0o600]


def test_a_published_file_is_not_copied_to_be_read(finished: Path, tmp_path: Path) -> None:
    store = SnapshotStore(str(tmp_path / "store"))
    entry = store.publish(finished, HEADER)

    assert store.fetch(entry, tmp_path / "fetched") == tmp_path / "store" / entry.name
    assert not (tmp_path / "fetched").exists()


def test_what_a_dead_worker_left_behind_is_removed_after_an_hour(finished: Path, tmp_path: Path) -> None:
    """Half-written files are never candidates, and files of others in the folder are left alone."""
    folder = tmp_path / "store"
    store = SnapshotStore(str(folder))
    name = store.publish(finished, HEADER).name
    old, fresh, foreign = folder / f"{name}1.tmp", folder / f"{name}2.tmp", folder / "notes.txt"
    for path in (old, fresh, foreign):
        path.write_bytes(b"half")
    now_s = fresh.stat().st_mtime
    for path in (old, foreign):
        os.utime(path, (now_s - 3_660, now_s - 3_660))

    store.publish(finished, at(200))

    assert not old.exists()
    assert fresh.exists()
    assert foreign.exists()
    assert offsets(store) == [(200, 7), (100, 7)]


def test_with_a_key_only_a_copy_of_the_secret_that_it_signed_is_used(url: str) -> None:
    """An unsigned one is put in order by the next worker that knows the secret."""
    secret, keys = bytes(range(32)), Signing(b"the key of this year", b"the key of last year")
    plain, signed = SnapshotStore(url), SnapshotStore(url, signing=keys)
    assert plain.kept_secret() is signed.kept_secret() is None
    plain.keep_secret(secret)
    with pytest.raises(SnapshotRefused, match="it is not signed, and ROBOCALL_SIGNING_KEY is set"):
        signed.kept_secret()

    SnapshotStore(url, signing=Signing(b"the key of last year")).keep_secret(secret)
    assert signed.kept_secret() == plain.kept_secret() == secret
    signed.keep_secret(secret)
    assert signed.kept_secret() == secret
    with pytest.raises(SnapshotRefused, match="signed with another key"):
        SnapshotStore(url, signing=Signing(b"the key of last year")).kept_secret()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_folder_that_others_may_write_is_named_unless_a_key_keeps_it_safe(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "store"
    store = SnapshotStore(str(folder))
    assert store.complaint() is None
    folder.mkdir(mode=0o755)
    assert store.complaint() is None
    folder.chmod(mode)

    assert f"others may put snapshots and lists into {folder}" in str(store.complaint())
    assert SnapshotStore(str(folder), signing=Signing(b"the key of this year")).complaint() is None
    assert SnapshotStore("memory://store").complaint() is None
