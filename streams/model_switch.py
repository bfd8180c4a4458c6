"""Put another model into a running screener: loaded and compiled beside the stream, swapped between two batches."""

import asyncio
import re
from pathlib import Path

import structlog

from detector.features import FEATURE_SCHEMA_ID
from detector.screening import Screener
from models.artifact import load
from streams.errors import ModelNameRefused

NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")

log = structlog.get_logger(__name__)


class ModelSwitch:
    """Follows the name of the model that is to be active.

    Args:
        screener: its `classifier` is replaced. A model that cannot be loaded changes nothing.
        root: the folder whose direct subfolders are the artifacts that a name may mean.
    """

    def __init__(self, screener: Screener, root: Path) -> None:
        self._screener = screener
        self._root = root
        self._task: asyncio.Task[None] | None = None
        self._wanted: str | None = None
        self.refused = 0
        """Names and models that were not taken."""

    def __call__(self, name: str) -> None:
        """Switch to the artifact folder `name` in the root; returns at once. The latest name wins."""
        self._wanted = name
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._switch())

    async def _switch(self) -> None:
        while self._wanted is not None:
            name, self._wanted = self._wanted, None
            try:
                model = await asyncio.to_thread(load, self._folder(name), schema_id=FEATURE_SCHEMA_ID)
                await asyncio.to_thread(model.warm)
                self._screener.classifier = model
            except Exception as error:  # noqa: BLE001 - a bad artifact must not end the task that takes the next one
                self.refused += 1
                cause = f"{type(error).__name__}: {error}"
                log.warning("model refused, the running one stays", model=name, cause=cause)
            else:
                log.info("model switched", model_version=model.version)

    def _folder(self, name: str) -> Path:
        """The folder of a name. It comes from Redis: it must not lead out of the root, by itself or by a link."""
        folder = (self._root / name).resolve() if NAME.fullmatch(name) else None
        if folder is None or folder.parent != self._root.resolve():
            raise ModelNameRefused(self._root)
        return folder
