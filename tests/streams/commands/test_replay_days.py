"""Several days replayed: a model that reads days decides by them, and others as ever."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from detector.features.day_features import DAY_FEATURES
from detector.features.schemas import F2, F3
from detector.features.window_constants import DAY_MS
from models.serve.artifact import load
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.commands.replay import replay
from streams.commands.train import train
from tests.models.small_evaluation import save_labelled

N_DAYS = 3
N_CALLS = 4_000
KEPT = {"ROBOCALL_KEEP_DAYS": "true"}
OF_DAYS = [feature.name for feature in DAY_FEATURES]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same few hundred calls on three days, with call ids of their own."""
    lines = [json.loads(line) for block in generate(TrafficSpec(hours=0.05, seed=3)) for line in block.json_lines()]
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for day in range(N_DAYS):
            for line in lines:
                times = {name: value + day * DAY_MS for name, value in line.items() if name.endswith("_time_ms")}
                out.write(json.dumps({**line, **times, "call_id": f"d{day}-{line['call_id']}"}) + "\n")
    return path


def run(model: Path, events: Path, out: Path, **environment: str) -> list[Any]:
    """Decisions; features stand beside them."""
    arguments = [events, "--decisions", out / "d.jsonl", "--features", out / "f.parquet", "--model", model]
    out.mkdir(exist_ok=True)
    CliRunner().invoke(replay, [*map(str, arguments)], env=environment, catch_exceptions=False)
    return [json.loads(line) for line in (out / "d.jsonl").read_text(encoding="utf-8").splitlines()]


def test_days_are_written_with_the_features_and_change_no_decision(model: Path, events: Path, tmp_path: Path) -> None:
    """The feature table that decisions name is the wider one then, and nothing else differs."""
    plain, kept = run(model, events, tmp_path / "plain"), run(model, events, tmp_path / "kept", **KEPT)

    assert {one.pop("feature_schema") for one in plain} == {F2.schema_id}
    assert {one.pop("feature_schema") for one in kept} == {F3.schema_id}
    assert kept == plain
    table, without = (pq.read_table(tmp_path / name / "f.parquet") for name in ("kept", "plain"))
    assert table.select(without.column_names).equals(without)
    assert table.schema.metadata[b"feature_schema"].decode() == F3.schema_id
    assert set(table.column_names) - set(without.column_names) == set(OF_DAYS)
    known = np.split(table["number_days_28d"].to_numpy(), N_DAYS)
    assert [part[part >= 0].max() for part in known] == [0, 1, 2]


def test_a_model_is_trained_on_days_and_replayed(model: Path, events: Path, tmp_path: Path) -> None:
    """It is of the table that its features are of, and needs no setting; twice the same bytes come out."""
    random, is_robocall = np.random.default_rng(0), np.arange(N_CALLS) % 10 == 0
    rows = random.normal(size=(N_CALLS, len(F3.names))).astype(np.float32)
    rows[:, F3.names.index("number_days_28d")] = np.where(is_robocall, 0.0, 2.0) + rows[:, 0] / 4
    features, labels = save_labelled(tmp_path, rows, is_robocall, calls_per_campaign=100)
    out = tmp_path / "own"
    options = ["--features", features, "--labels", labels, "--out", out]

    result = CliRunner().invoke(train, [*map(str, options)], catch_exceptions=False)

    assert result.exit_code == 0, result.stderr
    assert load(out, schema_id=F2.schema_id).schema_id == F3.schema_id
    decisions = [run(out, events, tmp_path / name) for name in ("one", "two")]
    assert decisions[0] == decisions[1]
    run(model, events, tmp_path / "kept", **KEPT)
    kept, own = (pq.read_table(tmp_path / name / "f.parquet").select(OF_DAYS) for name in ("kept", "one"))
    assert own.equals(kept)
    scores = np.split(np.array([one["score"] for one in decisions[0]], float), N_DAYS)
    assert np.nanmean(scores[0]) > np.nanmean(scores[2])  # who called before is believed
