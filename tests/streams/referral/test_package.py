"""A package is what its manifest says, or it is refused: whatever is changed, missing, more, or too large."""

import io
import zipfile
from pathlib import Path

import pytest

from streams.referral import package
from streams.referral.package import MANIFEST, PackageRefused, read, require_readable, write
from tests.streams.referral.packages import FILES, manifest


def packed(path: Path, entries: dict[str, bytes]) -> Path:
    """A zip of these, in order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.zip"
    with path.open("wb") as file:
        write(file, manifest(FILES), FILES, (b"s" * 64, b"pem"))

    found = read(path)

    assert (found.files, found.manifest_bytes) == (FILES, manifest(FILES))
    assert (found.signature, found.signer) == (b"s" * 64, b"pem")
    assert found.manifest.campaign == "c"


def test_the_same_content_gives_the_same_bytes() -> None:
    one, other = io.BytesIO(), io.BytesIO()

    for out in (one, other):
        write(out, manifest(FILES), FILES, None)

    assert one.getvalue() == other.getvalue()


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({MANIFEST: manifest(FILES)} | FILES | {"calls.jsonl": b"other"}, "not what the manifest says: calls.jsonl"),
        ({MANIFEST: manifest(FILES)} | FILES | {"more.txt": b""}, "not in the manifest: more.txt"),
        ({MANIFEST: manifest(FILES), "calls.jsonl": FILES["calls.jsonl"]}, "missing: attached/path.json"),
        (FILES, "no manifest"),
        ({MANIFEST: b"{}"}, "the manifest of"),
        ({MANIFEST: b"\xff"}, "the manifest of"),
        ({MANIFEST: b"[" * 200_000}, "the manifest of"),
        ({MANIFEST: manifest(FILES).replace(b'"format": 1', b'"format": 2')} | FILES, "has format 2"),
        ({MANIFEST: manifest(FILES), "../calls.jsonl": b""}, "by a name that no package has"),
        ({MANIFEST: manifest(FILES), "/etc/passwd": b""}, "by a name that no package has"),
    ],
)
def test_what_is_not_as_the_manifest_says_is_refused(tmp_path: Path, entries: dict[str, bytes], words: str) -> None:
    path = packed(tmp_path / "r.zip", entries)

    with pytest.raises(PackageRefused, match=words):
        read(path)


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "r.zip", {"aaaaaaaa.json": manifest({}), "aaaaaaab.json": b""})
    path.write_bytes(path.read_bytes().replace(b"aaaaaaab.json", b"aaaaaaaa.json"))

    with pytest.raises(PackageRefused, match="one name twice"):
        read(path)


def test_every_changed_byte_of_a_package_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    """Bytes of the zip's own tables may differ; what comes out never does."""
    path = tmp_path / "r.zip"
    with path.open("wb") as file:
        write(file, manifest(FILES), FILES, None)
    whole, expected = path.read_bytes(), read(path)

    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        path.write_bytes(bytes(changed))
        try:
            found = read(path)
        except PackageRefused:
            continue
        assert found == expected, place


@pytest.mark.parametrize("bound", ["MOST_FILES", "MOST_BYTES"])
def test_too_much_is_refused_before_it_is_read(tmp_path: Path, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / "r.zip", {MANIFEST: manifest(FILES)} | FILES)
    monkeypatch.setattr(package, bound, 2)

    with pytest.raises(PackageRefused, match="more than"):
        read(path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / "r.zip", {MANIFEST: manifest({"big": b"0" * 5_000}), "big": b"0" * 5_000})
    monkeypatch.setattr(package, "MOST_FILE_BYTES", 4_999)

    with pytest.raises(PackageRefused, match="big is larger"):
        read(path)


@pytest.mark.parametrize("how", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_what_is_packed_in_another_way_is_refused(tmp_path: Path, how: int) -> None:
    """Two unpackers less that strangers reach."""
    with zipfile.ZipFile(tmp_path / "r.zip", "w", how) as made:
        made.writestr(MANIFEST, manifest({}))
    with pytest.raises(PackageRefused, match="another way than deflate"):
        read(tmp_path / "r.zip")


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        (b'"first_ms": 0', b'"first_ms": -1' + b"0" * 30),
        (b'"campaign": "c"', b'"campaign": "' + b"c" * 1_001 + b'"'),
    ],
)
def test_a_manifest_has_bounds(tmp_path: Path, said: bytes, instead: bytes) -> None:
    text = manifest(FILES)
    assert said in text
    path = packed(tmp_path / "r.zip", {MANIFEST: text.replace(said, instead, 1)} | FILES)
    with pytest.raises(PackageRefused, match="the manifest of"):
        read(path)


@pytest.mark.parametrize("name", ["attached/trace back.json", "attached/\x1b.json", "../x"])
def test_a_name_that_a_reader_refuses_is_refused_before_it_is_written(name: str) -> None:
    with pytest.raises(PackageRefused, match="rename it"):
        require_readable({name: b""})
