"""What is true of a storage in a folder alone: modes, drafts beside the file, full and read-only disks."""

import os
import resource
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import StorageError
from models.store.folder import open_to_others
from tests.models.store.storages import ABANDONED_S, opened


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of 100,000 bytes to put."""
    path = tmp_path / "source"
    path.write_bytes(os.urandom(100_000))
    return path


def test_it_is_for_its_owner_alone_when_that_is_asked(tmp_path: Path, source: Path) -> None:
    """Whatever the user's mask; else the mask says who may read."""
    before = os.umask(0o022)
    try:
        opened(tmp_path / "private", is_private=True).put("one", source)
        opened(tmp_path / "shared").put("one", source)
    finally:
        os.umask(before)

    assert (mode(tmp_path / "private"), mode(tmp_path / "private" / "one")) == (0o700, 0o600)
    assert (mode(tmp_path / "shared"), mode(tmp_path / "shared" / "one")) == (0o755, 0o644)


def test_a_stored_file_is_not_copied_to_be_read(tmp_path: Path) -> None:
    storage = opened(tmp_path / "place")
    storage.write("one", b"x")

    assert storage.fetch("one", tmp_path / "into") == tmp_path / "place" / "one"
    assert not (tmp_path / "into").exists()


def test_a_draft_stands_beside_its_file_and_is_in_no_listing(tmp_path: Path) -> None:
    """So that putting it in place is one step of the file system."""
    storage = opened(tmp_path)

    with storage.draft("a/one") as draft:
        draft.write_bytes(b"x")
        assert draft.parent == tmp_path / "a"
        assert storage.files("a") == []


def test_drafts_of_killed_writers_go_once_they_are_old(tmp_path: Path) -> None:
    """A young one may be somebody's work, and files of others are left alone however old they are."""
    storage = opened(tmp_path)
    storage.write("a/one", b"x")
    old, young, foreign = (tmp_path / "a" / name for name in ("one.1.draft", "one.2.draft", "notes.txt"))
    for path in (old, young, foreign):
        path.write_bytes(b"half")
    now_s = young.stat().st_mtime
    for path in (old, foreign):
        os.utime(path, (now_s - ABANDONED_S - 60, now_s - ABANDONED_S - 60))

    storage.remove_abandoned()
    assert old.exists()
    storage.remove_abandoned("a")
    assert [old.exists(), young.exists(), foreign.exists()] == [False, True, True]

    os.utime(young, (now_s - ABANDONED_S - 60, now_s - ABANDONED_S - 60))
    storage.remove_abandoned(deep=True)
    assert not young.exists()


def test_a_folder_that_a_deleted_file_leaves_empty_goes(tmp_path: Path) -> None:
    """The folder of the URL itself stays."""
    storage = opened(tmp_path / "place")
    for path in ("a/one", "a/two", "three"):
        storage.write(path, b"x")

    storage.delete("a/one")
    assert (tmp_path / "place" / "a").is_dir()
    storage.delete("a/two")
    storage.delete("three")
    assert list((tmp_path / "place").iterdir()) == []


def test_a_link_to_a_folder_is_no_folder_of_it(tmp_path: Path) -> None:
    """It may lead out."""
    (tmp_path / "elsewhere").mkdir()
    storage = opened(tmp_path / "place")
    storage.write("a/one", b"x")
    (tmp_path / "place" / "link").symlink_to(tmp_path / "elsewhere")

    assert storage.folders() == ["a"]


def test_a_place_that_is_a_file_says_so(source: Path) -> None:
    with pytest.raises(StorageError, match=r"^cannot write the things at .*: a file is in the way, remove it, or name"):
        opened(source).put("one", source)
    with pytest.raises(StorageError, match=r"^cannot list the things at .*: name a folder in ROBOCALL_THINGS_URL$"):
        opened(source).files()
    with pytest.raises(StorageError, match=r"^cannot write the things at .*: name a folder in ROBOCALL_THINGS_URL$"):
        opened(source / "below").put("one", source)


def test_a_write_that_the_system_cuts_off_leaves_nothing(tmp_path: Path, source: Path) -> None:
    """The kernel's own limit on the size of a file ends it in the middle."""
    storage = opened(tmp_path / "place")
    storage.write("one", b"x")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"File too large"):
            storage.put("two", source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)

    assert [path.name for path in (tmp_path / "place").iterdir()] == ["one"]


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


def test_a_full_disk_says_to_free_space_and_leaves_nothing_half(tiny_disk: Path, source: Path) -> None:
    storage = opened(tiny_disk)
    storage.put("one", source)
    storage.put("two", source)

    with pytest.raises(StorageError, match=r"\(No space left on device\): free space there$"):
        storage.put("three", source)

    assert sorted(path.name for path in tiny_disk.iterdir()) == ["one", "two"]


def test_a_read_only_disk_says_so_and_can_still_be_read(tiny_disk: Path, source: Path) -> None:
    storage = opened(tiny_disk)
    storage.put("one", source)
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)

    with pytest.raises(StorageError, match=r"\(Read-only file system\): mount it writable, or name another place in R"):
        storage.put("two", source)
    assert storage.read("one", limit_bytes=100_000) == source.read_bytes()


def test_a_folder_that_goes_while_it_is_asked_for_is_made_again(tmp_path: Path, source: Path) -> None:
    """Somebody who deletes its last file deletes it too: between "it exists" and "so it is a folder"."""
    make, turns = os.mkdir, iter([True, False])

    def gone_meanwhile(path: Path, mode: int) -> None:
        if next(turns, False):
            raise FileExistsError(path)
        make(path, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "mkdir", gone_meanwhile)
        opened(tmp_path / "new").put("one", source)

    assert (tmp_path / "new" / "one").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(("mode", "is_open"), [(0o700, False), (0o755, False), (0o775, True), (0o1777, True)])
@pytest.mark.parametrize("place", ["store", "store/one"])
def test_what_others_may_write_is_found(tmp_path: Path, place: str, mode: int, is_open: bool) -> None:
    """The folder, or one in it, but not one further down; a folder that is not there is open to nobody."""
    root = tmp_path / "store"
    assert open_to_others(None) is open_to_others(root) is None
    (root / "one" / "deep").mkdir(parents=True)
    (root / "one" / "deep").chmod(0o777)
    (tmp_path / place).chmod(mode)

    assert open_to_others(root) == (tmp_path / place if is_open else None)
