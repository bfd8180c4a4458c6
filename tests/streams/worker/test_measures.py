"""A worker takes the measure beside its model as it is put there, taken away, damaged, or left behind by drift."""

import asyncio
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import structlog.testing

from detector.columns.windows_port import Windows
from detector.features.table import FEATURE_SCHEMA_ID, N_FEATURES
from detector.policy.screening import Screener
from models.budgets.measure import Measure, encode, file_name, traffic_of
from models.errors import StorageError
from models.serve.artifact import load
from models.store.registry import Registry
from models.watch.drift import FEWEST_ROWS, STRIDE
from streams.screening.build import make_screener
from streams.settings import load_settings
from streams.worker.measures import MeasureFollower
from streams.worker.model_switch import ModelSwitch
from tests.models.budgets.measures import measure_of
from tests.models.small_model import save_small_model

PARTITIONS = 12


class Case:
    """A worker's screener with its model in a folder, and what follows the measure beside that."""

    def __init__(self, folder: Path, registry: Path | None = None) -> None:
        self.folder = save_small_model(folder / "small", seed=1)
        self.model = load(self.folder, schema_id=FEATURE_SCHEMA_ID)
        self.screener: Screener[Windows] = make_screener(load_settings(model_dir=self.folder), shared_trunks=False)
        self.registry = Registry(registry or folder)
        self.switch = ModelSwitch(self.screener, self.registry.url)
        self.follower = MeasureFollower(self.screener, self.switch, self.registry, self.folder, PARTITIONS)

    def look(self) -> str:
        """Look once, and say what is in force."""
        asyncio.run(self.follower.look())
        return self.screener.in_force.state(time.time_ns() // 1_000_000)

    def put(self, measure: Measure) -> None:
        """Put a measure beside the model."""
        (self.folder / file_name(PARTITIONS)).write_bytes(encode(measure))

    def measure(self) -> Measure:
        """One of now."""
        return measure_of(self.model.version, end_ms=time.time_ns() // 1_000_000)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path / "models")


def test_a_measure_takes_effect_when_it_is_put_there_and_ends_when_it_is_taken_away(case: Case) -> None:
    assert case.look() == "tried"

    case.put(case.measure())
    assert case.look() == "measured"
    cuts = case.screener.in_force.cuts
    assert cuts is not None
    assert (cuts.label_at, cuts.block_at) == (2.0, 5.0)

    (case.folder / file_name(PARTITIONS)).unlink()
    assert case.look() == "tried"


def test_a_worker_begins_with_the_measure_that_is_there(tmp_path: Path) -> None:
    first = Case(tmp_path / "models")
    first.put(first.measure())

    second = Case(tmp_path / "models")

    assert second.screener.in_force.state(time.time_ns() // 1_000_000) == "measured"


def test_a_damaged_measure_silences_the_step_and_says_so(case: Case) -> None:
    case.put(case.measure())
    case.look()

    (case.folder / file_name(PARTITIONS)).write_bytes(b"{}")

    assert case.look() == "tried"
    assert "is no measure" in case.screener.in_force.why


def test_the_model_that_a_worker_began_with_need_not_be_in_the_registry(tmp_path: Path) -> None:
    case = Case(tmp_path / "models", tmp_path / "registry")
    assert case.look() == "tried"

    case.put(case.measure())

    assert case.look() == "measured"


def test_another_model_has_a_measure_of_its_own(case: Case, tmp_path: Path) -> None:
    case.put(case.measure())
    case.look()
    other = save_small_model(tmp_path / "models" / "other", seed=2)

    async def switched() -> None:
        case.switch("other")
        await case.switch.settled()

    asyncio.run(switched())
    assert case.screener.in_force.state(0) == "tried"  # at once: the measure in memory is of the first model
    assert case.look() == "tried"

    version = load(other, schema_id=FEATURE_SCHEMA_ID).version
    case.registry.write_beside(
        "other", file_name(PARTITIONS), encode(measure_of(version, end_ms=time.time_ns() // 10**6))
    )
    assert case.look() == "measured"


def test_a_registry_that_does_not_answer_changes_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.put(case.measure())
    case.look()

    def away(*_: object, **__: object) -> None:
        raise StorageError("away")

    monkeypatch.setattr(Registry, "read_beside", away)

    with structlog.testing.capture_logs() as lines:
        assert [case.look() for _ in range(3)] == ["measured"] * 3
    assert [line["cause"] for line in lines] == ["away"], "said once, and not every five seconds"


def test_drift_is_told_from_the_measured_traffic_and_takes_blocks_back(case: Case) -> None:
    """The model's own reference is of other calls; those that were measured are what counts, and then others come."""
    random = np.random.default_rng(5)
    measured = random.exponential(0.05, (2_000, N_FEATURES)).astype(np.float32)
    others = random.exponential(30.0, (FEWEST_ROWS * STRIDE, N_FEATURES)).astype(np.float32)
    assert case.model.reference is not None
    traffic = traffic_of(case.model.reference.counted(measured, case.model.score(measured)))
    case.put(msgspec.structs.replace(case.measure(), traffic=traffic))
    assert case.look() == "measured"

    for _ in range(5):
        case.screener.classifier.score(measured)
    assert case.look() == "measured"

    for _ in range(3):
        case.screener.classifier.score(others)
    assert case.look() == "labels"

    case.put(msgspec.structs.replace(case.measure(), traffic=traffic, scored=7))
    assert case.look() == "measured"  # a new measure is counted anew
