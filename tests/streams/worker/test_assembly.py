"""A worker as it is joined: which parts, in which order. tests/integration/test_worker_kafka.py runs one."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.columns.hashing import PUBLIC_SEED
from streams.running.services import Background, Ending
from streams.settings import load_settings
from streams.worker.assembly import Assembly, build_app
from tests.models.small_model import save_small_model

JOBS = (
    "TrunkExchange", "ListFollower", "UpstreamsFollower", "DecisionIndex", "ModelSwitch", "MeasureFollower",
    "Reporting", "FeedbackReader", "Durability", "watch",
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_model(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    """One that will never run anything."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    made.close()
    asyncio.set_event_loop(None)


def joined(model: Path, **settings: object) -> Assembly:
    """A worker whose brokers and Redis nobody has."""
    nowhere = {"kafka_bootstrap_servers": "127.0.0.1:1", "web_port": 0, "model_dir": model}
    return build_app(load_settings(**{**nowhere, **settings}), Ending(), PUBLIC_SEED)


def jobs(assembly: Assembly) -> tuple[str, ...]:
    """Names of what runs in the background, in order of start."""
    background = assembly.services[-1]
    assert isinstance(background, Background)
    return tuple(name for name, _ in background._jobs)


def test_what_publishes_starts_before_what_runs_beside_the_stream_and_stops_after_it(model: Path) -> None:
    assembly = joined(model, snapshot_url="none")
    assert [type(part).__name__ for part in assembly.services] == ["Publisher", "SideTopics", "Background"]
    assert jobs(assembly) == JOBS
    assert list(assembly.app.agents) == ["screen_calls"]


def test_parts_that_nobody_asked_for_are_not_there_and_others_stand_in_their_order(model: Path, tmp_path: Path) -> None:
    assembly = joined(model, snapshot_url=str(tmp_path), numbers_url=str(tmp_path / "numbers"), name_campaigns=True)
    assert jobs(assembly) == (*JOBS[:2], "DnoFollower", JOBS[2], "CampaignFollower", *JOBS[3:])
    assert assembly.screener.campaigns is not None
    assert joined(model, snapshot_url="none").screener.campaigns is None


def test_calls_pass_until_lists_that_somebody_keeps_are_known(model: Path) -> None:
    assert joined(model, await_lists=True, snapshot_url="none").screener.lists is None
    assert joined(model, await_lists=False, snapshot_url="none").screener.lists is not None


def test_a_worker_that_is_replaced_ends_and_says_by_whom(model: Path) -> None:
    ending = Ending()
    settings = load_settings(
        kafka_bootstrap_servers="127.0.0.1:1", web_port=0, model_dir=model, snapshot_url="none", instance_id="worker-7"
    )
    build_app(settings, ending, PUBLIC_SEED).app.transport.plugs.on_replaced()
    assert "has started as worker-7" in str(ending.cause)
