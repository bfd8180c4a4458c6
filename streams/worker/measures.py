"""Follow the measure beside the model in place: looked for every few seconds, in force between two batches.

It also tells the model's step when the traffic has moved away from what was measured (`models.watch.drift`).
"""

import asyncio
from pathlib import Path
from typing import Any

import structlog

from detector.columns.windows_port import Windows
from detector.contract.errors import RobocallError
from detector.policy.screening import Screener
from models.budgets.measure import MAX_BYTES, Measure, decode, file_name
from models.errors import ModelUnknown
from models.serve.reference import Reference
from models.store.registry import Registry
from streams.worker.model_switch import ModelSwitch

LOOK_S = 5.0
DRIFT_ALARMS = frozenset({"features", "scores"})
"""Those that say that calls look otherwise. That more of them reach a threshold may be a campaign."""

log = structlog.get_logger(__name__)


class MeasureFollower:
    """Keeps the screener at the latest measure of its model; one that cannot be used silences the model's step.

    Args:
        screener: told what it goes by.
        switch: knows the model in place; told what its traffic is compared with.
        registry: where promoted models are.
        configured: folder of the model that the worker began with, which need not be in the registry.
        partitions: number of partitions that windows are counted in.
    """

    def __init__(
        self, screener: Screener[Windows], switch: ModelSwitch, registry: Registry, configured: Path, partitions: int
    ) -> None:
        self._screener = screener
        self._switch = switch
        self._registry = registry
        self._beginning = (screener.versions.model_version, Registry(configured.parent, registry.signing), configured)
        self._partitions = partitions
        self._known: tuple[str, bytes | None, str] | None = None
        self._measure: Measure | None = None
        self._complaint = ""
        self._has_drifted = False
        self._told = ""

    async def run(self) -> None:
        """Look, wait, and look again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once, and put what is new in force. What the registry does not tell leaves everything as it is."""
        version = self._screener.versions.model_version
        try:
            content, complaint = await asyncio.to_thread(self._read, version)
        except RobocallError as error:
            if str(error) != self._told:  # not every five seconds while the registry is away
                self._told = str(error)
                log.warning("the measure cannot be looked for, what is in force stays", cause=self._told)
            return
        self._told = ""
        if version != self._screener.versions.model_version:
            return  # another model was put in place meanwhile
        if (version, content, complaint) != self._known:
            self._known = version, content, complaint
            self._take(content, complaint)
        elif self._drifts() != self._has_drifted:
            self._has_drifted = not self._has_drifted
            self._tell()

    def _read(self, version: str) -> tuple[bytes | None, str]:
        """Content of the file beside the model, and what is wrong with it; in a thread."""
        name, first = file_name(self._partitions), self._beginning
        try:
            try:
                return self._registry.read_beside(version, name, limit_bytes=MAX_BYTES), ""
            except ModelUnknown:
                if version != first[0]:
                    return None, ""
                return first[1].read_beside(first[2].name, name, limit_bytes=MAX_BYTES), ""
        except RobocallError as error:
            if error.retriable:
                raise
            return None, str(error)

    def _take(self, content: bytes | None, complaint: str) -> None:
        model: Any = self._switch.watched.model
        measure, reference = None, None
        if content is not None:
            try:
                measure = decode(
                    content,
                    file_name(self._partitions),
                    partitions=self._partitions,
                    signing=self._registry.signing,
                )
                reference = measure.reference(getattr(model, "reference", None))
            except RobocallError as error:
                measure, complaint = None, str(error)
        self._measure, self._complaint, self._has_drifted = measure, complaint, False
        self._compare_with(reference)
        self._tell()

    def _compare_with(self, reference: Reference | None) -> None:
        if reference is not None or self._switch.is_compared:
            self._switch.compare_with(reference)

    def _drifts(self) -> bool:
        drift = self._switch.watched.drift
        if self._measure is None or drift is None or not self._switch.is_compared:
            return False
        return bool(DRIFT_ALARMS & set(drift.drift(self._switch.thresholds).alarms))

    def _tell(self) -> None:
        measured = None if self._measure is None else self._measure.measured()
        self._screener.go_by(measured, complaint=self._complaint, has_drifted=self._has_drifted)
        log.info("the model's step goes by", said=self._screener.in_force.why, has_drifted=self._has_drifted)
