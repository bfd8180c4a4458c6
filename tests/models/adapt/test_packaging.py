"""The folder of an adaptation: an artifact that loads and says on what it rests, or the base, byte for byte."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.features.table import FEATURE_SCHEMA_ID
from models.adapt import rounds
from models.adapt.adapting import adapt_model
from models.adapt.found import FOUND
from models.adapt.outcome import Choice, Outcome
from models.adapt.packaging import package
from models.serve.artifact import load, read_card
from models.serve.manifest import read_manifest
from models.serve.weighing import GROUP_WEIGHT
from tests.models.adapt.spans import complaints, made, material_of, taught
from tests.models.adapt.test_adapting import FAST
from tests.models.small_model import save_small_model

MADE_BY = {"command": "robocall adapt"}


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """One that adapts."""
    span = made(2, sees=1.5)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rounds, "PARAMETERS", FAST)
        found = adapt_model(material_of(span, taught(span, complaints(span, 0.3))), "gbt-base", 7, lambda *_: None)
    assert found.chosen is not None
    return found


def test_the_adapted_model_is_an_artifact_like_any_other(outcome: Outcome, tmp_path: Path) -> None:
    """It scores what the student scored, has a reference to tell drift by, and a card with the gate's figures."""
    base = save_small_model(tmp_path / "base")

    model = package(outcome, base, tmp_path / "own", schema_id="f", created_ms=5, made_by=MADE_BY)

    student = outcome.chosen
    assert student is not None
    again = load(tmp_path / "own", schema_id="f")
    rows = student.calibrated_on.rows[:200]
    assert np.array_equal(again.raw(rows), student.scorer.raw(rows))
    assert again.version == model.version
    assert again.reference is not None
    assert again.manifest["provenance"]["command"] == "robocall adapt"
    card = read_card(tmp_path / "own")
    assert "## Adapted" in card
    assert "- base: gbt-base" in card
    assert f"{outcome.verdict.callers:,} labelled callers" in card
    assert "| subscriber_report |" in card
    report = json.loads((tmp_path / "own" / "report.json").read_text())
    found = json.loads((tmp_path / "own" / FOUND).read_text())
    assert found == {"version": model.version, **report["adapted"]}


def test_a_card_says_where_too_few_labels_told_which_model_catches_more(outcome: Outcome, tmp_path: Path) -> None:
    base = save_small_model(tmp_path / "base")
    gate = outcome.facts["gate"]
    volumes = [one | {"caught": None} for one in gate["volumes"]]
    presumed = {"gate": gate | {"gain": None, "gain_interval": None, "confidence": None, "volumes": volumes}}

    package(
        replace(outcome, facts=outcome.facts | presumed),
        base,
        tmp_path / "own",
        schema_id="f",
        created_ms=5,
        made_by=MADE_BY,
    )

    card = read_card(tmp_path / "own")
    assert "So few labelled ones do not tell which model catches more." in card
    assert f"| 0.5% | - | - | {gate['volumes'][0]['hit'][0]:.4f} |" in card


def test_the_base_is_copied_unchanged_and_measures_of_before_go(outcome: Outcome, tmp_path: Path) -> None:
    base = save_small_model(tmp_path / "base")
    own = tmp_path / "own"
    own.mkdir()
    (own / "measure-1.json").write_text("{}")
    (base / "measure-1.json").write_text("{}")
    kept = replace(outcome, choice=Choice.BASE)

    model = package(kept, base, own, schema_id=FEATURE_SCHEMA_ID, created_ms=5, made_by=MADE_BY)

    assert model.version == load(base, schema_id=FEATURE_SCHEMA_ID).version
    names = {*read_manifest(base)["files"], "manifest.json"}
    assert {path.name for path in own.iterdir()} == {*names, FOUND}
    assert all((own / name).read_bytes() == (base / name).read_bytes() for name in names)
    assert json.loads((own / FOUND).read_text())["version"] == model.version


def test_the_base_gets_a_group_weight_where_that_was_chosen(outcome: Outcome, tmp_path: Path) -> None:
    """A version of its own, with the trees of the base."""
    base = save_small_model(tmp_path / "base")
    grouped = replace(outcome, choice=Choice.GROUPED)

    model = package(grouped, base, tmp_path / "own", schema_id=FEATURE_SCHEMA_ID, created_ms=5, made_by=MADE_BY)

    of_base = load(base, schema_id=FEATURE_SCHEMA_ID)
    assert model.group_weight == GROUP_WEIGHT
    assert model.version == of_base.version_with(GROUP_WEIGHT)
    assert json.loads((tmp_path / "own" / FOUND).read_text())["version"] == model.version
