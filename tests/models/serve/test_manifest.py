"""A manifest is refused unless it says all that loading relies on, and of no file outside of its folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.errors import ArtifactCorrupt, ArtifactIncompatible
from models.serve.manifest import (
    FORMAT,
    MANIFEST,
    MAX_FILE_BYTES,
    NEEDED,
    VERSION,
    file_entry,
    parse_manifest,
    read_manifest,
    verified,
)

SOUND: dict[str, Any] = {
    "format": FORMAT,
    "version": "gbt-0123456789ab",
    "schema_id": "f1-0123456789ab",
    "feature_names": ["a"],
    "thresholds": {"block_at": 0.9, "label_at": 0.5},
    "files": {name: {} for name in NEEDED},
}


def parsed(**changes: Any) -> dict[str, Any]:
    return parse_manifest(json.dumps(SOUND | changes).encode(), "here")


def test_a_sound_manifest_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(SOUND))

    assert parsed() == read_manifest(tmp_path) == SOUND


@pytest.mark.parametrize("missing", ["version", "schema_id", "feature_names", "thresholds", "files"])
def test_what_loading_relies_on_has_to_be_there(missing: str) -> None:
    """And be of its type."""
    with pytest.raises(ArtifactCorrupt, match=f"^here lacks {missing}$"):
        parsed(**{missing: None})


@pytest.mark.parametrize("name", ["", ".", "..", "../trees.npz", "/etc/passwd", "a/b"])
def test_no_file_is_outside_of_the_folder(name: str) -> None:
    with pytest.raises(ArtifactCorrupt, match="lists the wrong files"):
        parsed(files=SOUND["files"] | {name: {}})


@pytest.mark.parametrize("name", NEEDED)
def test_no_file_that_is_needed_is_left_out(name: str) -> None:
    with pytest.raises(ArtifactCorrupt, match="lists the wrong files"):
        parsed(files={other: {} for other in NEEDED if other != name})


@pytest.mark.parametrize("content", [b"[" * 100_000, b"", b"[]", b"{", b"\xff"])
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactCorrupt, match=r"^here is no JSON"):
        parse_manifest(content, "here")


def test_another_format_is_of_another_build() -> None:
    with pytest.raises(ArtifactIncompatible, match=f"format 2, this build reads {FORMAT}"):
        parsed(format=2)


def test_a_folder_without_one_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ArtifactCorrupt, match="is no model: `robocall train"):
        read_manifest(tmp_path)


def test_a_file_is_read_when_it_is_the_one_that_is_listed(tmp_path: Path) -> None:
    """Neither another one, nor none, nor one too large to be opened."""
    (tmp_path / "a").write_bytes(b"content")
    manifest = {"files": {"a": file_entry(b"content")}}

    assert verified(tmp_path, "a", manifest) == b"content"
    (tmp_path / "a").write_bytes(b"another")
    with pytest.raises(ArtifactCorrupt, match="is not the file that the manifest lists"):
        verified(tmp_path, "a", manifest)
    with (tmp_path / "a").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ArtifactCorrupt, match="larger than"):
        verified(tmp_path, "a", manifest)
    (tmp_path / "a").unlink()
    with pytest.raises(ArtifactCorrupt, match="cannot be read: No such file"):
        verified(tmp_path, "a", manifest)


def test_a_version_is_a_digest_under_a_name() -> None:
    assert VERSION.fullmatch("gbt-0123456789ab")
    assert not VERSION.fullmatch("gbt-0123456789AB")
    assert not VERSION.fullmatch("default")
