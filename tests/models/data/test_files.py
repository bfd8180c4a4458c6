"""Files are packed as their names say, come back byte by byte, and are told when they are cut off."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from models.data.files import DAMAGED, create_packed, open_packed

CONTENT = b"".join(b'{"call_id": "%d"}\n' % number for number in range(20_000))


def written(path: Path, content: bytes = CONTENT) -> Path:
    with ExitStack() as stack:
        create_packed(path, stack).write(content)
    return path


def content_of(path: Path) -> bytes:
    with ExitStack() as stack:
        return open_packed(path, stack).read()


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz", "events.jsonl.zst"])
def test_content_comes_back_and_the_same_content_gives_the_same_file(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name)

    assert content_of(path) == CONTENT
    (tmp_path / "again").mkdir()
    assert written(tmp_path / "again" / name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_packed_is_smaller(tmp_path: Path, suffix: str) -> None:
    assert written(tmp_path / f"a{suffix}").stat().st_size < len(CONTENT) / 5


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_file_that_was_cut_off_is_no_complete_one(tmp_path: Path, suffix: str) -> None:
    """Wherever it was cut."""
    whole = written(tmp_path / f"a{suffix}").read_bytes()
    for kept in (len(whole) - 1, len(whole) // 2, 20):
        (tmp_path / f"cut{suffix}").write_bytes(whole[:kept])
        with pytest.raises(DAMAGED):
            content_of(tmp_path / f"cut{suffix}")


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_what_is_not_packed_is_told(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"plain text under a packed name")

    with pytest.raises(DAMAGED):
        content_of(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_files_that_were_joined_are_read_to_their_end(tmp_path: Path, suffix: str) -> None:
    """As `cat a.zst b.zst` joins them."""
    one, other = written(tmp_path / f"a{suffix}", b"one\n"), written(tmp_path / f"b{suffix}", b"other\n")
    joined = tmp_path / f"joined{suffix}"
    joined.write_bytes(one.read_bytes() + other.read_bytes())

    assert content_of(joined) == b"one\nother\n"


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    for name in ("a", "a.gz", "a.zst"):
        assert content_of(written(tmp_path / name, b"")) == b""
