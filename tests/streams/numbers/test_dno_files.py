"""Lists where all workers find them: what was written is read again, and whatever else is there is refused."""

from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import StorageError
from models.serve.signing import Signing
from models.store.sealed import Seal
from streams.numbers import dno_files
from streams.numbers.dno_files import MAGIC, SIGNED_AS, DnoFileRefused, DnoFiles
from tests.streams.numbers.dno_case import dno_file, texts

ENTRIES = ("212", "000", "213555", "2135551", "2135552000", "9999999999")


def sealed(name: str, header: object, keys: bytes) -> bytes:
    return Seal(MAGIC, SIGNED_AS).close(name, msgspec.json.encode(header) + b"\n" + keys)


@given(st.frozensets(st.sampled_from(ENTRIES)))
def test_what_was_written_is_read_again(entries: frozenset[str]) -> None:
    content: dict[str, bytes] = {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.store.folder.Folder.write", lambda _, path, made: content.update({path: made}))
        patch.setattr("models.store.folder.Folder.read", lambda _, path, **__: content[path])
        files = DnoFiles("/nowhere")
        files.write(dno_file(*entries))
        found = files.read("registry")

    assert texts(found) == entries
    assert (found.entries.source, found.imported_ms) == (dno_file().entries.source, dno_file().imported_ms)


@pytest.mark.parametrize("good_for_days", [None, 1, 30])
def test_how_long_a_list_is_good_is_kept(tmp_path: Path, good_for_days: int | None) -> None:
    """To the last day, counted from the day of the list, which may have still to come where a clock is wrong."""
    files = DnoFiles(str(tmp_path))
    files.write(dno_file("212", date="2026-11-20", good_for_days=good_for_days))

    found = files.read("registry")

    assert found.good_for_days == good_for_days
    assert [found.age_days(date(2026, 11, day)) for day in (1, 20, 21)] == [0, 0, 1]
    lapsed = [found.is_lapsed(day) for day in (date(2026, 11, 21), date(2026, 11, 22), date(2026, 12, 21))]
    assert lapsed == [False, good_for_days == 1, good_for_days is not None]


def test_lists_are_kept_by_their_names(tmp_path: Path) -> None:
    """One takes the place of the one before; other files of the place are none."""
    files = DnoFiles(str(tmp_path / "numbers"))
    assert files.listing() == {}

    files.write(dno_file("212"))
    files.write(dno_file("213", name="regulator"))
    before = files.listing()
    (tmp_path / "numbers" / "notes.txt").write_text("hello")
    files.write(dno_file("212", "214"))

    assert before.keys() == files.listing().keys() == {"registry", "regulator"}
    assert before["registry"] != files.listing()["registry"]
    assert texts(files.read("registry")) == {"212", "214"}
    files.delete("registry")
    assert files.listing().keys() == {"regulator"}
    with pytest.raises(DnoFileRefused, match="list registry is not used"):
        files.read("registry")


def test_a_changed_byte_anywhere_is_refused(tmp_path: Path) -> None:
    files = DnoFiles(str(tmp_path))
    files.write(dno_file(*ENTRIES))
    file = tmp_path / "registry.dno"
    whole = file.read_bytes()
    changed = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(len(whole))]
    for content in (*changed, whole[:-8], b"", whole + bytes(8)):
        file.write_bytes(content)
        with pytest.raises(DnoFileRefused):
            files.read("registry")


def test_with_a_key_only_lists_that_it_signed_are_used(tmp_path: Path) -> None:
    """Under the names that they were signed with: whoever may write there can change none."""
    url, signed = str(tmp_path), Signing(b"the key of this year")
    DnoFiles(url).write(dno_file("212"))
    with pytest.raises(DnoFileRefused, match="it is not signed, and ROBOCALL_SIGNING_KEY is set"):
        DnoFiles(url, signed).read("registry")

    DnoFiles(url, signed).write(dno_file("212"))
    assert texts(DnoFiles(url, signed).read("registry")) == {"212"}
    (tmp_path / "registry.dno").rename(tmp_path / "regulator.dno")
    with pytest.raises(DnoFileRefused, match="signed with another key"):
        DnoFiles(url, signed).read("regulator")


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "little", signed=True) for number in numbers)


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        ({"counts": {"3": 2}}, words(212)),
        ({"counts": {"3": 1}}, words(212, 213)),
        ({"counts": {"3": 2}}, words(213, 212)),
        ({"counts": {"3": 2}}, words(212, 212)),
        ({"counts": {"3": 1}}, words(1_000)),
        ({"counts": {"3": 1}}, words(-1)),
        ({"counts": {"4": 1}}, words(212)),
        ({"counts": {"3": -1}}, b""),
        ({"counts": {"3": 10_000_000}}, words(212)),
        ({"counts": {"3": 1}, "date": "2026-02-30"}, words(212)),
        ({"counts": {"3": 1}, "date": "today"}, words(212)),
        ({"counts": {"3": 1}, "imported_ms": "now"}, words(212)),
        ({"counts": {"3": 1}, "good_for_days": -1}, words(212)),
        ({}, words(212)),
    ],
)
def test_a_whole_file_that_is_no_list_is_refused(tmp_path: Path, change: dict[str, object], keys: bytes) -> None:
    """Another build wrote it, or somebody without care."""
    header = {"date": "2026-11-20", "imported_ms": 1} | change
    (tmp_path / "registry.dno").write_bytes(sealed("registry", header, keys))

    with pytest.raises(DnoFileRefused, match="list registry is not used"):
        DnoFiles(str(tmp_path)).read("registry")


def test_a_name_that_no_reason_can_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "A b.dno").write_bytes(sealed("A b", {"date": "2026-11-20", "imported_ms": 1, "counts": {}}, b""))

    with pytest.raises(DnoFileRefused, match="a name or entries of no list"):
        DnoFiles(str(tmp_path)).read("A b")


def test_what_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DnoFiles(str(tmp_path)).write(dno_file(*(f"{npa}" for npa in range(200, 999))))
    monkeypatch.setattr(dno_files, "MAX_ENTRIES", 100)

    with pytest.raises(DnoFileRefused, match="larger than"):
        DnoFiles(str(tmp_path)).read("registry")


def test_a_place_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match="do-not-originate lists"):
        DnoFiles(str(tmp_path / "file")).listing()
