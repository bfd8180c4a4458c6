"""The store of snapshots, in real folders and on a real S3 server: complete or absent, newest first, three of each."""

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import msgspec
import pytest
from moto.server import ThreadedMotoServer

from streams.state.snapshot_errors import SnapshotStoreError
from streams.state.snapshot_format import Header
from streams.state.snapshot_places import ABANDONED_S
from streams.state.snapshot_store import Entry, SnapshotStore
from tests.streams.state.snapshot_case import HEADER

BUCKET = "snapshots"


def at(offset: int, generation: int = 7, *, topic: str = "call-events", partition: int = 3) -> Header:
    return msgspec.structs.replace(HEADER, offset=offset, generation=generation, topic=topic, partition=partition)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """A real S3 server on loopback, found and trusted as in production: by the environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield f"s3://{BUCKET}"
    server.stop()


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


def test_a_large_file_goes_in_parts_and_comes_back_whole(s3_url: str, tmp_path: Path) -> None:
    """Above 100 MiB an upload is cut into parts, which are shown together or not at all."""
    large = tmp_path / "large"
    part = os.urandom(1024 * 1024)
    large.write_bytes(part * 101)
    store = SnapshotStore(f"{s3_url}/large")

    path = store.fetch(store.publish(large, HEADER), tmp_path / "fetched")

    assert path.stat().st_size == 101 * len(part)
    assert path.read_bytes() == large.read_bytes()
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
    failed: list[SnapshotStoreError] = []

    def publish(first: int) -> None:
        store = SnapshotStore(url)
        try:
            for offset in range(first, first + 40, 4):
                store.publish(finished, at(offset))
        except SnapshotStoreError as error:
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

    with pytest.raises(SnapshotStoreError, match=r"^cannot fetch a snapshot from") as caught:
        store.fetch(Entry(1, 1, "call-events-00003-gone.snapshot", 0), tmp_path / "fetched")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "fetched").exists() or not list((tmp_path / "fetched").iterdir())


def test_a_folder_may_be_named_by_path_or_url(finished: Path, tmp_path: Path) -> None:
    """And it is a folder for its owner alone, as are the files, whatever the user's mask."""
    SnapshotStore(f"file://{tmp_path}/a b").publish(finished, HEADER)

    assert offsets(SnapshotStore(str(tmp_path / "a b"))) == [(100, 7)]
    assert stat.S_IMODE((tmp_path / "a b").stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a b").iterdir()] == [0o600]


def test_a_published_file_is_not_copied_to_be_read(finished: Path, tmp_path: Path) -> None:
    store = SnapshotStore(str(tmp_path / "store"))
    entry = store.publish(finished, HEADER)

    assert store.fetch(entry, tmp_path / "fetched") == tmp_path / "store" / entry.name
    assert not (tmp_path / "fetched").exists()


def test_what_a_dead_worker_left_behind_is_removed_after_an_hour(finished: Path, tmp_path: Path) -> None:
    """Half-written files are never candidates, and files of others in the folder are left alone."""
    folder = tmp_path / "store"
    folder.mkdir()
    store = SnapshotStore(str(folder))
    name = store.publish(finished, HEADER).name
    old, fresh, foreign = folder / f"{name}1.tmp", folder / f"{name}2.tmp", folder / "notes.txt"
    for path in (old, fresh, foreign):
        path.write_bytes(b"half")
    now_s = fresh.stat().st_mtime
    for path in (old, foreign):
        os.utime(path, (now_s - ABANDONED_S - 60, now_s - ABANDONED_S - 60))

    store.publish(finished, at(200))

    assert not old.exists()
    assert fresh.exists()
    assert foreign.exists()
    assert offsets(store) == [(200, 7), (100, 7)]


def test_a_store_that_is_a_file_says_so(finished: Path, tmp_path: Path) -> None:
    store = SnapshotStore(str(finished))

    with pytest.raises(SnapshotStoreError, match=r"^cannot publish a snapshot to .*: a file is in the way, remove"):
        store.publish(finished, HEADER)
    with pytest.raises(SnapshotStoreError, match=r"^cannot list the snapshots of .*: name a folder$"):
        store.candidates("call-events", 3, 100)
    with pytest.raises(SnapshotStoreError, match=r"^cannot publish a snapshot to .*: name a folder$"):
        SnapshotStore(str(finished / "below")).publish(finished, HEADER)
    assert tmp_path.is_dir()


def test_a_write_that_the_system_cuts_off_leaves_nothing(finished: Path, tmp_path: Path) -> None:
    """The kernel's own limit on the size of a file ends it in the middle."""
    folder = tmp_path / "store"
    store = SnapshotStore(str(folder))
    store.publish(finished, HEADER)
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(SnapshotStoreError, match=r"File too large"):
            store.publish(finished, at(200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)

    assert offsets(store) == [(100, 7)]
    assert len(list(folder.iterdir())) == 1


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, where the system lets us mount one."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system can be mounted only by root on Linux, and not in every container")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_says_to_free_space_and_leaves_nothing_half(finished: Path, tiny_disk: Path) -> None:
    store = SnapshotStore(str(tiny_disk))
    store.publish(finished, at(100))
    store.publish(finished, at(200))

    with pytest.raises(SnapshotStoreError, match=r"\(No space left on device\): free space there$"):
        store.publish(finished, at(300))

    assert offsets(store) == [(200, 7), (100, 7)]
    assert len(list(tiny_disk.iterdir())) == 2


def test_a_read_only_disk_says_so_and_can_still_be_read(finished: Path, tiny_disk: Path, tmp_path: Path) -> None:
    store = SnapshotStore(str(tiny_disk))
    entry = store.publish(finished, HEADER)
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)

    with pytest.raises(SnapshotStoreError, match=r"\(Read-only file system\): mount it writable or name another"):
        store.publish(finished, at(200))
    assert store.fetch(entry, tmp_path / "fetched").read_bytes() == finished.read_bytes()


def test_a_bucket_that_does_not_exist_is_told(s3_url: str, finished: Path, tmp_path: Path) -> None:
    """And not taken for one without snapshots."""
    del s3_url
    store = SnapshotStore("s3://no-such-bucket/robocall")

    with pytest.raises(
        SnapshotStoreError, match=r"^cannot list the snapshots of s3://no-such-bucket/robocall .*create"
    ):
        store.candidates("call-events", 3, 100)
    with pytest.raises(SnapshotStoreError, match=r"^cannot publish a snapshot to .*: create the bucket"):
        store.publish(finished, HEADER)
    with pytest.raises(SnapshotStoreError, match=r"^cannot fetch"):
        store.fetch(Entry(1, 1, "name", 0), tmp_path / "fetched")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_a_server_that_does_not_answer_is_told(endpoint: str, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed port, and a name that nobody knows."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    store = SnapshotStore("s3://snapshots/robocall")

    for attempt in (lambda: store.publish(finished, HEADER), lambda: store.candidates("call-events", 3, 100)):
        with pytest.raises(SnapshotStoreError, match=f"Could not connect.*{endpoint}.*: check") as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_a_server_that_stays_silent_is_given_up(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and never says anything, not even that the upload may go on."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        store = SnapshotStore("s3://snapshots/robocall", timeout_s=0.5)

        for attempt in (lambda: store.publish(finished, HEADER), lambda: store.candidates("call-events", 3, 100)):
            with pytest.raises(SnapshotStoreError, match=r" s3://snapshots/robocall \(no answer in time\): check its"):
                attempt()


def test_an_unknown_kind_of_url_is_told() -> None:
    with pytest.raises(SnapshotStoreError, match=r"^cannot use as a store of snapshots wrong://somewhere .*Protocol"):
        SnapshotStore("wrong://somewhere")


def test_a_missing_library_is_told() -> None:
    """In a process of its own, to which Python says what it says when a package is not installed."""
    program = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from streams.state.snapshot_store import SnapshotStore, SnapshotStoreError\n"
        "try: SnapshotStore('s3://snapshots')\n"
        "except SnapshotStoreError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout == (
        "snapshots at s3:// need a library that is not installed: pip install 'robocall-detector[s3]'\n"
    )
