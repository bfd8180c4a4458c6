"""What tests of `robocall adapt` and of its watch share: models, an archive, a desk, and a carrier."""

from pathlib import Path

import pytest

from models.budgets.measure import encode, file_name
from streams.archive.files import ArchiveStore
from streams.kafka.topics import CALL_EVENTS
from tests.models.budgets.measures import measure_of
from tests.models.small_model import save_small_model
from tests.streams.archive.archive_case import DAY_MS, encoded, put, setup
from tests.streams.commands.adapt.carrier_case import Files, make_carrier
from tests.streams.commands.adapt.watch_case import PARTITIONS, Desk, version


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models: the base, and a better one with its measure."""
    root = tmp_path_factory.mktemp("made")
    save_small_model(root / "base", seed=1)
    better = save_small_model(root / "better", seed=2)
    (better / file_name(PARTITIONS)).write_bytes(encode(measure_of(version(better), partitions=PARTITIONS)))
    return root


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveStore:
    """An archive with a call on each of two days."""
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    store = ArchiveStore(str(tmp_path / "archive"))
    put(store, CALL_EVENTS, [encoded(setup(1))], at_ms=DAY_MS)
    put(store, CALL_EVENTS, [encoded(setup(2))], first=1, at_ms=2 * DAY_MS)
    return store


@pytest.fixture
def desk(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Learning gives the better model; the registry is empty."""
    monkeypatch.setenv("ROBOCALL_MODEL_DIR", str(made / "base"))
    monkeypatch.setenv("ROBOCALL_MODELS_URL", str(tmp_path / "registry"))
    return Desk(made / "better", version(made / "base"))


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_carrier(tmp_path_factory.mktemp("carrier"))
