"""Pages of cases: what somebody asked or did, its clock, and how it ends."""

import asyncio
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.cases.redress import claim_of, clock
from streams.cases.store import CaseStore
from streams.console.bench import Bench
from streams.console.desk.about_acts import days_of
from streams.console.desk.acts import Acts
from streams.console.roles import User, What
from streams.console.sessions import Session
from streams.console.subjects import Kind, read_subject
from streams.console.visits import Change, Look, Visits
from streams.running.clock import wall_clock_ms
from streams.running.masking import masked
from streams.settings import Settings
from streams.traceback.casework import answers_in, traceback_in
from streams.traceback.records import named
from streams.traceback.report import FORMS, report_of
from streams.wire.cases import Case

READ_S = 15.0


class CasePages:
    """Handlers. Used on the event loop alone.

    Args:
        visits: knows links and masks.
        settings: where Kafka is.
        acts: does what is asked for.
    """

    def __init__(self, visits: Visits, settings: Settings, acts: Acts) -> None:
        self._visits, self._settings, self._acts = visits, settings, acts
        self._bench = Bench("Kafka", READ_S)

    def routes(self, look: Look, change: Change) -> list[Route]:
        """Which page needs whom."""
        decide, trace = What.DECIDE_REDRESS, What.TRACE
        return [
            Route("/cases/{link}", look(self.case), methods=["GET"]),
            Route("/cases/{link}/record", look(self.record), methods=["GET"]),
            Route("/cases/{link}/tell", change(decide, self.tell), methods=["POST"]),
            Route("/cases/{link}/grant", change(decide, self.grant), methods=["POST"]),
            Route("/cases/{link}/reject", change(decide, self.reject), methods=["POST"]),
            Route("/cases/{link}/close", change(trace, self.close), methods=["POST"]),
            Route("/cases/{link}/export", change(trace, self.export), methods=["POST"]),
        ]

    async def case(self, request: Request, user: User, session: Session) -> Response:
        """The page; its record is read by a part of it."""
        link, subject = self._visits.subject(request, Kind.CASE)
        self._visits.note("console look", user, subject)
        return self._visits.page("case", user, session, link, subject=subject, said=session.heard())

    async def record(self, request: Request, user: User, session: Session) -> Response:
        """Part of it: what the case holds, and what may be done."""
        link, subject = self._visits.subject(request, Kind.CASE)
        is_whole = self._visits.is_whole(user, session, link)
        self._visits.note("console look", user, subject, place="record", is_whole=is_whole)
        store, now_ms = CaseStore(self._settings), wall_clock_ms()
        found = await self._bench.run(lambda: _read(store, subject.text))
        case: Case | None = found.content
        traced = None if case is None else traceback_in(case)
        return self._visits.page(
            "case_record",
            user,
            session,
            link,
            why_not=found.why_not,
            case=case,
            campaign=_campaign(case),
            claim=None if case is None else claim_of(case),
            clock="" if case is None else clock(case, now_ms),
            report=None if traced is None else report_of(traced),
            is_late=traced is not None and traced.due_ms < now_ms,
            answers=[] if case is None else answers_in(case),
            hidden=HIDDEN,
            named=named,
        )

    async def tell(self, request: Request, user: User, session: Session) -> Response:
        """Record that whoever asked was told how it stands."""
        return await self._answer(request, user, session, "told")

    async def grant(self, request: Request, user: User, session: Session) -> Response:
        """Grant redress: the block ends, and the number is allowed for a while."""
        return await self._answer(request, user, session, "granted")

    async def reject(self, request: Request, user: User, session: Session) -> Response:
        """Reject redress."""
        return await self._answer(request, user, session, "rejected")

    async def close(self, request: Request, user: User, session: Session) -> Response:
        """Close a traceback whose entry will not be found."""
        return await self._answer(request, user, session, "closed")

    async def export(self, request: Request, user: User, session: Session) -> Response:
        """A traceback as a file for others, with whole numbers: by them they find the call."""
        _, subject = self._visits.subject(request, Kind.CASE)
        name, why = request.state.form.get("form", ""), self._visits.reason(request)
        form = FORMS.get(name)
        if form is None:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"Choose a form: {', '.join(FORMS)}.")
        self._visits.note("console act", user, subject, act="export", reason=masked(why))
        report, said = await self._acts.exported(subject.text, name, user.name, why)
        file_name = subject.text + form.ending
        session.tell([f"Exported as {file_name}.", *said])
        shown = {"content-disposition": f'attachment; filename="{file_name}"'}
        return Response(form.write(report), media_type=form.media_type, headers=shown)

    async def _answer(self, request: Request, user: User, session: Session, what: str) -> Response:
        _, subject = self._visits.subject(request, Kind.CASE)
        why = self._visits.reason(request)
        days = days_of(request.state.form.get("days", "")) if what == "granted" else 0.0
        self._visits.note("console act", user, subject, act=what, reason=masked(why))
        said = await self._acts.answer(subject.text, what, days, user.name, why)
        return self._visits.back(subject, session, said)


HIDDEN = frozenset({"traceback", "answers"})
"""Details that hold a record of their own; the page shows what is in it."""


def _read(store: CaseStore, case_id: str) -> Case | None:
    return asyncio.run(store.read(case_id))


def _campaign(case: Case | None) -> str:
    """Id of the campaign that a case is about, which is no number to be masked; empty for none."""
    kind, _, name = ((case and case.subject) or "").partition(":")
    found = read_subject(name) if kind == Kind.CAMPAIGN else None
    return found.text if found is not None and found.kind is Kind.CAMPAIGN else ""
