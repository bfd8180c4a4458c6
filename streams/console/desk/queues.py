"""What waits for people: redress with its clock, tracebacks that are due, questions of the model, alarms."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from detector.contract.events import Verdict
from streams.cases.changes import CLOSED
from streams.cases.redress import PENDING, clock, due_in, left_ms
from streams.cases.store import CaseStore
from streams.console.bench import Bench
from streams.console.desk.acts import Acts
from streams.console.desk.campaign_pages import VERDICTS
from streams.console.desk.questions import Question, QuestionTables, answers_of
from streams.console.long_look import LongLook
from streams.console.roles import User, What
from streams.console.sessions import Session
from streams.console.visits import Change, Look, Visits
from streams.running.clock import wall_clock_ms
from streams.running.masking import masked
from streams.settings import Settings
from streams.traceback.casework import traceback_in
from streams.traceback.records import named
from streams.traceback.report import Report, report_of
from streams.wire.cases import Case, CaseKind

READ_S, EXAMINE_S = 15.0, 30.0
MOST_QUESTIONS = 20


class Alarm(Protocol):
    """One thing that was looked at: `ok`, `warning` or `broken`, and a sentence."""

    @property
    def subject(self) -> str:
        """What was looked at."""

    @property
    def state(self) -> str:
        """How it is."""

    @property
    def text(self) -> str:
        """What was found, or what to do."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case that waits.

    Attributes:
        case: it.
        clock: how long there is, in words.
        due_ms: by when, epoch milliseconds.
        is_late: whether that has passed.
        at: of a traceback: the provider that is asked, and how the path stands.
    """

    case: Case
    clock: str
    due_ms: int
    is_late: bool
    at: str = ""


class Queues:
    """Handlers. Used on the event loop alone.

    Args:
        visits: knows links and masks.
        settings: where Kafka is.
        acts: does what is asked for.
        table: of questions; None = the setting names none.
        examine: looks at everything, as `robocall doctor` does; it blocks.
    """

    def __init__(
        self,
        visits: Visits,
        settings: Settings,
        acts: Acts,
        table: QuestionTables | None,
        examine: Callable[[], Sequence[Alarm]],
    ) -> None:
        self._visits, self._settings, self._acts, self._table = visits, settings, acts, table
        self._kafka, self._disk = Bench("Kafka", READ_S), Bench("The table of questions", READ_S)
        self._look = LongLook(Bench("What looks after everything", EXAMINE_S), examine)

    def routes(self, look: Look, change: Change) -> list[Route]:
        """Which page needs whom."""
        return [
            Route("/queues", look(self.index), methods=["GET"]),
            Route("/queues/cases", look(self.cases), methods=["GET"]),
            Route("/queues/questions", look(self.questions), methods=["GET"]),
            Route("/queues/questions", change(What.JUDGE, self.answer), methods=["POST"]),
            Route("/queues/alarms", look(self.alarms), methods=["GET"]),
        ]

    async def index(self, request: Request, user: User, session: Session) -> Response:
        """The page; each queue is a part of it."""
        del request
        self._visits.note("console look", user, page="queues")
        return self._visits.page("queues", user, session, said=session.heard())

    async def cases(self, request: Request, user: User, session: Session) -> Response:
        """Part of it: redress and tracebacks that wait, the most urgent first."""
        del request
        store, now_ms = CaseStore(self._settings), wall_clock_ms()
        found = await self._kafka.run(lambda: asyncio.run(store.cases(_waits, {CaseKind.REDRESS, CaseKind.TRACEBACK})))
        cases: list[Case] = found.content or []
        waiting = sorted((_waiting(case, now_ms) for case in cases), key=lambda one: one.due_ms)
        return self._visits.page(
            "queue_cases",
            user,
            session,
            why_not=found.why_not,
            redress=[one for one in waiting if one.case.kind is CaseKind.REDRESS],
            tracebacks=[one for one in waiting if one.case.kind is CaseKind.TRACEBACK],
        )

    async def questions(self, request: Request, user: User, session: Session) -> Response:
        """Part of it: what the model asks, as far as nobody answered."""
        del request
        table = self._table
        if table is None:
            return self._visits.page("queue_questions", user, session, why_not="", questions=None, left=0)
        found = await self._disk.run(table.questions)
        waiting: list[Question] = [one for one in found.content or () if not one.verdict]
        return self._visits.page(
            "queue_questions",
            user,
            session,
            why_not=found.why_not,
            questions=waiting[:MOST_QUESTIONS],
            left=max(0, len(waiting) - MOST_QUESTIONS),
        )

    async def answer(self, request: Request, user: User, session: Session) -> Response:
        """Answer a question: feedback about each call that it names, and the table has the answer."""
        form = request.state.form
        verdict, table, why = VERDICTS.get(form.get("verdict", "")), self._table, self._visits.reason(request)
        if verdict is None or table is None:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Choose: robocalls, or lawful.")
        name = form.get("question", "")
        self._visits.note("console act", user, act=f"answer_{verdict}", question=name[:32], reason=masked(why))
        session.tell(await self._acts.do(lambda: self._answered(table, name, verdict, user.name, why)))
        return RedirectResponse("/queues", HTTPStatus.SEE_OTHER)

    async def alarms(self, request: Request, user: User, session: Session) -> Response:
        """Part of it: what `robocall doctor` finds wrong from here, and what any worker says of its model.

        Looking takes seconds, so a page has what was found last, and asks again while somebody looks.
        """
        del request
        found, is_looking = await self._look.latest()
        alarms: Sequence[Alarm] = () if found is None else found.content or ()
        wrong = [one for one in alarms if one.state != "ok"]
        return self._visits.page(
            "queue_alarms",
            user,
            session,
            why_not="" if found is None else found.why_not,
            alarms=wrong,
            well=len(alarms) - len(wrong),
            looked_ms=self._look.found_ms,
            is_looking=is_looking,
        )

    def _answered(self, table: QuestionTables, name: str, verdict: Verdict, who: str, why: str) -> list[str]:
        """Publish and fill in; what is filled in stays so, and what is not is asked again."""
        question = table.find(name)
        if question.verdict:
            return ["Somebody has answered it meanwhile."]
        taken = self._acts.publish(answers_of(question, verdict))
        table.fill_in(name, verdict)
        return self._acts.answered(question.what, verdict, taken, who, why)


def _waits(case: Case) -> bool:
    if case.kind is CaseKind.REDRESS:
        return case.state == PENDING
    return case.kind is CaseKind.TRACEBACK and case.state != CLOSED and traceback_in(case) is not None


def _waiting(case: Case, now_ms: int) -> Waiting:
    traced = traceback_in(case)
    if traced is None:
        left = left_ms(case, now_ms)
        due = case.details.get("due_ms", "")
        due_ms = int(due) if due.isdecimal() else case.opened_ms
        return Waiting(case, clock(case, now_ms) or "told how it stands", due_ms, left is not None and left < 0)
    due_ms, says = traced.due_ms, due_in("answers due", traced.due_ms - now_ms)
    return Waiting(case, says, due_ms, due_ms < now_ms, _at(report_of(traced)))


def _at(report: Report) -> str:
    return f"{report.path.state} at {named(report.path.steps[-1].provider)}"
