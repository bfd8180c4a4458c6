"""Another model is put in place between two batches; one that cannot be loaded changes nothing."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from detector.features.schemas import F4
from detector.features.table import FEATURE_SCHEMA_ID, N_FEATURES
from models.errors import StorageError
from models.serve.artifact import Model, sign
from models.serve.signing import Signing
from models.store.promotions import Promotions
from models.store.registry import Registry
from streams.screening.build import make_screener
from streams.settings import load_settings
from streams.worker import model_switch
from streams.worker.model_switch import ModelSwitch
from tests.models.small_model import save_small_model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_small_model(root / "first", seed=1)
    save_small_model(root / "second", seed=2)
    (root / "broken").mkdir()
    (root / "garbage").write_bytes(b"\xff")
    return root


async def _switch(switch: ModelSwitch, *names: str) -> None:
    for name in names:
        switch(name)
    await switch.settled()


def test_a_model_is_switched_by_name(models: Path) -> None:
    """In the folder of the first model; the latest name wins."""
    screener = make_screener(load_settings(model_dir=models / "first"), shared_trunks=False)
    first = screener.versions.model_version
    switch = ModelSwitch(screener, models)

    asyncio.run(_switch(switch, "second"))
    second = screener.versions.model_version
    assert second != first

    asyncio.run(_switch(switch, "second", "first"))
    assert screener.versions.model_version == first
    assert switch.refused == 0


def test_a_model_that_learnt_with_other_assigned_codes_is_in_place_and_told(tmp_path: Path) -> None:
    """The one to begin with, one that is named, and one in the shadow; each once it is loaded."""
    for seed, codes in enumerate([("aa",), ("bb",), ("cc",), ()], 1):
        save_small_model(tmp_path / f"m{seed}", seed=seed, schema=F4, codes=codes)
    screener = make_screener(load_settings(model_dir=tmp_path / "m1", keep_days=True), shared_trunks=False)

    async def run(switch: ModelSwitch) -> None:
        switch.shadow("m3")
        await _switch(switch, "m2")
        await _switch(switch, "m4")

    with capture_logs() as lines:
        asyncio.run(run(ModelSwitch(screener, tmp_path, codes="bb")))

    told = [line["cause"] for line in lines if line["log_level"] == "warning"]
    assert [cause.partition(" codes ")[2].partition(":")[0] for cause in told] == [
        "aa, and bb is read",
        "cc, and bb is read",
    ]


def test_a_name_cannot_lead_out_of_the_folder_of_models(models: Path, tmp_path: Path) -> None:
    """Not by a path, not by dots, not by a link: the name comes from Redis, where others may write."""
    save_small_model(tmp_path / "other", seed=3)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "other")
    screener = make_screener(load_settings(model_dir=models / "first"), shared_trunks=False)
    before = screener.versions
    switch = ModelSwitch(screener, tmp_path / "root")
    names = [str(tmp_path / "other"), "../other", "..", ".", "link", "", "x" * 129]

    for name in names:
        asyncio.run(_switch(switch, name))

    assert screener.versions == before
    assert switch.refused == len(names)


@pytest.mark.parametrize("name", ["broken", "absent", "garbage"])
def test_a_model_that_cannot_be_loaded_is_refused(models: Path, name: str) -> None:
    """The running one stays."""
    screener = make_screener(load_settings(model_dir=models / "first"), shared_trunks=False)
    before = screener.versions
    switch = ModelSwitch(screener, models)

    asyncio.run(_switch(switch, name))

    assert screener.versions == before
    assert switch.refused == 1


def test_the_loop_goes_on_while_a_model_is_loaded(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading, checking and compiling happen in another thread; the old model scores until the assignment."""
    screener = make_screener(load_settings(model_dir=models / "first"), shared_trunks=False)
    switch = ModelSwitch(screener, models)
    may_go_on, has_begun = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    threads: list[threading.Thread] = []
    order: list[tuple[bool, int]] = []
    load = Registry.load

    def slow_load(registry: Registry, name: str, *, schema_id: str) -> Model:
        threads.append(threading.current_thread())
        loops[0].call_soon_threadsafe(has_begun.set)
        may_go_on.wait()
        return load(registry, name, schema_id=schema_id)

    monkeypatch.setattr(Registry, "load", slow_load)

    async def switching() -> None:
        loops.append(asyncio.get_running_loop())
        switch("second")
        await has_begun.wait()
        before = screener.versions.model_version
        scores = screener.classifier.score(np.zeros((1, N_FEATURES), np.float32))
        order.append((screener.versions.model_version == before, len(scores)))
        may_go_on.set()
        await switch.settled()
        order.append((screener.versions.model_version == before, 0))

    asyncio.run(switching())

    assert order == [(True, 1), (False, 0)]
    assert threads[0] is not threading.main_thread()


def test_a_registry_that_is_away_is_asked_again(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The promotion is not lost with one failed request."""
    monkeypatch.setattr(model_switch, "FIRST_RETRY_S", 0.0)
    screener = make_screener(load_settings(model_dir=models / "first"), shared_trunks=False)
    switch = ModelSwitch(screener, models)
    first = screener.versions.model_version
    load, outages = Registry.load, [StorageError("away")] * 2

    def failing_load(registry: Registry, name: str, *, schema_id: str) -> Model:
        if outages:
            raise outages.pop()
        return load(registry, name, schema_id=schema_id)

    monkeypatch.setattr(Registry, "load", failing_load)

    asyncio.run(_switch(switch, "second"))

    assert screener.versions.model_version != first
    assert switch.refused == 2


def test_a_worker_begins_with_what_was_promoted_last(models: Path) -> None:
    """The registry knows when Redis has forgotten; what Redis names goes before."""
    registry = Registry(models)
    first, second = (registry.load(name, schema_id=FEATURE_SCHEMA_ID).version for name in ("first", "second"))
    Promotions(registry.store).promote(second, first, gate=[])

    async def started(*told: str) -> str:
        screener = make_screener(load_settings(model_dir=models / "first"), shared_trunks=False)
        switch = ModelSwitch(screener, models)
        for name in told:
            switch(name)
        running = asyncio.create_task(switch.run())
        await switch.has_looked.wait()
        await switch.settled()
        running.cancel()
        return screener.versions.model_version

    assert asyncio.run(started()) == second
    assert asyncio.run(started(first)) == first


def test_with_a_key_redis_cannot_name_what_was_not_promoted(models: Path, tmp_path: Path) -> None:
    """A signed artifact is not enough: whoever may write Redis could go back to any that was ever added."""
    signing = Signing(b"a key of sixteen bytes or more")
    for name, seed in (("first", 1), ("second", 2)):
        sign(save_small_model(tmp_path / name, seed=seed), signing)
    registry = Registry(tmp_path, signing)
    first, second = (registry.load(name, schema_id=FEATURE_SCHEMA_ID).version for name in ("first", "second"))
    screener = make_screener(load_settings(model_dir=models / "first"), shared_trunks=False)
    switch = ModelSwitch(screener, tmp_path, signing)

    asyncio.run(_switch(switch, "second"))
    assert (screener.versions.model_version, switch.refused) == (first, 1)
    Promotions(registry.store, signing).promote(second, first, gate=[])
    asyncio.run(_switch(switch, "second"))
    assert (screener.versions.model_version, switch.refused) == (second, 1)
    asyncio.run(_switch(switch, "first"))
    assert (screener.versions.model_version, switch.refused) == (second, 2)


def test_a_shadow_is_scored_beside_the_active_model_and_survives_a_switch(models: Path) -> None:
    """Until it is turned off; decisions carry the version of the active model alone."""
    screener = make_screener(load_settings(model_dir=models / "first"), shared_trunks=False)
    switch = ModelSwitch(screener, models)
    first = screener.versions.model_version
    rows = np.random.default_rng(0).exponential(3.0, size=(64, N_FEATURES)).astype(np.float32)

    async def beside() -> None:
        switch.shadow("second")
        await switch.settled()

    asyncio.run(beside())
    screener.classifier.score(rows)
    shadow = switch.watched.shadow
    assert shadow is not None
    shadow.settle()
    assert screener.versions.model_version == first
    assert sum(shadow.pairs.values()) == len(rows)

    asyncio.run(_switch(switch, "second"))
    after = switch.watched.shadow
    assert after is not None
    assert after.model.version == shadow.model.version == screener.versions.model_version

    switch.shadow("off")
    assert switch.watched.shadow is None
    assert switch.refused == 0
