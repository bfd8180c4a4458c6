"""What is true of a storage in an object store alone: buckets, large uploads, servers that do not answer."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import StorageError
from models.store.storage import Storage
from tests.models.store.storages import opened
from tests.s3_server import trusted


def attempts(storage: Storage) -> list[Callable[[], object]]:
    """What needs no file to be there."""
    return [
        lambda: storage.write("one", b"x"),
        lambda: storage.files("a"),
        lambda: storage.files("a", deep=True),
        storage.folders,
    ]


def test_a_copy_is_for_its_owner_alone(bucket: str, tmp_path: Path) -> None:
    storage = opened(f"{bucket}/modes")
    storage.write("one", b"x")

    copy = storage.fetch("one", tmp_path / "into")

    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700


def test_a_draft_is_written_where_nobody_else_looks(bucket: str) -> None:
    """This machine's folder of temporary files is everybody's; records hold phone numbers."""
    with opened(f"{bucket}/drafts").draft("one") as draft:
        draft.write_bytes(b"x")
        assert stat.S_IMODE(draft.parent.stat().st_mode) == 0o700


def test_a_large_file_goes_in_parts_and_comes_back_whole(bucket: str, tmp_path: Path) -> None:
    """Above 100 MiB an upload is cut into parts, which are shown together or not at all."""
    large = tmp_path / "large"
    part = os.urandom(1024 * 1024)
    large.write_bytes(part * 101)
    storage = opened(f"{bucket}/large")

    storage.put("one", large)

    copy = storage.fetch("one", tmp_path / "into")
    assert copy.stat().st_size == 101 * len(part)
    assert copy.read_bytes() == large.read_bytes()


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_does_not_exist_is_told() -> None:
    """And not taken for one without files."""
    storage = opened("s3://no-such-bucket/robocall")

    for attempt in attempts(storage):
        with pytest.raises(StorageError, match=r"the things at s3://no-such-bucket/robocall .*: create the bucket or"):
            attempt()


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_a_server_that_does_not_answer_is_told(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed port, and a name that nobody knows."""
    for name, value in trusted(endpoint).items():
        monkeypatch.setenv(name, value)
    storage = opened("s3://things/robocall")

    for attempt in attempts(storage)[:2]:
        with pytest.raises(StorageError, match=f"Could not connect.*{endpoint}.*: check its address in RO") as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_a_server_that_stays_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and never says anything, not even that the upload may go on."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        for name, value in trusted(f"http://127.0.0.1:{silent.getsockname()[1]}").items():
            monkeypatch.setenv(name, value)
        storage = opened("s3://things/robocall", timeout_s=0.5)

        for attempt in attempts(storage)[:2]:
            with pytest.raises(StorageError, match=r" s3://things/robocall \(no answer in time\): check its address"):
                attempt()
