"""A copy of an artifact with a group weight: the same trees under another name, which nobody can change unnoticed."""

import json
from pathlib import Path

import numpy as np
import pytest

from detector.features.table import FEATURE_SCHEMA_ID, N_FEATURES
from models.errors import ArtifactCorrupt
from models.serve.artifact import SHIPPED, load, load_estimator, read_card
from models.serve.manifest import MANIFEST
from models.serve.weighing import with_group_weight
from tests.models.small_model import save_small_model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_model(tmp_path_factory.mktemp("base"))


def test_the_copy_scores_as_its_base_and_is_another_version(base: Path, tmp_path: Path) -> None:
    before = load(base, schema_id=FEATURE_SCHEMA_ID)
    rows = np.random.default_rng(1).exponential(3.0, (50, N_FEATURES)).astype(np.float32)

    copy = with_group_weight(base, tmp_path / "copy", 0.5, schema_id=FEATURE_SCHEMA_ID)

    assert (before.group_weight, copy.group_weight) == (0.0, 0.5)
    assert copy.version != before.version
    assert copy.manifest["provenance"]["trees_of"] == before.version
    np.testing.assert_array_equal(copy.score(rows), before.score(rows))
    np.testing.assert_array_equal(copy.scored(rows).margins, before.raw(rows))
    assert copy.version in read_card(tmp_path / "copy")
    assert load_estimator(tmp_path / "copy").n_features_in_ == N_FEATURES


def test_the_same_weight_gives_the_same_version_and_none_that_of_the_base(base: Path, tmp_path: Path) -> None:
    versions = [
        with_group_weight(base, tmp_path / name, weight, schema_id=FEATURE_SCHEMA_ID).version
        for name, weight in (("a", 0.5), ("b", 0.5), ("c", 0.25))
    ]

    assert versions[0] == versions[1] != versions[2]
    back = with_group_weight(tmp_path / "a", tmp_path / "d", 0.0, schema_id=FEATURE_SCHEMA_ID)
    assert back.version == load(base, schema_id=FEATURE_SCHEMA_ID).version


def test_a_model_packaged_with_a_weight_is_the_one_that_is_weighed_afterwards(base: Path, tmp_path: Path) -> None:
    packaged = load(save_small_model(tmp_path / "packaged", group_weight=0.5), schema_id=FEATURE_SCHEMA_ID)
    weighed = with_group_weight(base, tmp_path / "weighed", 0.5, schema_id=FEATURE_SCHEMA_ID)

    assert (packaged.version, packaged.group_weight) == (weighed.version, 0.5)


@pytest.mark.parametrize("weight", [0.25, -1, 11, "0.5", True, None, float("nan")])
def test_a_weight_that_was_changed_or_is_none_is_refused(base: Path, tmp_path: Path, weight: object) -> None:
    """Thresholds that were measured with one weight are none with another."""
    with_group_weight(base, tmp_path, 0.5, schema_id=FEATURE_SCHEMA_ID)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps({**manifest, "group_weight": weight}))

    with pytest.raises(ArtifactCorrupt, match="group weight"):
        load(tmp_path, schema_id=FEATURE_SCHEMA_ID)


def test_the_shipped_model_has_no_group_weight() -> None:
    assert "group_weight" not in json.loads((SHIPPED / MANIFEST).read_text())
    assert load(SHIPPED, schema_id=FEATURE_SCHEMA_ID).group_weight == 0.0
