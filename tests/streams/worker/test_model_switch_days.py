"""A model that reads days is put in place, or beside one that does not: days are remembered from then on."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from detector.columns.batch_columns import BatchColumns
from detector.columns.hashing import PUBLIC_SEED
from detector.features.schemas import F2, F3
from detector.features.window_constants import DAY_MS
from detector.policy.screening import Screener, Screening
from detector.testing import START_MS, batch_of, call_setup
from detector.windows import WindowEngine
from streams.screening.build import make_screener
from streams.settings import load_settings
from streams.worker.model_switch import ModelSwitch
from tests.models.small_model import save_small_model

DAYS = F3.names.index("number_days_28d")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_small_model(root / "windows", seed=1)
    save_small_model(root / "days", seed=2, columns=(0, DAYS), schema=F3)
    return root


def screener_of(models: Path, *, keep_days: bool = False) -> Screener[WindowEngine]:
    return make_screener(load_settings(model_dir=models / "windows", keep_days=keep_days), shared_trunks=False)


def screened(screener: Screener[WindowEngine], day: int) -> Screening:
    """A call of one number at noon of a day."""
    call = call_setup(f"c{day}", setup_time_ms=START_MS + day * DAY_MS)
    return screener.screen(BatchColumns.of(batch_of([call], seed=PUBLIC_SEED)))


def test_a_model_of_days_knows_them_from_its_promotion_on_and_forgets_them_with_it(models: Path) -> None:
    screener = screener_of(models)
    switch, found = ModelSwitch(screener, models), []

    async def days() -> None:
        for day, name in enumerate(("", "days", "", "", "windows", "days")):
            if name:
                switch(name)
                await switch.settled()
            screening = screened(screener, day)
            assert not np.isnan(screening.scores).any()
            found.append(screening)

    asyncio.run(days())

    tables = [F3 if screening.features.shape[1] == len(F3.names) else F2 for screening in found]
    assert tables == [F2, F3, F3, F3, F2, F3]
    assert [screening.versions.feature_schema for screening in found] == [table.schema_id for table in tables]
    known = [screening.features.item(0, DAYS) for screening in found if screening.features.shape[1] > DAYS]
    assert known == [0, 1, 2, 0]
    assert switch.refused == 0


def test_days_that_the_settings_keep_are_known_at_once(models: Path) -> None:
    """And outlive the model that reads them; one that does not read them scores as without."""
    kept, plain = screener_of(models, keep_days=True), screener_of(models)
    switch = ModelSwitch(kept, models)
    before = [screened(kept, day).scores.tolist() for day in (0, 1)]

    async def switched() -> list[Screening]:
        found = []
        for day, name in ((2, "days"), (3, "windows")):
            switch(name)
            await switch.settled()
            found.append(screened(kept, day))
        return found

    of_days, after = asyncio.run(switched())

    assert before == [screened(plain, day).scores.tolist() for day in (0, 1)]
    assert of_days.features.item(0, DAYS) == 2
    assert after.features.item(0, DAYS) == 3
    screened(plain, 2)
    assert after.scores.tolist() == screened(plain, 3).scores.tolist()


def test_a_shadow_that_reads_days_has_them_remembered_beside_a_model_that_does_not(models: Path) -> None:
    screener = screener_of(models)
    switch = ModelSwitch(screener, models)

    async def shadowed() -> list[Screening]:
        switch.shadow("days")
        await switch.settled()
        return [screened(screener, day) for day in (0, 1)]

    found = asyncio.run(shadowed())

    shadow = switch.watched.shadow
    assert shadow is not None
    shadow.settle()
    assert (shadow.failure, sum(shadow.pairs.values())) == (None, 2)
    assert [screening.features.item(0, DAYS) for screening in found] == [0, 1]
    assert found[0].scores.tolist() == screened(screener_of(models), 0).scores.tolist()
    switch.shadow("off")
    assert screened(screener, 2).features.shape[1] == len(F2.names)
