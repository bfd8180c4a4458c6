"""Chains in files: shared between processes, for their owner only, bounded, and damaged ones count as none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.trust.stored_chains import WRITES_BETWEEN_LOOKS, Entry, StoredChains
from tests.detector.trust.authority import delegate, provider

PEM = provider().pem


def entry(url: str = "https://a.example.org/b.pem", pem: bytes = PEM) -> Entry:
    return Entry(url, pem, 1_000, 2_000, provider().chain())


def test_an_entry_comes_back_with_its_chain(tmp_path: Path) -> None:
    """By another object, as of another process; the latest one counts."""
    StoredChains(str(tmp_path), 10, 10**6).write(entry())
    StoredChains(str(tmp_path), 10, 10**6).write(entry(pem=delegate().pem))

    found = StoredChains(str(tmp_path), 10, 10**6).read(entry().url)

    assert found is not None
    assert (found.url, found.content, found.fetched_ms, found.until_ms) == (entry().url, delegate().pem, 1_000, 2_000)
    assert found.chain.fingerprint == delegate().chain().fingerprint
    assert StoredChains(str(tmp_path), 10, 10**6).read("https://a.example.org/c.pem") is None


def test_another_process_reads_it(tmp_path: Path) -> None:
    """A real one."""
    StoredChains(str(tmp_path), 10, 10**6).write(entry())
    program = (
        "import sys; from streams.trust.stored_chains import StoredChains;"
        "print(len(StoredChains(sys.argv[1], 10, 10**6).read(sys.argv[2]).content))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), entry().url], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == len(PEM)


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    """Whatever the mask of the user."""
    before = os.umask(0)
    try:
        StoredChains(str(tmp_path / "new"), 10, 10**6).write(entry())
    finally:
        os.umask(before)
    (file,) = (tmp_path / "new").iterdir()
    assert (file.stat().st_mode & 0o777, (tmp_path / "new").stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("damage", [b"", b"junk", PEM], ids=["empty", "junk", "PEM alone"])
def test_a_damaged_file_is_none(tmp_path: Path, damage: bytes) -> None:
    """It is written anew over it."""
    stored = StoredChains(str(tmp_path), 10, 10**6)
    stored.write(entry())
    (file,) = tmp_path.iterdir()
    for content in (damage, file.read_bytes()[:-1], file.read_bytes().replace(b"b.pem", b"c.pem")):
        file.write_bytes(content)
        assert stored.read(entry().url) is None
        assert [one for _, one in stored.everything()] == [None]
        stored.write(entry())
        assert stored.read(entry().url) is not None


def test_a_file_of_another_address_is_none(tmp_path: Path) -> None:
    """Somebody copied it there."""
    stored = StoredChains(str(tmp_path), 10, 10**6)
    stored.write(entry())
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    stored.write(entry("https://a.example.org/c.pem"))
    (other,) = set(tmp_path.iterdir()) - {file}
    other.write_bytes(content)
    assert stored.read("https://a.example.org/c.pem") is None


@pytest.mark.parametrize(
    ("entries", "size_bytes", "stay"), [(5, 10**6, 5), (10**6, 4 * (len(PEM) + 250), 4)], ids=["files", "bytes"]
)
def test_the_oldest_files_go_beyond_the_bounds(tmp_path: Path, entries: int, size_bytes: int, stay: int) -> None:
    """Every so many writes."""
    stored = StoredChains(str(tmp_path), entries, size_bytes)
    urls = [f"https://a.example.org/{number:03}.pem" for number in range(WRITES_BETWEEN_LOOKS)]
    for number, url in enumerate(urls):
        stored.write(entry(url))
        (newest,) = set(tmp_path.iterdir()) - {path for path in tmp_path.iterdir() if path.stat().st_mtime < 10**9}
        os.utime(newest, (number, number))
    stored.write(entry("https://a.example.org/last.pem"))

    left = {one.url for _, one in stored.everything() if one is not None}
    assert left == {*urls[-stay:], "https://a.example.org/last.pem"}


def test_entries_are_forgotten_one_by_one_or_all(tmp_path: Path) -> None:
    stored = StoredChains(str(tmp_path), 10, 10**6)
    for name in "abc":
        stored.write(entry(f"https://a.example.org/{name}.pem"))

    assert stored.forget("https://a.example.org/a.pem")
    assert not stored.forget("https://a.example.org/a.pem")
    assert stored.forget_all() == 2
    assert list(stored.everything()) == []
