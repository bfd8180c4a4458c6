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
