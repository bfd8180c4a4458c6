"""An artifact loads only when it is whole, of this build, and computes what it did when it was made."""

import hashlib
import io
import json
import random
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.features.table import FEATURE_NAMES as SERVED
from detector.features.table import FEATURE_SCHEMA_ID
from models.errors import ArtifactCorrupt, ArtifactError, ArtifactIncompatible
from models.judge.packaging import package
from models.learn.training import Parameters, TrainedModel, train
from models.serve.artifact import SHIPPED, Model, load, load_estimator, read_card
from models.serve.manifest import GOLDEN, MANIFEST, REFERENCE, TREES
from tests.models.labelled_calls import FEATURE_NAMES, dataset

SCHEMA = "f1-0123456789ab"


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return train(dataset(), 1, Parameters(n_trees=30, min_samples_leaf=10, lawful_share=0.6, max_features=1.0))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, trained: TrainedModel) -> Path:
    folder = tmp_path_factory.mktemp("artifact") / "model"
    package(dataset(), trained, folder, schema_id=SCHEMA, created_ms=1_700_000_000_000)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "model"))


def _edit_manifest(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    edit(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_a_loaded_model_scores_as_the_estimator_does(made: Path) -> None:
    """The estimator from the artifact and the compiled model agree to 1e-12 on calls of either batch path."""
    model = load(made, schema_id=SCHEMA)
    rows = dataset(seed=5).rows[:300]
    reference = load_estimator(made).predict_proba(rows)[:, 1]

    np.testing.assert_allclose(model.score(rows), reference, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.score(rows[:2]), reference[:2], rtol=0, atol=1e-12)


def test_contributions_have_a_column_for_each_feature(made: Path) -> None:
    """They explain differences of raw scores exactly."""
    model = load(made, schema_id=SCHEMA)
    rows = dataset(seed=6).rows[:50]

    found = model.contributions(rows)

    assert found.shape == (50, len(FEATURE_NAMES))
    np.testing.assert_allclose(np.diff(found.sum(axis=1)), np.diff(model.raw(rows)), rtol=0, atol=1e-9)


def test_a_version_names_what_is_computed(made: Path, trained: TrainedModel, tmp_path: Path) -> None:
    """Packing the same model at another time gives the same version; another model gives another."""
    again = package(dataset(), trained, tmp_path / "again", schema_id=SCHEMA, created_ms=1)
    other = package(
        dataset(),
        train(dataset(), 2, Parameters(n_trees=30, min_samples_leaf=10, lawful_share=0.6, max_features=1.0)),
        tmp_path / "other",
        schema_id=SCHEMA,
        created_ms=1,
    )

    assert again.version == load(made, schema_id=SCHEMA).version != other.version
    assert len(again.version) <= 64


def test_another_feature_schema_is_refused(made: Path) -> None:
    """Columns that mean something else must not be scored."""
    with pytest.raises(ArtifactIncompatible, match="train it again"):
        load(made, schema_id="f1-ffffffffffff")


def test_another_format_is_refused(folder: Path) -> None:
    """A later layout is not guessed at."""
    _edit_manifest(folder, lambda manifest: manifest.update(format=2))

    with pytest.raises(ArtifactIncompatible, match="format"):
        load(folder, schema_id=SCHEMA)


def test_every_single_file_is_guarded(made: Path, tmp_path: Path) -> None:
    """One flipped bit, a cut or a missing file is noticed, whichever file it is."""
    for name in json.loads((made / MANIFEST).read_text())["files"]:
        for damage in ("flip", "cut", "remove"):
            copy = Path(shutil.copytree(made, tmp_path / f"{name}-{damage}"))
            content = bytearray((copy / name).read_bytes())
            content[len(content) // 2] ^= 1
            (copy / name).write_bytes(bytes(content) if damage == "flip" else bytes(content[:-1]))
            if damage == "remove":
                (copy / name).unlink()
            with pytest.raises(ArtifactCorrupt):
                load(copy, schema_id=SCHEMA)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}', "\xff"])
def test_a_manifest_that_is_none_is_refused(folder: Path, text: str) -> None:
    """Whatever stands in the file, the answer is one of our errors."""
    (folder / MANIFEST).write_text(text, encoding="latin-1")

    with pytest.raises(ArtifactError):
        load(folder, schema_id=SCHEMA)


def test_files_outside_of_the_folder_cannot_be_named(folder: Path) -> None:
    """A path in the manifest would reach anywhere."""
    _edit_manifest(folder, lambda manifest: manifest["files"].update({"../secret": {}}))

    with pytest.raises(ArtifactCorrupt, match="wrong files"):
        load(folder, schema_id=SCHEMA)


def _replace_arrays(folder: Path, name: str, edit: Callable[[dict[str, NDArray[Any]]], object]) -> None:
    """Change arrays and make the manifest agree, as a careless tool would."""
    with np.load(folder / name) as arrays:
        changed = {key: arrays[key] for key in arrays.files}
    edit(changed)
    packed = io.BytesIO()
    np.savez_compressed(packed, **changed)
    _replace(folder, name, packed.getvalue())


def _replace(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    _edit_manifest(folder, lambda manifest: manifest["files"].update({name: entry}))


def test_a_scorer_that_is_off_its_reference_is_refused(folder: Path) -> None:
    """Digests that match do not help a model that computes something else than scikit-learn did."""
    _replace_arrays(folder, GOLDEN, lambda arrays: arrays["probability"].__iadd__(1e-9))

    with pytest.raises(ArtifactCorrupt, match="off its reference"):
        load(folder, schema_id=SCHEMA)


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [("left", 0, 10**6), ("left", 0, 0), ("right", 0, 1), ("feature", 0, 99), ("feature", 0, -1), ("tree_start", 1, 0)],
)
def test_trees_that_would_lead_compiled_code_astray_are_refused(
    folder: Path, name: str, index: int, value: int
) -> None:
    """Compiled code checks no bounds: loops, strangers' nodes and unknown columns stop at the door."""
    _replace_arrays(folder, TREES, lambda arrays: arrays[name].__setitem__(index, value))

    with pytest.raises(ArtifactCorrupt):
        load(folder, schema_id=SCHEMA)


HEADERS = {
    "petabytes": "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,)}",
    "too deep": "-" * 9_000 + "1",
    "an object": "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_an_array_that_lies_about_itself_is_refused(folder: Path, header: str) -> None:
    """Before anything of its size is allocated, and without a word to pickle."""
    packed, line = io.BytesIO(), header.encode() + b"\n"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line)
    _replace(folder, TREES, packed.getvalue())

    with pytest.raises(ArtifactCorrupt, match="holds no arrays"):
        load(folder, schema_id=SCHEMA)


def test_damaged_arrays_are_refused_whichever_byte_it_is(folder: Path) -> None:
    """zlib, zipfile, numpy and its header's tokenizer each complain in a way of their own."""
    sound, chosen, refused = (folder / TREES).read_bytes(), random.Random(3), 0
    for _ in range(600):
        damaged = bytearray(sound)
        place = chosen.choice((chosen.randrange(len(sound)), chosen.randrange(300), -1 - chosen.randrange(1_200)))
        damaged[place] ^= 1 << chosen.randrange(8)
        _replace(folder, TREES, bytes(damaged))
        try:
            load(folder, schema_id=SCHEMA)
        except ArtifactError:
            refused += 1
    assert refused > 300  # the others hit bytes that mean nothing, such as a member's time


def test_trees_of_another_model_are_refused(folder: Path) -> None:
    """The version is the digest of the trees, so it cannot be carried over."""
    _replace_arrays(folder, TREES, lambda arrays: arrays["value"].__imul__(0.5))

    with pytest.raises(ArtifactCorrupt, match="version"):
        load(folder, schema_id=SCHEMA)


def test_warming_leaves_nothing_to_compile(made: Path) -> None:
    """After it, one call and a batch are scored and explained."""
    model = load(made, schema_id=SCHEMA)

    model.warm()

    assert isinstance(model, Model)
    assert model.score(np.zeros((1, len(FEATURE_NAMES)), np.float32)).shape == (1,)


def test_an_artifact_carries_the_histograms_of_its_test_calls(made: Path, trained: TrainedModel) -> None:
    """One count for each test call in every feature and in the scores."""
    reference = load(made, schema_id=SCHEMA).reference

    assert reference is not None
    assert reference.scores.sum() == len(trained.split.test)
    assert (reference.counts.sum(axis=1) == len(trained.split.test)).all()


def test_an_artifact_carries_its_card(made: Path) -> None:
    """Version, data, thresholds and figures of the very report, kinds of campaign and lawful callers alike."""
    card = read_card(made)
    report = json.loads((made / "report.json").read_text())

    assert card.startswith(f"# Model card: {load(made, schema_id=SCHEMA).version}\n")
    for kind in (*report["kinds"]["campaigns"], *report["kinds"]["lawful"]):
        assert f"| {kind} | " in card
    assert f"- pr_auc: {report['pr_auc']}" in card
    assert f"{report['at_false_block_rates'][0]['recall']['share']:.4f}" in card


def test_an_artifact_without_a_reference_serves(folder: Path) -> None:
    """As those do that were packaged before there were any."""
    (folder / REFERENCE).unlink()
    _edit_manifest(folder, lambda manifest: manifest["files"].pop(REFERENCE))

    assert load(folder, schema_id=SCHEMA).reference is None


@pytest.mark.parametrize("name", ["edges", "counts", "scores"])
def test_a_reference_that_is_none_is_refused(folder: Path, name: str) -> None:
    """Histograms that miss an array or count below zero would say anything."""
    _replace_arrays(folder, REFERENCE, lambda arrays: arrays[name].__setitem__((0,) * arrays[name].ndim, 2**30))

    with pytest.raises(ArtifactCorrupt, match="reference"):
        load(folder, schema_id=SCHEMA)


@pytest.mark.skipif(not SHIPPED.is_dir(), reason="no model is shipped in this checkout")
def test_the_shipped_model_is_small_and_loads() -> None:
    """What a clone brings serves this build's feature table and stays below two megabytes."""
    model = load(SHIPPED, schema_id=FEATURE_SCHEMA_ID)

    assert model.manifest["feature_names"] == list(SERVED)
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 2_000_000
    assert 0.0 < model.thresholds["label_at"] <= model.thresholds["block_at"] <= 1.0
