"""`robocall models`, as it is typed, with a real Valkey: what passes the gate runs, what does not changes nothing."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_NAMES, FEATURE_SCHEMA_ID
from models.data.dataset import read
from models.errors import ArtifactCorrupt, PromotionRefused
from models.serve.artifact import load
from models.serve.manifest import MANIFEST, TREES
from streams.commands.models.artifacts import models
from streams.commands.models.promote import WorkersNotTold
from streams.redis.connection import ACTIVE_MODEL, SHADOW_MODEL
from streams.screening.policy_file import DEFAULT_POLICY_FILE
from tests.models.small_evaluation import N_CALLS, save_small_evaluation
from tests.models.small_model import save_small_model

pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three artifacts: `running` and `good` know what a robocall is, `bad` does not."""
    root = tmp_path_factory.mktemp("made")
    save_small_model(root / "running", seed=1)
    save_small_model(root / "good", seed=2)
    save_small_model(root / "bad", seed=3, columns=(7, 8))
    return root


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options with labelled calls that no model was trained on, and a tolerance for models that small."""
    return save_small_evaluation(tmp_path_factory.mktemp("evaluation"))


@pytest.fixture
def registry(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty registry beside a configured model."""
    monkeypatch.setenv("ROBOCALL_MODEL_DIR", str(made / "running"))
    monkeypatch.setenv("ROBOCALL_MODELS_URL", str(tmp_path / "registry"))
    return str(tmp_path / "registry")


def typed(*arguments: str) -> Any:
    """Output of a command that answers in JSON."""
    result = CliRunner().invoke(models, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: str) -> Result:
    result = CliRunner().invoke(models, list(arguments))
    assert result.exit_code == 1, result.output
    return result


def version(folder: Path) -> str:
    return load(folder, schema_id=FEATURE_SCHEMA_ID).version


def test_a_model_that_passes_is_what_workers_are_told(made: Path, redis: Redis, evaluation: list[str]) -> None:
    """Added, promoted by its version, listed as active, and in the history with the model before and every line."""
    good = typed("add", str(made / "good"))["version"]

    promoted = typed("promote", good, *evaluation)

    assert promoted["promoted"]
    assert redis.get(ACTIVE_MODEL) == good.encode()
    assert [(entry["version"], entry["active"]) for entry in typed("list") if entry["active"]] == [(good, True)]
    (entry,) = typed("history")
    assert (entry["version"], entry["from_version"]) == (good, version(made / "running"))
    assert {line["measure"] for line in entry["gate"]} >= {
        "recall at 0.001",
        "calibration error",
        "lawful blocked, person",
    }
    assert typed("show")["version"] == good


def test_a_copy_with_a_group_weight_is_a_version_of_its_own(made: Path, tmp_path: Path) -> None:
    """It is added like any other; a folder cannot be the copy of itself."""
    copy = tmp_path / "grouped"
    done = CliRunner().invoke(models, ["weigh", str(made / "good"), "--group-weight", "0.5", "--out", str(copy)])

    assert (done.exit_code, done.stdout.strip()) == (0, version(copy))
    assert version(copy) != version(made / "good")
    assert typed("add", str(copy)) == {"version": version(copy), "added": True}
    again = CliRunner().invoke(models, ["weigh", str(copy), "--group-weight", "0.1", "--out", str(copy)])
    assert again.exit_code == 2
    assert "give another one" in again.output


def test_a_model_that_fails_is_refused_with_its_table(made: Path, redis: Redis, evaluation: list[str]) -> None:
    """Nothing is recorded and no worker is told."""
    bad = typed("add", str(made / "bad"))["version"]

    result = refused("promote", bad, *evaluation, "--json")

    assert isinstance(result.exception, PromotionRefused)
    assert "FAILED" in result.stderr
    answer = json.loads(result.stdout)
    assert answer["promoted"] is False
    assert {line["measure"]: line["passed"] for line in answer["gate"]}["recall at 0.001"] is False
    assert redis.get(ACTIVE_MODEL) is None
    assert typed("history") == []


def test_calls_that_the_candidate_was_trained_on_do_not_open_the_gate(
    made: Path, redis: Redis, evaluation: list[str], tmp_path: Path
) -> None:
    """Whatever the figures are: they say nothing about other calls."""
    shutil.copytree(made / "good", tmp_path / "learnt")
    manifest = json.loads((tmp_path / "learnt" / MANIFEST).read_text())
    manifest["provenance"] = {"data_sha256": read(Path(evaluation[1]), Path(evaluation[3])).digest()}
    (tmp_path / "learnt" / MANIFEST).write_text(json.dumps(manifest))
    name = typed("add", str(tmp_path / "learnt"))["version"]

    result = refused("promote", name, *evaluation)

    assert isinstance(result.exception, PromotionRefused)
    assert "trained on these very calls" in str(result.exception)
    assert redis.get(ACTIVE_MODEL) is None


def test_the_gate_says_when_calls_are_counted_otherwise_than_a_model_learnt(
    made: Path, redis: Redis, evaluation: list[str], tmp_path: Path
) -> None:
    """Of the candidate here, which learnt from features counted in 1 partition; the running one does not say."""
    shutil.copytree(made / "good", tmp_path / "learnt")
    manifest = json.loads((tmp_path / "learnt" / MANIFEST).read_text())
    manifest["provenance"] = {"counted_in": [1]}
    (tmp_path / "learnt" / MANIFEST).write_text(json.dumps(manifest))
    name = typed("add", str(tmp_path / "learnt"))["version"]

    result = CliRunner().invoke(models, ["promote", name, *evaluation], catch_exceptions=False)

    assert f"{name} learnt from features counted in 1 partition(s), these are counted in 12:" in result.stderr
    assert result.stderr.count("these are counted in") == 1
    assert redis.get(ACTIVE_MODEL) == name.encode()


def test_the_gate_is_silent_on_how_generated_calls_are_counted(
    made: Path, redis: Redis, evaluation: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted in 1 partition and in 12, which nobody can choose: there is nothing to train otherwise."""
    shutil.copytree(made / "good", tmp_path / "learnt")
    manifest = json.loads((tmp_path / "learnt" / MANIFEST).read_text())
    manifest["provenance"] = {"counted_in": [12]}
    (tmp_path / "learnt" / MANIFEST).write_text(json.dumps(manifest))
    name = typed("add", str(tmp_path / "learnt"))["version"]
    generated = replace(read(Path(evaluation[1]), Path(evaluation[3])), counted_in=(1, 12))
    monkeypatch.setattr("streams.commands.models.promote.evaluation_set", lambda *_: generated)

    result = CliRunner().invoke(models, ["promote", name, *evaluation[4:]], catch_exceptions=False)

    assert "counted in" not in result.stderr
    assert redis.get(ACTIVE_MODEL) == name.encode()


def test_an_overruled_gate_is_recorded_with_its_reason(made: Path, redis: Redis, evaluation: list[str]) -> None:
    """The lines that failed stand beside it; an empty reason is wrong usage."""
    bad = typed("add", str(made / "bad"))["version"]

    assert CliRunner().invoke(models, ["promote", bad, "--force", " "]).exit_code == 2
    typed("promote", bad, *evaluation, "--force", "only this one knows the flood of today")

    (entry,) = typed("history")
    assert entry["forced_because"] == "only this one knows the flood of today"
    assert any(line["passed"] is False for line in entry["gate"])
    assert redis.get(ACTIVE_MODEL) == bad.encode()


def test_two_rollbacks_lead_to_the_model_before_the_one_before(made: Path, redis: Redis, evaluation: list[str]) -> None:
    """The configured model is in the registry by then, so workers find it; there is nothing before it."""
    good, bad = (typed("add", str(made / name))["version"] for name in ("good", "bad"))
    typed("promote", good, *evaluation)
    typed("promote", bad, *evaluation, "--force", "test")

    assert typed("rollback")["version"] == good
    assert redis.get(ACTIVE_MODEL) == good.encode()
    assert typed("rollback")["version"] == version(made / "running")
    assert redis.get(ACTIVE_MODEL) == version(made / "running").encode()
    assert isinstance(refused("rollback").exception, PromotionRefused)


def test_a_rollback_to_a_damaged_model_changes_nothing(
    made: Path, registry: str, redis: Redis, evaluation: list[str]
) -> None:
    """Workers would refuse it, and the history would say otherwise."""
    good = typed("add", str(made / "good"))["version"]
    typed("promote", good, *evaluation)
    (Path(registry) / version(made / "running") / TREES).write_bytes(b"")

    assert isinstance(refused("rollback").exception, ArtifactCorrupt)
    assert redis.get(ACTIVE_MODEL) == good.encode()
    assert len(typed("history")) == 1


def test_without_redis_the_promotion_is_recorded_and_can_be_told_later(
    made: Path, redis: Redis, evaluation: list[str], monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    """The error says what to do: promote the same version; that asks no gate and adds nothing to the history."""
    good = typed("add", str(made / "good"))["version"]
    monkeypatch.setenv("ROBOCALL_REDIS_URL", "redis://127.0.0.1:1/0")
    error = refused("promote", good, *evaluation).exception
    assert isinstance(error, WorkersNotTold)
    assert f"then `robocall models promote {good}` tells them" in str(error)

    monkeypatch.setenv("ROBOCALL_REDIS_URL", redis_url)
    assert CliRunner().invoke(models, ["promote", good], catch_exceptions=False).exit_code == 0

    assert redis.get(ACTIVE_MODEL) == good.encode()
    assert len(typed("history")) == 1


def test_a_rollback_that_no_worker_heard_of_is_told_later_and_goes_no_further_back(
    made: Path, redis: Redis, evaluation: list[str], monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    """A second rollback would lead to the model before: the error names the command that only tells the workers."""
    good, bad = (typed("add", str(made / name))["version"] for name in ("good", "bad"))
    typed("promote", good, *evaluation)
    typed("promote", bad, *evaluation, "--force", "test")
    monkeypatch.setenv("ROBOCALL_REDIS_URL", "redis://127.0.0.1:1/0")
    error = refused("rollback").exception
    assert isinstance(error, WorkersNotTold)

    advice = re.search(r"`robocall models (.+)` tells them", str(error))
    assert advice is not None
    monkeypatch.setenv("ROBOCALL_REDIS_URL", redis_url)
    assert CliRunner().invoke(models, advice[1].split(), catch_exceptions=False).exit_code == 0

    assert redis.get(ACTIVE_MODEL) == good.encode()
    assert [entry["action"] for entry in typed("history")] == ["promote", "promote", "rollback"]


def test_a_shadow_is_named_and_turned_off(made: Path, redis: Redis) -> None:
    """Only a model that workers can load is named."""
    good = typed("add", str(made / "good"))["version"]

    assert CliRunner().invoke(models, ["shadow", good]).exit_code == 0
    assert redis.get(SHADOW_MODEL) == good.encode()
    assert isinstance(refused("shadow", "gbt-000000000000").exception, RobocallError)
    assert redis.get(SHADOW_MODEL) == good.encode()
    assert CliRunner().invoke(models, ["shadow", "off"]).exit_code == 0
    assert redis.get(SHADOW_MODEL) == b"off"


def test_a_diff_says_what_changed_and_where_they_disagree(
    made: Path, evaluation: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By path, without a registry: seeds, what the features weigh, calls treated differently by the policy's limits."""
    policy = tmp_path / "policy.yaml"
    usual = DEFAULT_POLICY_FILE.read_text(encoding="utf-8")
    policy.write_text(usual.replace("label_at: 0.99", "label_at: 0.9").replace("label_clear: 0.95", "label_clear: 0.8"))
    monkeypatch.setenv("ROBOCALL_POLICY_FILE", str(policy))

    found = typed("diff", str(made / "running"), str(made / "bad"), *evaluation[:4])

    assert found["manifest"]["provenance.seed"] == [1, 3]
    first, second = FEATURE_NAMES[0], FEATURE_NAMES[7]
    assert found["importance"][first][0] > found["importance"][first][1]
    assert found["importance"][second][0] < found["importance"][second][1]
    assert found["disagreement"]["calls"] == N_CALLS
    assert 0 < found["disagreement"]["differently_treated"] == sum(found["disagreement"]["by_actions"].values())


def test_the_folder_of_the_package_is_not_written_to(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no registry is configured the command says so."""
    for name in ("ROBOCALL_MODEL_DIR", "ROBOCALL_MODELS_URL"):
        monkeypatch.delenv(name, raising=False)

    result = CliRunner().invoke(models, ["add", str(made / "good")])

    assert result.exit_code == 2
    assert "ROBOCALL_MODELS_URL" in result.output


def test_a_registry_of_nothing_is_said_and_no_empty_table_shown(registry: str, tmp_path: Path) -> None:
    """The address is what may be wrong."""
    for arguments, said in (
        (["list", "--registry", str(tmp_path / "none")], f"no models at {tmp_path / 'none'}"),
        (["history"], f"nothing was promoted at {registry}"),
    ):
        result = CliRunner().invoke(models, arguments, catch_exceptions=False)
        assert (result.exit_code, result.stdout, result.stderr.strip()) == (0, "", said)


def test_listing_and_showing_name_the_artifact(made: Path) -> None:
    """Both answer in JSON on request; a folder may be shown by its path."""
    listed = typed("list", "--registry", str(made))
    shown = typed("show", str(made / "good"))

    (same,) = [entry for entry in listed if entry["version"] == shown["version"]]
    assert same == {**shown, "active": False}
    assert shown["problem"] is None
    lines = CliRunner().invoke(models, ["show", str(made / "good")], catch_exceptions=False).stdout.splitlines()
    assert lines[0] == f"version: {shown['version']}"
    assert "state: usable" in lines
    assert not [line for line in lines if "{" in line]
