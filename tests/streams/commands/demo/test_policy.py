"""The demo's policy is the default one, but for where labels start."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from detector.policy.settings import Policy
from models.serve.artifact import SHIPPED
from streams.commands.demo.policy import write_policy
from streams.screening.policy_file import load_policy


def test_labels_start_at_the_score_on_the_models_card_and_all_else_is_the_default(tmp_path: Path) -> None:
    write_policy(tmp_path / "policy.yaml", None, SHIPPED)

    policy = load_policy(tmp_path / "policy.yaml")
    card = json.loads((SHIPPED / "manifest.json").read_text())["thresholds"]["label_at"]
    (category,) = policy.categories
    thresholds = replace(category.thresholds, label_at=0.99, label_clear=0.95)
    assert category.thresholds.label_at == category.thresholds.label_clear == card
    assert replace(policy, categories=(replace(category, thresholds=thresholds),)) == Policy()


@pytest.mark.parametrize("label_at", [0.993, 1.0])
def test_a_model_with_a_high_threshold_labels_before_it_blocks(tmp_path: Path, label_at: float) -> None:
    """A card may say that no score is rare enough."""
    manifest = json.loads((SHIPPED / "manifest.json").read_text())
    manifest["thresholds"]["label_at"] = label_at
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))

    write_policy(tmp_path / "policy.yaml", None, tmp_path)

    (category,) = load_policy(tmp_path / "policy.yaml").categories
    assert category.thresholds.label_at == category.thresholds.block_clear == 0.985


def test_a_policy_that_is_set_is_copied(tmp_path: Path) -> None:
    """Else what somebody saves in the demo's console would change the file, which others run by."""
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text("policy: {mode: enforce}\n")

    write_policy(tmp_path / "policy.yaml", theirs, SHIPPED)

    assert (tmp_path / "policy.yaml").read_bytes() == theirs.read_bytes()
