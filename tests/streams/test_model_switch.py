"""Another model is put in place between two batches; one that cannot be loaded changes nothing."""

import asyncio
from pathlib import Path

import pytest

from streams.model_switch import ModelSwitch
from streams.screener import make_screener
from streams.settings import load_settings
from tests.streams.small_model import save_small_model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_small_model(root / "first", seed=1)
    save_small_model(root / "second", seed=2)
    (root / "broken").mkdir()
    return root


async def _switch(switch: ModelSwitch, *names: str) -> None:
    for name in names:
        switch(name)
    assert switch._task is not None
    await switch._task


def test_a_model_is_switched_by_name_or_path(models: Path) -> None:
    """Relative to the folder of the first model, or absolute; the latest name wins."""
    screener = make_screener(load_settings(model_dir=models / "first"), shared_trunks=False)
    first = screener.versions.model_version
    switch = ModelSwitch(screener, models)

    asyncio.run(_switch(switch, "second"))
    second = screener.versions.model_version
    assert second != first

    asyncio.run(_switch(switch, "second", str(models / "first")))
    assert screener.versions.model_version == first
    assert switch.refused == 0


@pytest.mark.parametrize("name", ["broken", "absent", "/nowhere/at/all"])
def test_a_model_that_cannot_be_loaded_is_refused(models: Path, name: str) -> None:
    """The running one stays."""
    screener = make_screener(load_settings(model_dir=models / "first"), shared_trunks=False)
    before = screener.versions
    switch = ModelSwitch(screener, models)

    asyncio.run(_switch(switch, name))

    assert screener.versions == before
    assert switch.refused == 1
