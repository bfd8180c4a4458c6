"""The demo's model is the shipped one with a group weight, but where somebody chose another."""

from pathlib import Path

from pydantic import SecretStr

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED, load
from models.serve.weighing import GROUP_WEIGHT
from streams.commands.demo.model import write_model
from streams.settings import load_settings


def test_the_shipped_trees_get_a_group_weight(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", load_settings())

    model = load(folder, schema_id=FEATURE_SCHEMA_ID)
    assert folder == tmp_path / "model"
    assert model.group_weight == GROUP_WEIGHT
    assert model.version != load(SHIPPED, schema_id=FEATURE_SCHEMA_ID).version


def test_what_is_set_decides(tmp_path: Path) -> None:
    """A model, a registry in which one may be promoted, and a key: with that nothing unsigned is used."""
    theirs = load_settings(model_dir=tmp_path / "theirs")
    others = [load_settings(models_url=str(tmp_path / "registry")), load_settings(signing_key=SecretStr("k" * 16))]

    assert write_model(tmp_path / "model", theirs) == tmp_path / "theirs"
    assert [write_model(tmp_path / "model", one) for one in others] == [SHIPPED, SHIPPED]
    assert not (tmp_path / "model").exists()
