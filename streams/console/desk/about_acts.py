"""What is done about a number, a trunk group, a call or a decision from its page."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from detector.policy.lists import NUMBER_ENTITY, ORDERS, TRUNK_ENTITY, Basis
from streams.cases.redress import Claim
from streams.console.desk.acts import Acts
from streams.console.roles import User, What
from streams.console.sessions import Session
from streams.console.subjects import Kind, Subject
from streams.console.visits import Change, Look, Visits
from streams.redress.granting import MOST_DAYS
from streams.running.masking import masked

BASES = (Basis.ANALYTICS, *ORDERS)
"""On what a block from here may rest; what a subscriber asked for needs the subscriber: `robocall lists`."""
CHANGES = ("allow", "block", "unallow", "unblock")
LONGEST_CONTACT = 500


class AboutActs:
    """Handlers. Used on the event loop alone.

    Args:
        visits: knows links and reasons.
        acts: does what is asked for.
    """

    def __init__(self, visits: Visits, acts: Acts) -> None:
        self._visits, self._acts = visits, acts

    def routes(self, look: Look, change: Change) -> list[Route]:
        """Which form needs whom."""
        del look
        return [
            Route("/about/{link}/release", change(What.RELEASE, self.release), methods=["POST"]),
            Route("/about/{link}/list", change(What.LIST, self.list_), methods=["POST"]),
            Route("/about/{link}/traceback", change(What.TRACE, self.traceback), methods=["POST"]),
            Route("/about/{link}/redress", change(What.OPEN_REDRESS, self.redress), methods=["POST"]),
        ]

    async def release(self, request: Request, user: User, session: Session) -> Response:
        """End what stands against a number or trunk group."""
        _, subject = self._visits.subject(request, Kind.NUMBER, Kind.TRUNK)
        why = self._visits.reason(request)
        self._visits.note("console act", user, subject, act="release", reason=masked(why))
        said = await self._acts.release(_entity(subject), user.name, why)
        return self._visits.back(subject, session, said)

    async def list_(self, request: Request, user: User, session: Session) -> Response:
        """Put a number or trunk group on a list, or take it off."""
        _, subject = self._visits.subject(request, Kind.NUMBER, Kind.TRUNK)
        form, why = request.state.form, self._visits.reason(request)
        change, entry = form.get("change", ""), _entity(subject).removeprefix(NUMBER_ENTITY)
        if change not in CHANGES:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Choose what to do with the list.")
        days = days_of(form.get("days", ""), least=1 / 24) if change == "allow" else None
        basis = _basis(form.get("basis", "")) if change == "block" else None
        self._visits.note("console act", user, subject, act=change, days=days, basis=basis, reason=masked(why))
        if days is not None:
            said = await self._acts.allow(entry, days, user.name, why)
        elif basis is not None:
            said = await self._acts.block(entry, basis, user.name, why)
        else:
            said = await self._acts.unlist(change.removeprefix("un"), entry, user.name, why)
        return self._visits.back(subject, session, said)

    async def traceback(self, request: Request, user: User, session: Session) -> Response:
        """Trace a call; 303 to its case."""
        _, subject = self._visits.subject(request, Kind.CALL)
        why = self._visits.reason(request)
        self._visits.note("console act", user, subject, act="traceback", reason=masked(why))
        opened = await self._acts.trace([subject.text], None, user.name, why)
        return self._visits.back(Subject(Kind.CASE, opened[0]), session, ["Opened."])

    async def redress(self, request: Request, user: User, session: Session) -> Response:
        """Open redress of a decision, or of the latest call of a number; 303 to the case."""
        _, subject = self._visits.subject(request, Kind.NUMBER, Kind.DECISION)
        why, contact = self._visits.reason(request), request.state.form.get("contact", "").strip()[:LONGEST_CONTACT]
        is_number = subject.kind is Kind.NUMBER
        claim = Claim(calling_number=subject.text) if is_number else Claim(decision_id=subject.text)
        self._visits.note("console act", user, subject, act="open_redress", reason=masked(why))
        case_id, said = await self._acts.open_redress(claim, contact, user.name, why)
        return self._visits.back(Subject(Kind.CASE, case_id), session, said)


def days_of(text: str, *, least: float = 0.0) -> float:
    """Days as somebody typed them.

    Raises:
        HTTPException: 400 where it is no number of days that may be.
    """
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not least <= days <= MOST_DAYS:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"Say for how many days, at most {MOST_DAYS:,}.")
    return days


def _basis(text: str) -> Basis:
    if text not in BASES:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "Choose what the block rests on.")
    return Basis(text)


def _entity(subject: Subject) -> str:
    return (NUMBER_ENTITY if subject.kind is Kind.NUMBER else TRUNK_ENTITY) + subject.text
