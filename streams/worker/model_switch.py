"""Put another model into a running screener, or one beside it: loaded in a thread, swapped between two batches."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import structlog

from detector.columns.windows_port import Windows
from detector.contract.errors import RobocallError
from detector.contract.ports import Classifier
from detector.features.schemas import SCHEMAS, WIDEST
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.screening import Screener
from detector.policy.settings import Thresholds
from models.errors import PromotionRefused
from models.serve.artifact import Model
from models.serve.assigned_codes import told_otherwise
from models.serve.reference import Reference
from models.serve.signing import UNSIGNED, Signing
from models.store.promotions import Promotions
from models.store.registry import Registry
from models.watch.drift import DriftWatch
from models.watch.shadow import Disagreement, Shadow
from models.watch.watched import WatchedModel
from streams.redis.connection import NO_MODEL
from streams.redis.worker_reports import MAX_REFUSALS, MAX_WHY, Refusal, Role, WorkerReport
from streams.running.clock import wall_clock_ms

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 30.0
SAMPLE_PAUSE_MS = 1_000
"""Between two disagreements that are logged."""

log = structlog.get_logger(__name__)


def _clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _said(error: Exception) -> str:
    """What is wrong with a model, in one line."""
    said = str(error) if isinstance(error, RobocallError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())[:MAX_WHY]


class _Follower:
    """Loads the model that was named last and hands it over; one that cannot be loaded changes nothing.

    Args:
        role: what the model is to be.
        refusals: told of what was not taken, the latest last.
        load: from the name to a model that is ready to score; runs in a thread.
        install: takes it, on the event loop.
    """

    def __init__(
        self,
        role: Role,
        refusals: deque[Refusal],
        load: Callable[[str], Model],
        install: Callable[[Model], None],
    ) -> None:
        self._role = role
        self._refusals = refusals
        self._load = load
        self._install = install
        self.wanted: str | None = None
        """The name that is being followed; None when there is nothing more to do."""
        self.task: asyncio.Task[None] | None = None
        self.refused = 0

    def __call__(self, name: str | None) -> None:
        """Want another model, or with None no other than the present one; returns at once."""
        self.wanted = name
        if name is not None and (self.task is None or self.task.done()):
            self.task = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        pause_s = FIRST_RETRY_S
        while (name := self.wanted) is not None:
            try:
                model = await asyncio.to_thread(self._load, name)
            except Exception as error:  # noqa: BLE001 - a bad artifact must not end the task that takes the next one
                self.refused += 1
                cause = f"{type(error).__name__}: {error}"
                self._forget(name)
                self._refusals.append(Refusal(self._role, name, _said(error), wall_clock_ms()))
                log.warning("model refused, the running one stays", role=self._role, model=name, cause=cause)
                if getattr(error, "retriable", False):
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_RETRY_S)
                    continue
            else:
                if self.wanted == name:
                    self._forget(name)
                    self._install(model)
                    log.info("model in place", role=self._role, model_version=model.version)
            if self.wanted == name:
                self.wanted = None

    def _forget(self, name: str) -> None:
        """Forget that a model was refused: it is tried again, or is in place."""
        for one in [one for one in self._refusals if (one.role, one.model) == (self._role, name)]:
            self._refusals.remove(one)


class ModelSwitch:
    """Follows the names of the model that decides and of the one in its shadow.

    Both are verified, loaded and compiled in a thread; then one assignment between two batches puts the model in place.
    What stands in the screener is a `WatchedModel` around it.

    Args:
        screener: its `classifier` is replaced.
        url: of the registry.
        signing: with a key, only signed models are put in place, and to decide only what was promoted last: Redis tells
            when to look, and not what to run.
        codes: id of the codes that this worker tells unassigned ones by; a model that learnt with others is put in
            place all the same, and the log says so.
    """

    def __init__(
        self, screener: Screener[Windows], url: str | Path, signing: Signing = UNSIGNED, codes: str = ""
    ) -> None:
        self._screener = screener
        self._codes = codes
        self._registry = Registry(url, signing)
        self._refusals: deque[Refusal] = deque(maxlen=MAX_REFUSALS)
        self._follow_active = _Follower("active", self._refusals, self._load_promoted, self._put)
        self._follow_shadow = _Follower("shadow", self._refusals, self._load, self._put_beside)
        self._since_ms = wall_clock_ms()
        self._was_told = False
        self.has_looked = asyncio.Event()
        """The registry has been asked what to begin with."""
        self._logged_ms = 0
        self.is_compared = False
        """Drift is told from the carrier's own measured traffic, and not from the model's test calls."""
        self._complain(screener.classifier)
        self._watched = WatchedModel(screener.classifier, _drift_watch(screener.classifier), None, _clock_ms)
        screener.classifier = self._watched

    @property
    def refused(self) -> int:
        """Names and models that were not taken."""
        return self._follow_active.refused + self._follow_shadow.refused

    def told(self, worker: str, told: int) -> WorkerReport:
        """What this worker says of its models.

        Args:
            worker: its name.
            told: up to which announcement it has heard.
        """
        shadow = self._watched.shadow
        return WorkerReport(
            worker,
            self._watched.version,
            self._since_ms,
            told,
            self._follow_active.wanted,
            None if shadow is None else shadow.model.version,
            tuple(self._refusals),
        )

    @property
    def watched(self) -> WatchedModel:
        """The model in place, with those who watch it."""
        return self._watched

    @property
    def thresholds(self) -> Thresholds:
        """Scores from which the policy labels and blocks, of its first category."""
        return self._screener.policy.categories[0].thresholds

    def __call__(self, name: str) -> None:
        """Switch to the model of that name in the registry; returns at once. The latest name wins."""
        self._was_told = True
        self._follow_active(None if name == self._watched.version else name)

    def shadow(self, name: str) -> None:
        """Score that model beside the active one, or with `off` none; returns at once. The latest name wins."""
        if name == NO_MODEL:
            self._follow_shadow(None)
            self._put_beside(None)
        else:
            self._follow_shadow(name)

    async def run(self) -> None:
        """Begin with the model that was promoted last, where Redis has not named one; then nothing, until cancelled."""
        name = await asyncio.to_thread(Promotions(self._registry.store, self._registry.signing).active)
        if name is not None and not self._was_told:
            self._follow_active(name)
        self.has_looked.set()
        await asyncio.Event().wait()

    async def begun(self) -> None:
        """Wait until the model to begin with is in place, whichever that is, or was refused."""
        await self.has_looked.wait()
        await self.settled()

    async def settled(self) -> None:
        """Wait until no model is being loaded."""
        for follower in (self._follow_active, self._follow_shadow):
            if follower.task is not None:
                await follower.task

    def _load(self, name: str) -> Model:
        """Everything that takes time: in a thread, so that no call waits for it."""
        model = self._registry.load(name, schema_id=FEATURE_SCHEMA_ID)
        WatchedModel(model, _drift_watch(model), None, _clock_ms).warm()
        self._complain(model)
        return model

    def _complain(self, model: Classifier) -> None:
        complaint = told_otherwise(model.manifest, self._codes) if isinstance(model, Model) else None
        if complaint is not None:
            log.warning("unassigned codes mean something else to the model", cause=complaint)

    def _load_promoted(self, name: str) -> Model:
        """The model that is to decide.

        Raises:
            PromotionRefused: with a key, another one was promoted last.
        """
        model, signing = self._load(name), self._registry.signing
        if signing.key is not None:
            promoted = Promotions(self._registry.store, signing).active()
            if promoted != model.version:
                last = "nothing was" if promoted is None else f"{promoted} was, last"
                raise PromotionRefused(
                    f"{model.version} was not promoted by who has the key ({last}): `robocall models promote` does it"
                )
        return model

    def compare_with(self, reference: Reference | None) -> None:
        """Tell drift from this traffic from now on, counted anew; None: from the model's own test calls."""
        active, shadow = self._watched.model, self._watched.shadow
        self.is_compared = reference is not None
        drift = _drift_watch(active) if reference is None else DriftWatch(reference, _names(active), _clock_ms())
        self._watched = WatchedModel(active, drift, shadow, _clock_ms)
        self._screener.classifier = self._watched

    def _put(self, model: Classifier) -> None:
        self.is_compared = False
        self._since_ms = wall_clock_ms()
        beside = self._watched.shadow
        self._install(model, _drift_watch(model), None if beside is None else self._shadow_of(model, beside.model))

    def _put_beside(self, model: Classifier | None) -> None:
        active, drift = self._watched.model, self._watched.drift
        self._install(active, drift, None if model is None else self._shadow_of(active, model))

    def _install(self, model: Classifier, drift: DriftWatch | None, shadow: Shadow | None) -> None:
        before = self._watched.shadow
        self._watched = WatchedModel(model, drift, shadow, _clock_ms)
        self._screener.classifier = self._watched
        if before is not None:
            before.stop()

    def _shadow_of(self, active: Classifier, model: Classifier) -> Shadow:
        return Shadow(active, model, lambda: self.thresholds, self._tell)

    def _tell(self, found: Disagreement) -> None:
        """Log one disagreement a second at most. It names no number: only features, which are counts and shares."""
        now_ms = _clock_ms()
        if now_ms - self._logged_ms < SAMPLE_PAUSE_MS:
            return
        self._logged_ms = now_ms
        log.info(
            "shadow model disagrees",
            active=str(found.active_action),
            shadow=str(found.shadow_action),
            active_score=round(found.active_score, 4),
            shadow_score=round(found.shadow_score, 4),
            **{WIDEST.names[column]: round(value, 4) for column, value in found.features.items()},
        )


def _drift_watch(model: Classifier) -> DriftWatch | None:
    """None where the model has no reference: it was packaged before there were any."""
    reference: Reference | None = getattr(model, "reference", None)
    return None if reference is None else DriftWatch(reference, _names(model), _clock_ms())


def _names(model: Classifier) -> tuple[str, ...]:
    return SCHEMAS[model.schema_id].names
