"""The data scientist's commands, run as they are typed."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from detector.features.schemas import F4
from detector.features.table import FEATURE_NAMES, FEATURE_SCHEMA_ID
from models.errors import ArtifactCorrupt, TrainingDataInvalid
from models.judge.packaging import ASSUMED_LAWFUL
from models.judge.report.quality import LEARNT_SEED, SEED
from models.learn.many_worlds import plan
from models.serve.artifact import load
from models.serve.learning_curve import curve_in
from models.serve.signing import Signing
from models.traffic.worlds import HELD_OUT_SEED, SLOT_MS
from streams.commands.shared.labelled import EVALUATION_SEED
from streams.commands.train import evaluate, train
from tests.models.small_evaluation import save_labelled

N_CALLS = 4_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Features and labels as replay and simulate write them; every tenth call is a robocall and shows it."""
    folder = tmp_path_factory.mktemp("training")
    random = np.random.default_rng(0)
    is_robocall = np.arange(N_CALLS) % 10 == 0
    matrix = random.normal(size=(N_CALLS, len(FEATURE_NAMES))).astype(np.float32)
    matrix[is_robocall, 3] += 4
    return save_labelled(folder, matrix, is_robocall, calls_per_campaign=100)


KEY = "a key of sixteen bytes or more"


@pytest.fixture(scope="module")
def artifact(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "mine"
    options = ["--features", str(files[0]), "--labels", str(files[1]), "--out", str(folder)]
    result = CliRunner().invoke(train, options, catch_exceptions=False, env={"ROBOCALL_SIGNING_KEY": KEY})
    assert result.exit_code == 0
    return folder


def test_training_writes_an_artifact_that_this_build_loads(artifact: Path) -> None:
    """The worker could take it at once."""
    assert load(artifact, schema_id=FEATURE_SCHEMA_ID).version.startswith("gbt-")


def test_a_model_is_signed_where_there_is_a_key(artifact: Path) -> None:
    assert load(artifact, schema_id=FEATURE_SCHEMA_ID, signing=Signing(KEY.encode()))
    with pytest.raises(ArtifactCorrupt, match="signed with another key"):
        load(artifact, schema_id=FEATURE_SCHEMA_ID, signing=Signing(b"another key of sixteen"))


def test_the_model_says_how_it_was_made(artifact: Path, files: tuple[Path, Path]) -> None:
    """The command as typed, so that anybody can repeat it, and the commit; in the card as well."""
    made = load(artifact, schema_id=FEATURE_SCHEMA_ID).manifest["provenance"]

    assert made["command"] == f"robocall train --features {files[0]} --labels {files[1]}"
    assert f"- commit: {made['commit']}" in (artifact / "model_card.md").read_text(encoding="utf-8")


def test_a_curve_is_measured_where_it_is_asked_for(artifact: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
    """On the screen, in card, report and manifest; the model is the one without it."""
    options = ["--features", str(files[0]), "--labels", str(files[1]), "--out", str(tmp_path / "mine"), "--curve"]

    result = CliRunner().invoke(train, options, catch_exceptions=False)

    assert result.exit_code == 0
    model = load(tmp_path / "mine", schema_id=FEATURE_SCHEMA_ID)
    assert model.version == load(artifact, schema_id=FEATURE_SCHEMA_ID).version
    curve = curve_in(model.manifest["metrics"])
    assert curve is not None
    assert curve == curve_in(json.loads((tmp_path / "mine" / "report.json").read_text(encoding="utf-8")))
    assert [one.share for one in curve.points] == [0.25, 0.5, 0.75, 1.0]
    assert curve.points[-1].caught[0].share == model.manifest["metrics"]["recall_at_0.001"]
    assert "learning curve" in result.stderr
    assert "at 0.0001 it says little" in " ".join(result.stderr.split())
    assert "## Learning curve" in (tmp_path / "mine" / "model_card.md").read_text(encoding="utf-8")
    assert curve_in(load(artifact, schema_id=FEATURE_SCHEMA_ID).manifest["metrics"]) is None


def test_the_model_says_in_how_many_partitions_its_windows_were_counted(artifact: Path) -> None:
    """As the features do; in the card as well."""
    assert load(artifact, schema_id=FEATURE_SCHEMA_ID).manifest["provenance"]["counted_in"] == [12]
    assert "- counted_in: [12]\n" in (artifact / "model_card.md").read_text(encoding="utf-8")


def test_the_model_says_by_which_assigned_codes_its_calls_were_told(tmp_path: Path) -> None:
    """From the feature file to the manifest, where a feature is made of them."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(N_CALLS, len(F4.names))).astype(np.float32)
    columns = {
        "call_id": [f"call{index}" for index in range(N_CALLS)],
        "setup_time_ms": pa.array(range(N_CALLS), pa.int64()),
        "calling_number": [f"+1{index}" for index in range(N_CALLS)],
        **{name: rows[:, index] for index, name in enumerate(F4.names)},
    }
    features, labels = tmp_path / "features.parquet", tmp_path / "labels.csv"
    metadata = {"feature_schema": F4.schema_id, "assigned_codes": "0123456789abcdef"}
    pq.write_table(pa.table(columns, metadata=metadata), features)
    said = [f"call{index},{'robocall' if rows[index, 0] > 1 else 'legitimate'}" for index in range(N_CALLS)]
    labels.write_text("\n".join(["call_id,label", *said]) + "\n")
    out = tmp_path / "out"

    options = ["--features", str(features), "--labels", str(labels), "--out", str(out)]
    CliRunner().invoke(train, options, catch_exceptions=False)

    made = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["provenance"]
    assert made["assigned_codes"] == ["0123456789abcdef"]


def test_training_says_when_a_linear_model_catches_more(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Here a sum of many features tells: trees need more calls for that than there are. Chance calls for no advice."""
    random = np.random.default_rng(0)
    matrix = random.normal(size=(N_CALLS, len(FEATURE_NAMES))).astype(np.float32)
    total = matrix.sum(axis=1)
    own = save_labelled(tmp_path, matrix, total > np.quantile(total, 0.9), calls_per_campaign=100)

    said = [
        CliRunner()
        .invoke(train, ["--features", str(features), "--labels", str(labels), "--out", str(tmp_path / "out")])
        .stderr
        for features, labels in (own, files)
    ]

    assert "The model loses: where 0.01 of the lawful calls are hit, logistic regression catches " in said[0]
    assert "docs/labels.md" in said[0]
    assert "docs/labels.md" not in said[1]


def test_a_model_is_named_alike_everywhere(artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its folder, by the name of that in the registry, by its version, and as the one that runs."""
    version = load(artifact, schema_id=FEATURE_SCHEMA_ID).version
    monkeypatch.setenv("ROBOCALL_MODELS_URL", str(artifact.parent))
    monkeypatch.setenv("ROBOCALL_MODEL_DIR", str(artifact))
    few = save_labelled(
        tmp_path,
        np.eye(200, len(FEATURE_NAMES), dtype=np.float32),
        np.arange(200) % 4 == 0,
        calls_per_campaign=5,
    )
    rest = ["--features", str(few[0]), "--labels", str(few[1])]

    judged = [
        json.loads(CliRunner().invoke(evaluate, [*named, *rest], catch_exceptions=False).stdout)["model"]
        for named in (
            ["--model", str(artifact)],
            ["--model", artifact.name],
            ["--model", version],
            ["--model", "running"],
            [],
        )
    ]

    assert [one["version"] for one in judged] == [version] * 5


def test_evaluation_says_when_calls_are_counted_otherwise_than_the_model_learnt(
    artifact: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """Not where the number is the same, nor where the features do not say."""
    table = pq.read_table(files[0])
    said = []
    for number in ({"counted_in": "12"}, {"counted_in": "1"}, {}):
        pq.write_table(table.replace_schema_metadata(number), tmp_path / "f.parquet")
        options = ["--model", str(artifact), "--features", str(tmp_path / "f.parquet"), "--labels", str(files[1])]
        said.append(CliRunner().invoke(evaluate, options, catch_exceptions=False).stderr)

    assert ["counted in 12 partition(s), these are counted in 1:" in one for one in said] == [False, True, False]


def test_evaluation_prints_json_and_nothing_else_on_standard_output(artifact: Path, files: tuple[Path, Path]) -> None:
    """A program can read it; the table is on standard error."""
    options = ["--model", str(artifact), "--features", str(files[0]), "--labels", str(files[1])]

    result = CliRunner().invoke(evaluate, options, catch_exceptions=False)

    figures = json.loads(result.stdout)
    assert figures["calls"] == N_CALLS
    assert figures["at_false_block_rates"][0]["recall"]["share"] > 0.9
    assert "robocalls caught" in result.stderr


def test_evaluation_says_when_the_model_has_learnt_from_the_calls(
    artifact: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """These are the calls it was trained on; without the latest of them they are others."""
    few = tmp_path / "few.csv"
    few.write_text("".join(files[1].read_text().splitlines(keepends=True)[:-1]))
    said = [
        CliRunner()
        .invoke(evaluate, ["--model", str(artifact), "--features", str(files[0]), "--labels", str(labels)])
        .stderr
        for labels in (files[1], few)
    ]

    assert ["trained on these very calls" in one for one in said] == [True, False]


def test_a_folder_that_holds_no_model_is_refused_before_features_are_read(tmp_path: Path) -> None:
    """What makes one is said."""
    (tmp_path / "f").write_text("no features")
    options = ["--model", str(tmp_path), "--features", str(tmp_path / "f"), "--labels", str(tmp_path / "f")]

    result = CliRunner().invoke(evaluate, options)

    assert isinstance(result.exception, ArtifactCorrupt)
    assert "robocall train --out" in str(result.exception)


def test_evaluation_writes_a_report(artifact: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
    """One page and its figures, which are those on standard output; models to compare with were trained for it."""
    options = ["--model", str(artifact), "--features", str(files[0]), "--labels", str(files[1])]

    result = CliRunner().invoke(evaluate, [*options, "--report", str(tmp_path)], catch_exceptions=False)

    figures = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert figures == json.loads(result.stdout)
    assert "numbers only" in figures["compared"]["models"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_features_of_another_build_are_refused_before_they_are_read(files: tuple[Path, Path], tmp_path: Path) -> None:
    """The names may be the same and what is counted another: the file says of which table it is."""
    table = pq.read_table(files[0])
    pq.write_table(table.replace_schema_metadata({"feature_schema": "f1-000000000000"}), tmp_path / "f.parquet")

    result = CliRunner().invoke(
        train, ["--features", str(tmp_path / "f.parquet"), "--labels", str(files[1]), "--out", str(tmp_path / "m")]
    )

    assert isinstance(result.exception, TrainingDataInvalid)
    assert "run replay --features again" in str(result.exception)


@pytest.mark.parametrize(
    "options",
    [
        ["--out", "x"],
        ["--simulate", "--features", "FILE", "--labels", "FILE", "--out", "x"],
        ["--simulate", "--worlds", "6", "--out", "x"],
        ["--simulate", "--leave-out", "flood", "--out", "x"],
    ],
)
def test_training_needs_exactly_one_source(options: list[str], files: tuple[Path, Path]) -> None:
    """Neither or both is wrong usage: exit status 2."""
    result = CliRunner().invoke(train, [str(files[1]) if option == "FILE" else option for option in options])

    assert result.exit_code == 2
    assert "--worlds NUMBER" in result.output


@pytest.mark.parametrize("seed", [EVALUATION_SEED, HELD_OUT_SEED, SEED, LEARNT_SEED])
def test_worlds_that_models_are_judged_by_are_not_learnt(tmp_path: Path, seed: int) -> None:
    """A model that had learnt them would look better than it is; nothing is generated or written."""
    result = CliRunner().invoke(train, ["--worlds", "6", "--seed", str(seed), "--out", str(tmp_path / "model")])

    assert result.exit_code == 2
    assert f"seed {seed} is kept for worlds that models are judged by: give another --seed" in result.stderr
    assert not (tmp_path / "model").exists()


def test_training_without_lawful_labels_is_refused_unless_they_are_assumed(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    """Only robocalls are labelled, as complaints do: 400 of 4,000 calls. The card says what was assumed.

    It was refused, and a carrier without lawful labels could not train at all.
    """
    labels, out = tmp_path / "complaints.csv", tmp_path / "model"
    header, *lines = files[1].read_text().splitlines()
    labels.write_text("\n".join([header, *(line for line in lines if ",robocall," in line)]) + "\n")
    options = ["--features", str(files[0]), "--labels", str(labels), "--out", str(out)]

    refused = CliRunner().invoke(train, options)
    done = CliRunner().invoke(train, [*options, "--assume-lawful"], catch_exceptions=False)

    assert isinstance(refused.exception, TrainingDataInvalid)
    assert done.exit_code == 0
    card = (out / "model_card.md").read_text(encoding="utf-8")
    assert "| assumed | 0 | 3,600 | 0.10 |" in card
    assert ASSUMED_LAWFUL in card
    assert ASSUMED_LAWFUL in done.stderr
    assert "--assume-lawful 0.1" in load(out, schema_id=FEATURE_SCHEMA_ID).manifest["provenance"]["command"]


def test_there_is_nothing_to_assume_without_a_label_file(tmp_path: Path) -> None:
    done = CliRunner().invoke(train, ["--simulate", "--assume-lawful", "0.5", "--out", str(tmp_path / "model")])
    assert done.exit_code == 2
    assert "give --labels too" in done.stderr


def test_training_on_worlds_is_judged_in_others(tmp_path: Path) -> None:
    """Every call of the report is of a world behind those learnt from, and the kind left out is among them."""
    out = tmp_path / "model"
    options = ["--worlds", "6", "--world-calls", "500", "--seed", "3", "--leave-out", "flood", "--out", str(out)]

    result = CliRunner().invoke(train, options, catch_exceptions=False)

    assert result.exit_code == 0
    assert load(out, schema_id=FEATURE_SCHEMA_ID).manifest["provenance"]["counted_in"] == [1, 12]
    report = json.loads((out / "report.json").read_text())
    assert "flood" in report["kinds"]["campaigns"]
    judged = plan(6, 3, calls=500)[6:]
    assert judged[0].start_ms <= report["span_ms"][0] < report["span_ms"][1] < judged[-1].start_ms + SLOT_MS


@pytest.mark.parametrize(("author", "said"), [("fourth", "kept for judging"), ("second", "--worlds NUMBER")])
def test_no_author_is_trained_on_alone_and_the_one_kept_for_judging_not_at_all(
    author: str, said: str, tmp_path: Path
) -> None:
    """One line that says what to do; nothing is generated."""
    result = CliRunner().invoke(train, ["--author", author, "--worlds", "6", "--out", str(tmp_path / "out")])

    assert result.exit_code == 2
    assert said in result.output.splitlines()[-1]
    assert not (tmp_path / "out").exists()
