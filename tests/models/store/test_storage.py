"""What a storage promises, asked of a folder, of a real S3 server and of a store of fsspec that is not asynchronous.

Registry, snapshots and archive rely on these promises; what is true of one kind only stands in the tests of that kind.
"""

import os
import threading
from pathlib import Path

import pytest

from models.errors import StorageError, StoredFileUnusable
from models.store.storage import Drafts, Storage, StoredFile, checked
from tests.models.store.storages import opened


@pytest.fixture(params=["folder", "s3", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place that does not exist yet."""
    if request.param == "folder":
        return str(tmp_path / "deep" / "down")
    if request.param == "memory":
        return f"memory://{tmp_path}"
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}/deep"


@pytest.fixture
def storage(url: str) -> Storage:
    """An empty storage of each kind."""
    return opened(url)


def paths(found: list[StoredFile]) -> list[str]:
    return [file.path for file in found]


def test_what_was_put_is_read_by_everybody(storage: Storage, url: str) -> None:
    """Through another object, as another process would."""
    storage.write("a/one", b"first")

    other = opened(url)
    assert other.read("a/one", limit_bytes=5) == b"first"
    assert other.exists("a/one")
    with other.open("a/one") as file:
        file.seek(2)
        assert file.read() == b"rst"


def test_nothing_is_there_before_the_first_file(storage: Storage) -> None:
    """And nobody has to make the place."""
    assert storage.folders() == []
    assert storage.files() == []
    assert storage.files("a", deep=True) == []
    assert not storage.exists("a/one")
    storage.remove_abandoned("a", deep=True)


def test_a_listing_is_sorted_and_stays_in_its_folder(storage: Storage) -> None:
    """Unless it is asked to go down."""
    for path in ("b/2", "b/1", "b/c/3", "a/4", "5"):
        storage.write(path, b"x")

    assert storage.folders() == ["a", "b"]
    assert paths(storage.files()) == ["5"]
    assert paths(storage.files("b")) == ["b/1", "b/2"]
    assert paths(storage.files("b", deep=True)) == ["b/1", "b/2", "b/c/3"]
    assert paths(storage.files(deep=True)) == ["5", "a/4", "b/1", "b/2", "b/c/3"]
    assert [file.name for file in storage.files("b")] == ["1", "2"]


def test_a_folder_whose_name_begins_like_another_is_another(storage: Storage) -> None:
    storage.write("calls/1", b"x")
    storage.write("calls-old/2", b"x")

    assert paths(storage.files("calls", deep=True)) == ["calls/1"]
    assert paths(storage.files("calls")) == ["calls/1"]


def test_a_listing_says_size_and_time(storage: Storage, tmp_path: Path) -> None:
    """Within the second that the clocks of stores count in."""
    mark = tmp_path / "mark"
    mark.touch()
    storage.write("one", b"12345")

    (found,) = storage.files()
    assert found.size_bytes == 5
    assert found.changed_ms >= mark.stat().st_mtime_ns // 1_000_000 - 1_000


def test_what_is_put_again_takes_the_place_of_the_old(storage: Storage) -> None:
    storage.write("one", b"a long content")
    storage.write("one", b"short")

    assert storage.read("one", limit_bytes=100) == b"short"
    assert paths(storage.files()) == ["one"]


def test_readers_meet_the_old_or_the_new_content_whole(storage: Storage) -> None:
    """While it is put again and again."""
    contents = [bytes([letter]) * 200_000 for letter in b"ab"]
    storage.write("one", contents[0])
    found: set[bytes] = set()

    def look() -> None:
        found.update(storage.read("one", limit_bytes=200_000) for _ in range(20))

    reader = threading.Thread(target=look)
    reader.start()
    for turn in range(20):
        storage.write("one", contents[turn % 2])
    reader.join()

    assert found <= set(contents)
    assert found


def test_a_file_larger_than_its_bound_is_not_read(storage: Storage) -> None:
    storage.write("one", b"12345")

    with pytest.raises(StoredFileUnusable, match=r"/one is larger than 4 bytes$"):
        storage.read("one", limit_bytes=4)


def test_a_file_that_is_not_there_is_told_by_its_path(storage: Storage, tmp_path: Path) -> None:
    """However it is asked for; and nothing is left in the folder that was to get a copy."""
    storage.write("other", b"x")
    into = tmp_path / "into"

    with pytest.raises(StoredFileUnusable, match=r"/a/one is missing$"):
        storage.read("a/one", limit_bytes=4)
    with pytest.raises(StoredFileUnusable, match=r"/a/one is missing$"), storage.open("a/one") as file:
        file.read()
    with pytest.raises(StoredFileUnusable, match=r"/a/one is missing$"):
        storage.fetch("a/one", into)
    assert not into.exists() or not list(into.iterdir())


def test_a_local_file_is_put_and_fetched_byte_by_byte(storage: Storage, tmp_path: Path) -> None:
    """The source stays where it is."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(300_000))

    storage.put("a/one", source)

    assert storage.fetch("a/one", tmp_path / "into").read_bytes() == source.read_bytes()


def test_a_draft_appears_when_it_is_done(storage: Storage) -> None:
    """Not before, under no name at all."""
    with storage.draft("a/one") as draft:
        draft.write_bytes(b"first")
        assert storage.files(deep=True) == []
        assert not storage.exists("a/one")

    assert storage.read("a/one", limit_bytes=5) == b"first"
    assert not draft.exists()


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError])
def test_a_draft_that_is_given_up_leaves_nothing(storage: Storage, fault: type[BaseException]) -> None:
    """The writer's own error comes through as it is, and the old content stays."""
    storage.write("a/one", b"old")

    def fail() -> None:
        with storage.draft("a/one") as draft:
            draft.write_bytes(b"half")
            kept.append(draft)
            raise fault

    kept: list[Path] = []
    with pytest.raises(fault):
        fail()
    assert not kept[0].exists()
    assert paths(storage.files(deep=True)) == ["a/one"]
    assert storage.read("a/one", limit_bytes=5) == b"old"


def test_a_draft_that_was_never_written_is_an_error(storage: Storage) -> None:
    with pytest.raises(StorageError, match=r"^cannot write the things at "), storage.draft("a/one") as draft:
        draft.unlink(missing_ok=True)
    assert not storage.exists("a/one")


def test_a_file_may_be_deleted_twice(storage: Storage) -> None:
    storage.write("a/one", b"x")
    storage.write("b/two", b"x")

    storage.delete("a/one")
    storage.delete("a/one")

    assert storage.folders() == ["b"]
    assert paths(storage.files(deep=True)) == ["b/two"]


@pytest.mark.parametrize("path", ["../one", "a/../../one", "/one", "a//one", "./one", "a/."])
def test_no_path_leads_out(storage: Storage, path: str) -> None:
    with pytest.raises(StoredFileUnusable, match="no path inside"):
        checked(path)
    with pytest.raises(StoredFileUnusable, match="no path inside"):
        storage.exists(path)
    with pytest.raises(StoredFileUnusable, match="no path inside"):
        storage.delete(path)
    with pytest.raises(StoredFileUnusable, match="no path inside"), storage.draft(path):
        pass


def test_many_may_put_and_delete_at_the_same_time(storage: Storage) -> None:
    """What somebody else has deleted meanwhile is no error to whoever lists or deletes."""
    failed: list[Exception] = []

    def work(number: int) -> None:
        try:
            for turn in range(8):
                storage.write(f"a/{number}-{turn}", b"x")
                for file in storage.files("a")[:2]:
                    storage.delete(file.path)
            storage.write(f"b/{number}", b"x")
        except Exception as error:  # noqa: BLE001 - shown by the test
            failed.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert failed == []
    assert paths(storage.files("b")) == [f"b/{number}" for number in range(4)]


def test_another_program_finds_a_file_by_its_address(storage: Storage) -> None:
    """A path where it is a folder, else a URL that the file system of fsspec opens."""
    storage.write("a/one", b"first")

    assert (storage.folder is None) == (storage.filesystem is not None)
    address = storage.address("a/one")
    assert address == f"{storage.address()}/a/one"
    if storage.filesystem is None:
        assert Path(address).read_bytes() == b"first"
    else:
        assert storage.filesystem.cat_file(address) == b"first"


def test_a_draft_has_the_name_that_its_user_wants() -> None:
    """It ends in text that no complete file ends in, whatever the pattern says before."""
    path = Path("day=2026-05-28/p00000-7.parquet")

    assert Drafts("{name}.tmp", 1).of(path) == Path("day=2026-05-28/p00000-7.parquet.tmp")
    assert Drafts("{name}.{pid}.part", 1).of(path).name == f"p00000-7.parquet.{os.getpid()}.part"
    one, other = (Drafts(".{stem}-{random}.unfinished", 1).of(path).name for _ in range(2))
    assert one != other
    assert one.startswith(".p00000-7-")
    assert Drafts(".{stem}-{random}.unfinished", 1).suffix == ".unfinished"
