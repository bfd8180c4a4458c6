"""The registry takes what serves, finds it by version, and lets nothing else through; in a folder and on S3 alike."""

import json
import os
import shutil
from pathlib import Path

import pytest

from detector.features.table import FEATURE_SCHEMA_ID
from models.errors import ArtifactCorrupt, ArtifactIncompatible, ModelUnknown, StorageError
from models.serve.artifact import load
from models.serve.manifest import MANIFEST, TREES
from models.serve.signing import Signing
from models.store.registry import Registry
from tests.models.small_model import save_small_model

OTHER_SCHEMA = "f1-ffffffffffff"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two artifacts: `first` and `second`."""
    root = tmp_path_factory.mktemp("made")
    save_small_model(root / "first", seed=1)
    save_small_model(root / "second", seed=2)
    return root


def test_what_was_added_is_found_by_its_version(made: Path, url: str) -> None:
    """Another process, which is another registry object, loads the very same model."""
    added, is_new = Registry(url).add(made / "first", schema_id=FEATURE_SCHEMA_ID)

    found = Registry(url).load(added.version, schema_id=FEATURE_SCHEMA_ID)

    assert is_new
    assert found.manifest == load(made / "first", schema_id=FEATURE_SCHEMA_ID).manifest


def test_adding_the_same_model_again_changes_nothing(made: Path, url: str, tmp_path: Path) -> None:
    """Not even when it was packed at another time: what is published stays as it is."""
    registry = Registry(url)
    registry.add(made / "first", schema_id=FEATURE_SCHEMA_ID)
    again = Path(shutil.copytree(made / "first", tmp_path / "again"))
    manifest = json.loads((again / MANIFEST).read_text())
    (again / MANIFEST).write_text(json.dumps(manifest | {"created_ms": 5}))

    model, is_new = registry.add(again, schema_id=FEATURE_SCHEMA_ID)

    assert not is_new
    assert registry.load(model.version, schema_id=FEATURE_SCHEMA_ID).manifest["created_ms"] != 5


def test_a_damaged_artifact_is_refused_and_can_be_mended(made: Path, url: str) -> None:
    """It is listed with its problem; adding the whole one again puts it right."""
    registry = Registry(url)
    model, _ = registry.add(made / "first", schema_id=FEATURE_SCHEMA_ID)
    registry.store.write(f"{model.version}/{TREES}", b"")

    with pytest.raises(ArtifactCorrupt):
        registry.load(model.version, schema_id=FEATURE_SCHEMA_ID)
    assert [entry.problem is None for entry in registry.artifacts(schema_id=FEATURE_SCHEMA_ID)] == [False]

    assert registry.add(made / "first", schema_id=FEATURE_SCHEMA_ID)[1]
    assert [entry.problem for entry in registry.artifacts(schema_id=FEATURE_SCHEMA_ID)] == [None]


def test_an_artifact_that_cannot_serve_does_not_get_in(made: Path, url: str, tmp_path: Path) -> None:
    """Neither a damaged one nor one for other features: the registry stays empty."""
    broken = Path(shutil.copytree(made / "first", tmp_path / "broken"))
    (broken / TREES).write_bytes(b"")
    registry = Registry(url)

    with pytest.raises(ArtifactCorrupt):
        registry.add(broken, schema_id=FEATURE_SCHEMA_ID)
    with pytest.raises(ArtifactIncompatible):
        registry.add(made / "first", schema_id=OTHER_SCHEMA)

    assert registry.artifacts(schema_id=FEATURE_SCHEMA_ID) == []


def test_a_model_under_the_version_of_another_is_refused(made: Path, url: str) -> None:
    """Whoever copies folders about by hand must not make workers run something else than they were told."""
    registry = Registry(url)
    first, _ = registry.add(made / "first", schema_id=FEATURE_SCHEMA_ID)
    second = load(made / "second", schema_id=FEATURE_SCHEMA_ID)
    for path in (made / "second").iterdir():
        registry.store.write(f"{first.version}/{path.name}", path.read_bytes())

    with pytest.raises(ArtifactCorrupt, match=second.version):
        registry.load(first.version, schema_id=FEATURE_SCHEMA_ID)


def test_a_list_is_newest_first_and_says_what_is_wrong(made: Path, tmp_path: Path) -> None:
    """A folder without a manifest is no artifact; a name that is no version is one, and found by the version in it."""
    for name, created_ms in (("old", 5), ("new", 7)):
        copy = Path(shutil.copytree(made / "first", tmp_path / name))
        manifest = json.loads((copy / MANIFEST).read_text())
        (copy / MANIFEST).write_text(json.dumps(manifest | {"created_ms": created_ms}))
    (tmp_path / "empty").mkdir()
    registry = Registry(tmp_path)

    found = registry.artifacts(schema_id=FEATURE_SCHEMA_ID)

    assert [Path(entry.folder).name for entry in found] == ["new", "old"]
    assert registry.load(found[0].version, schema_id=FEATURE_SCHEMA_ID).version == found[0].version
    assert all(entry.problem for entry in registry.artifacts(schema_id=OTHER_SCHEMA))


def test_a_manifest_of_strange_values_is_listed_too(made: Path, tmp_path: Path) -> None:
    """What somebody put there by hand must not hide the others."""
    copy = Path(shutil.copytree(made / "first", tmp_path / "strange"))
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps(manifest | {"created_ms": "yesterday", "metrics": None}))

    (entry,) = Registry(tmp_path).artifacts(schema_id=FEATURE_SCHEMA_ID)

    assert (entry.created_ms, entry.metrics) == (0, {})


@pytest.mark.parametrize("name", ["..", ".", "", "../made/first", "gbt-000000000000", "x" * 129, "\n"])
def test_a_name_that_means_nothing_is_refused(made: Path, url: str, name: str) -> None:
    """Whatever stands in Redis, nothing outside of the registry is read."""
    registry = Registry(url)
    registry.add(made / "first", schema_id=FEATURE_SCHEMA_ID)

    with pytest.raises(ModelUnknown):
        registry.load(name, schema_id=FEATURE_SCHEMA_ID)


def test_a_store_that_cannot_be_reached_is_one_error(made: Path, bucket: str) -> None:
    """Whatever the client raises: here a bucket that does not exist."""
    registry = Registry(f"{bucket}-that-is-none/models")

    with pytest.raises(StorageError, match="ROBOCALL_MODELS_URL"):
        registry.add(made / "first", schema_id=FEATURE_SCHEMA_ID)


def test_drafts_of_killed_writers_go_when_the_model_is_added_again(made: Path, tmp_path: Path) -> None:
    """They lie in its folder under the name of a file and of a process."""
    registry = Registry(tmp_path)
    version = load(made / "first", schema_id=FEATURE_SCHEMA_ID).version
    (tmp_path / version).mkdir()
    draft = tmp_path / version / f"{TREES}.4711.part"
    draft.write_bytes(b"half")
    os.utime(draft, (0, 0))

    registry.add(made / "first", schema_id=FEATURE_SCHEMA_ID)

    assert sorted(path.name for path in (tmp_path / version).iterdir()) == sorted(
        path.name for path in (made / "first").iterdir()
    )


KEYS = Signing(b"a key of sixteen bytes or more")


def test_with_a_key_only_what_it_signed_is_loaded(made: Path, url: str) -> None:
    """What was there before the key is refused in one line, until somebody answers for it."""
    version = Registry(url).add(made / "first", schema_id=FEATURE_SCHEMA_ID)[0].version
    signed, others = Registry(url, KEYS), Registry(url, Signing(b"another key of that length"))

    with pytest.raises(ArtifactCorrupt, match=r"is not signed.*`robocall models sign`"):
        signed.load(version, schema_id=FEATURE_SCHEMA_ID)
    assert signed.sign(version, schema_id=FEATURE_SCHEMA_ID) == version

    assert signed.load(version, schema_id=FEATURE_SCHEMA_ID).version == version
    assert Registry(url).load(version, schema_id=FEATURE_SCHEMA_ID).version == version
    with pytest.raises(ArtifactCorrupt, match="signed with another key"):
        others.load(version, schema_id=FEATURE_SCHEMA_ID)
    added = others.add(made / "first", schema_id=FEATURE_SCHEMA_ID)
    assert added[1]
    assert others.load(version, schema_id=FEATURE_SCHEMA_ID).version == version


def test_a_manifest_that_was_changed_is_refused(made: Path, tmp_path: Path) -> None:
    """Thresholds, for one: the digests of the files still fit."""
    registry = Registry(tmp_path, KEYS)
    version = registry.add(made / "first", schema_id=FEATURE_SCHEMA_ID)[0].version
    manifest = tmp_path / version / MANIFEST
    content = json.loads(manifest.read_text()) | {"thresholds": {"block_at": 0.01, "label_at": 0.01}}
    manifest.write_text(json.dumps(content))

    assert Registry(tmp_path).load(version, schema_id=FEATURE_SCHEMA_ID).thresholds["block_at"] == 0.01
    with pytest.raises(ArtifactCorrupt, match="or was changed"):
        registry.load(version, schema_id=FEATURE_SCHEMA_ID)


def test_a_file_beside_an_artifact_is_read_back_and_leaves_it_as_it_is(made: Path, url: str) -> None:
    """By version and by folder; a later one takes its place."""
    registry = Registry(url)
    version = registry.add(made / "first", schema_id=FEATURE_SCHEMA_ID)[0].version
    assert registry.read_beside(version, "measure-12.json", limit_bytes=10) is None

    registry.write_beside(version, "measure-12.json", b"old")
    registry.write_beside(version, "measure-12.json", b"new")

    assert Registry(url).read_beside(version, "measure-12.json", limit_bytes=10) == b"new"
    assert "measure-12.json" in Registry(url).files(version)
    assert registry.load(version, schema_id=FEATURE_SCHEMA_ID).version == version
    with pytest.raises(ArtifactCorrupt, match="larger than 2 bytes"):
        registry.read_beside(version, "measure-12.json", limit_bytes=2)


@pytest.mark.parametrize("file", [MANIFEST, TREES, "manifest.sig", "../x", "a/b", ""])
def test_nothing_of_the_artifact_is_written_over(made: Path, url: str, file: str) -> None:
    registry = Registry(url)
    version = registry.add(made / "first", schema_id=FEATURE_SCHEMA_ID)[0].version

    with pytest.raises(ArtifactCorrupt, match="never changes"):
        registry.write_beside(version, file, b"x")
    with pytest.raises(ModelUnknown):
        registry.write_beside("gbt-ffffffffffff", "measure-12.json", b"x")
