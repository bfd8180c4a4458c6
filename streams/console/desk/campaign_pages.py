"""Pages of campaigns: those that call, one with all that is known of it, and what people say of it."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from detector.contract.events import Verdict
from streams.campaigns.follower import CampaignFollower
from streams.console.desk.acts import Acts
from streams.console.desk.campaigns import CampaignMemory
from streams.console.live import LiveMemory
from streams.console.roles import User, What
from streams.console.sessions import Session
from streams.console.subjects import Kind, Subject
from streams.console.visits import Change, Look, Visits
from streams.running.clock import wall_clock_ms
from streams.running.masking import masked

MOST_LISTED, MOST_ON_NOW, MOST_ABOUT = 100, 5, 50
HOUR_S = 3_600.0
SPANS_H = {"1": 1.0, "24": 24.0, "all": 1e6}
"""What a list may be of, by the word in its address."""
VERDICTS = {"confirm": Verdict.ROBOCALL, "clear": Verdict.LEGITIMATE}


class CampaignPages:
    """Handlers. Used on the event loop alone.

    Args:
        visits: knows links and masks.
        campaigns: that are known.
        follower: why they are not, perhaps.
        memory: decisions of lately.
        acts: does what is asked for.
    """

    def __init__(
        self, visits: Visits, campaigns: CampaignMemory, follower: CampaignFollower, memory: LiveMemory, acts: Acts
    ) -> None:
        self._visits, self._campaigns, self._follower = visits, campaigns, follower
        self._memory, self._acts = memory, acts

    def routes(self, look: Look, change: Change) -> list[Route]:
        """Which page needs whom."""
        return [
            Route("/campaigns", look(self.index), methods=["GET"]),
            Route("/campaigns/list", look(self.listed), methods=["GET"]),
            Route("/campaigns/now", look(self.on_air), methods=["GET"]),
            Route("/campaigns/{link}", look(self.campaign), methods=["GET"]),
            Route("/campaigns/{link}/verdict", change(What.JUDGE, self.verdict), methods=["POST"]),
            Route("/campaigns/{link}/traceback", change(What.TRACE, self.traceback), methods=["POST"]),
        ]

    async def index(self, request: Request, user: User, session: Session) -> Response:
        """The page of all of them."""
        self._visits.note("console look", user, page="campaigns")
        return self._visits.page("campaigns", user, session, span=_span(request), said=session.heard())

    async def listed(self, request: Request, user: User, session: Session) -> Response:
        """Part of it: those that called in a span, those with most calls first."""
        return self._list(user, session, SPANS_H[_span(request)], MOST_LISTED)

    async def on_air(self, request: Request, user: User, session: Session) -> Response:
        """Part of *Now*: the largest of the last hour."""
        del request
        return self._list(user, session, 1.0, MOST_ON_NOW)

    async def campaign(self, request: Request, user: User, session: Session) -> Response:
        """One campaign; where it was merged into another one, that."""
        link, subject = self._visits.subject(request, Kind.CAMPAIGN)
        found = self._campaigns.find(subject.text)
        if found is not None and found.id != subject.text:
            return self._visits.back(Subject(Kind.CAMPAIGN, found.id), session, [f"{subject.text} was merged into it."])
        self._visits.note("console look", user, subject)
        return self._visits.page(
            "campaign",
            user,
            session,
            link,
            subject=subject,
            one=found,
            now_ms=wall_clock_ms(),
            judged=None if found is None else self._campaigns.verdicts.get(found.id),
            why_not=self._follower.complaint,
            decisions=self._memory.about(subject, MOST_ABOUT),
            said=session.heard(),
        )

    async def verdict(self, request: Request, user: User, session: Session) -> Response:
        """Confirm or clear it: feedback about each of its latest calls."""
        _, subject = self._visits.subject(request, Kind.CAMPAIGN)
        verdict = VERDICTS.get(request.state.form.get("verdict", ""))
        if verdict is None:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Choose: confirm, or clear.")
        why = self._visits.reason(request)
        self._visits.note("console act", user, subject, act=f"campaign_{verdict}", reason=masked(why))
        said = await self._acts.judge_campaign(subject.text, verdict, user.name, why)
        return self._visits.back(subject, session, said)

    async def traceback(self, request: Request, user: User, session: Session) -> Response:
        """Trace its best calls; 303 to the case of the first one."""
        _, subject = self._visits.subject(request, Kind.CAMPAIGN)
        why = self._visits.reason(request)
        self._visits.note("console act", user, subject, act="traceback", reason=masked(why))
        opened = await self._acts.trace_campaign(subject.text, user.name, why)
        return self._visits.back(Subject(Kind.CASE, opened[0]), session, [f"Opened {', '.join(opened)}."])

    def _list(self, user: User, session: Session, span_h: float, most: int) -> Response:
        return self._visits.page(
            "campaign_list",
            user,
            session,
            campaigns=self._campaigns.within(span_h * HOUR_S),
            most=most,
            verdicts=self._campaigns.verdicts,
            why_not=self._follower.complaint,
            now_ms=wall_clock_ms(),
        )


def _span(request: Request) -> str:
    span = request.query_params.get("within", "24")
    return span if span in SPANS_H else "24"
