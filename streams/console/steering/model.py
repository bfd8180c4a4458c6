"""*Model*: which model decides, which one runs beside it, which could; what it rests on; promote, roll back, shadow."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from models.serve.learning_curve import LearningCurve, curve_in
from models.store.promotions import Promotion
from models.store.registry import NAME, Summary
from models.watch.drift import PSI_ALARM
from streams.console.bench import Bench, Found
from streams.console.roles import User, What
from streams.console.sessions import Session
from streams.console.steering.work import State, Work, told_of_its_end
from streams.console.visits import Change, Look, Visits
from streams.redis.worker_reports import WorkerReport
from streams.running.masking import masked

MODEL = "/model"
LOOK_S = 30.0
KEPT_S = 20.0
"""What was found is shown again for so long, unless something was changed."""
MOST_SHOWN = 30
MOST_CURVES = 5
CHANGES = {
    "promote": "Promote through the gate",
    "shadow": "Run in shadow",
    "shadow_off": "End the shadow",
    "rollback": "Roll back",
}
"""What may be done, for people."""
_NEED_A_MODEL = frozenset({"promote", "shadow"})


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of models. What could not be asked is said in `complaints`.

    Attributes:
        url: Of the registry.
        promoted: Version that the registry wants workers to run; None before the first promotion.
        artifacts: Models of the registry, newest first.
        history: Promotions and rollbacks, oldest first.
        workers: What each worker says of its models.
        enforcement: What the model's step goes by, one sentence.
        alarms: What each alarm means and what to do.
        complaints: One sentence each.
    """

    url: str = ""
    promoted: str | None = None
    artifacts: Sequence[Summary] = ()
    history: Sequence[Promotion] = ()
    workers: Sequence[WorkerReport] = ()
    enforcement: str = ""
    alarms: Mapping[str, str] = field(default_factory=dict)
    complaints: Sequence[str] = ()


class ModelPage:
    """Handlers of the page. Used on the event loop alone.

    Args:
        visits: Makes pages, and notes who does what.
        facts: Asks the registry and Redis; blocks, in a thread.
        work: Runs the commands.
    """

    def __init__(self, visits: Visits, facts: Callable[[], ModelFacts], work: Work) -> None:
        self._visits, self._facts, self._work = visits, facts, work
        self._bench = Bench("The registry", LOOK_S)
        self._kept: tuple[State, float, Found] | None = None

    def routes(self, look: Look, change: Change) -> list[Route]:
        """Which page needs whom."""
        return [
            Route(MODEL, look(self.page), methods=["GET"]),
            Route(f"{MODEL}/facts", look(self.facts), methods=["GET"]),
            Route(f"{MODEL}/work", look(self.work), methods=["GET"]),
            Route(f"{MODEL}/change", change(What.MODEL, self.change), methods=["POST"]),
        ]

    async def page(self, request: Request, user: User, session: Session) -> Response:
        """The page; its parts are asked for by it."""
        del request
        self._visits.note("console look", user, page="model")
        return self._visits.page("model", user, session)

    async def facts(self, request: Request, user: User, session: Session) -> Response:
        """Part of it: all that is known, and the form of who may change it."""
        del request
        if self._kept is None or self._kept[0] is not self._work.state or time.monotonic() >= self._kept[1]:
            state = self._work.state
            found = await self._bench.run(self._facts)
            self._kept = state, time.monotonic() + KEPT_S, found
        found = self._kept[2]
        return self._visits.page(
            "model_facts",
            user,
            session,
            found=found,
            most=MOST_SHOWN,
            psi_alarm=PSI_ALARM,
            changes=CHANGES,
            curves=[] if found.content is None else _curves(found.content),
        )

    async def work(self, request: Request, user: User, session: Session) -> Response:
        """Part of it: the latest change, and what the gate found."""
        state = self._work.state
        part = self._visits.page("model_work", user, session, state=state, gate=_gate(state), here=MODEL)
        return told_of_its_end(request, state, part)

    async def change(self, request: Request, user: User, session: Session) -> Response:
        """Begin a change, which goes on by itself; 303 to the page."""
        del session
        form = request.state.form
        what, version, why = form.get("what", ""), form.get("version", ""), self._visits.reason(request)
        if what not in CHANGES or (what in _NEED_A_MODEL and not NAME.fullmatch(version)):
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Say what is to be done, and with which model.")
        is_forced = what == "promote" and form.get("forced") == "yes"
        version = version if what in _NEED_A_MODEL else ""
        said = f"{CHANGES[what]} {version}{', whatever the gate says' if is_forced else ''}".strip()
        if not self._work.begin(said, user.name, _arguments(what, version, why, is_forced=is_forced)):
            raise HTTPException(HTTPStatus.CONFLICT, "Another change is under way: wait for its end.")
        event = {"change": what, "model": version or None, "is_forced": is_forced, "reason": masked(why)}
        self._visits.note("console change", user, **event)
        return RedirectResponse(MODEL, HTTPStatus.SEE_OTHER)


def _arguments(what: str, version: str, why: str, *, is_forced: bool) -> list[str]:
    """The command behind `robocall`. Each value is one word of it, so none can be taken for an option."""
    if what == "promote":
        reason = [f"--force={why}"] if is_forced else []
        return ["models", "promote", "--json", f"--why={why}", *reason, "--", version]
    if what == "rollback":
        return ["models", "rollback", "--json", f"--why={why}"]
    return ["models", "shadow", f"--why={why}", "--", version if what == "shadow" else "off"]


def _curves(facts: ModelFacts) -> list[tuple[str, LearningCurve]]:
    """Version and curve of the models that have one: the promoted one first, then the newest."""
    found = [(one.version, curve) for one in facts.artifacts if (curve := curve_in(one.metrics)) is not None]
    return sorted(found, key=lambda one: one[0] != facts.promoted)[:MOST_CURVES]


def _gate(state: State) -> list[dict[str, Any]]:
    """Lines of the gate, where the command told them."""
    try:
        found = json.loads(state.found)["gate"]
    except (ValueError, KeyError, TypeError):
        return []
    return found if isinstance(found, list) else []
