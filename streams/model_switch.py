"""Put another model into a running screener: loaded and compiled beside the stream, swapped between two batches."""

import asyncio
from pathlib import Path

import structlog

from detector.errors import RobocallError
from detector.features import FEATURE_SCHEMA_ID
from detector.screening import Screener
from models.artifact import load

log = structlog.get_logger(__name__)


class ModelSwitch:
    """Follows the name of the model that is to be active.

    Args:
        screener: its `classifier` is replaced. A model that cannot be loaded changes nothing.
        root: where relative names are looked up.
    """

    def __init__(self, screener: Screener, root: Path) -> None:
        self._screener = screener
        self._root = root
        self._task: asyncio.Task[None] | None = None
        self._wanted: str | None = None
        self.refused = 0
        """Models that could not be loaded."""

    def __call__(self, name: str) -> None:
        """Switch to the artifact folder `name`; returns at once. The latest name wins."""
        self._wanted = name
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._switch())

    async def _switch(self) -> None:
        while self._wanted is not None:
            name, self._wanted = self._wanted, None
            try:
                model = await asyncio.to_thread(load, self._root / name, schema_id=FEATURE_SCHEMA_ID)
                await asyncio.to_thread(model.warm)
                self._screener.classifier = model
            except (RobocallError, OSError) as error:
                self.refused += 1
                log.warning("model refused, the running one stays", model=name, cause=str(error))
            else:
                log.info("model switched", model_version=model.version)
