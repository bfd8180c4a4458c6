"""What is done about numbers, calls, campaigns and cases, in one thread, by the functions that the commands use.

Whatever is done leaves a case: who, when and why. Each act answers with sentences for whoever did it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import TypeVar

from starlette.exceptions import HTTPException

from detector.contract.errors import RobocallError
from detector.contract.events import Verdict
from detector.features.window_constants import DAY_MS
from detector.policy.lists import NUMBER_ENTITY, Basis
from streams.campaigns.topic import campaigns_now
from streams.campaigns.verdicts import DONE, campaign_in, feedback_on, verdict_on
from streams.cases.changes import CLOSED, CaseRefused, new_entry
from streams.cases.recording import list_details, looked_up, recorded
from streams.cases.redress import REJECTED, TOLD, Claim, claim_of, decided_as, new_redress, require_new
from streams.cases.store import CaseStore
from streams.console.bench import Bench
from streams.console.desk.tracing import trace
from streams.kafka.publishing.entity_topic import publish_end
from streams.kafka.publishing.sending import Record, Sent, publish
from streams.kafka.topics import CALL_FEEDBACK, CAMPAIGNS
from streams.redis.connection import asked
from streams.redis.list_changes import add_entries, change_list
from streams.redis.list_entries import checked_entry
from streams.redis.list_notes import note_now
from streams.redis.releasing import release
from streams.redress.granting import FeedbackLost, Lifted, grant, stays
from streams.redress.looking import looked_up as find_call
from streams.running.clock import wall_clock_ms
from streams.settings import Settings
from streams.traceback.casework import traceback_in
from streams.traceback.report import Report, report_of
from streams.wire.cases import Case, CaseKind

ACT_S = 60.0
T = TypeVar("T")


class Acts:
    """Awaited on the event loop, which goes on meanwhile; acts are done one after the other.

    Args:
        settings: how Kafka and Redis are reached.

    Raises:
        HTTPException: from every act: 409 with a sentence where it was not done, or not all of it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bench = Bench("What you asked for", ACT_S)

    async def do(self, act: Callable[[], T]) -> T:
        """Do something that blocks."""
        found = await self._bench.run(act)
        if found.why_not:
            raise HTTPException(HTTPStatus.CONFLICT, f"{found.why_not}.")
        done: T = found.content
        return done

    async def release(self, entity: str, who: str, why: str) -> list[str]:
        """End what stands against `number:+1...` or `trunk:...`, as `robocall release` does."""
        return await self.do(lambda: self._release(entity, who, why))

    def _release(self, entity: str, who: str, why: str) -> list[str]:
        settings = self._settings
        checked_entry("allow", entity.removeprefix(NUMBER_ENTITY))  # numbers and trunk groups, and nothing else
        done = asked(settings, lambda redis: release(redis, entity, by=_by(who), grace_s=settings.release_grace_s))
        said = [f"Released: ended {done.ended or 'nothing'}. Analytics do not block it for a while."]
        if done.ordered:
            said.append(f"It stays on the block list by {done.ordered}: `robocall lists remove block` lifts that.")
        try:
            asyncio.run(publish_end(settings, entity))
        except RobocallError as error:
            said.append(f"Workers follow; switches that cache standing decisions were not told: {error}.")
        details = {"ended": done.ended, "until_ms": str(done.until_ms)}
        return self._recorded(said, CaseKind.CHANGE, "released", who, entity, details, why)

    async def allow(self, entry: str, days: float, who: str, why: str) -> list[str]:
        """Put a number or `trunk:...` on the allow list for some days.

        The entry has no reason on purpose: with one it would pass do-not-originate and orders too.
        """
        until_ms = wall_clock_ms() + round(days * DAY_MS)
        note = note_now(by=_by(who), until_ms=until_ms)
        more = {"until_ms": str(until_ms)}
        return await self.do(lambda: self._list("allow", entry, who, why, note=note, more=more))

    async def block(self, entry: str, basis: Basis, who: str, why: str) -> list[str]:
        """Put a number or `trunk:...` on the block list."""
        is_plain = basis is Basis.ANALYTICS
        note = b"" if is_plain else note_now(basis=basis, by=_by(who), reason=why)
        more = {} if is_plain else {"basis": str(basis)}
        return await self.do(lambda: self._list("block", entry, who, why, note=note, more=more))

    async def unlist(self, name: str, entry: str, who: str, why: str) -> list[str]:
        """Take a number or `trunk:...` off the list `allow` or `block`."""
        return await self.do(lambda: self._list(name, entry, who, why, note=None, more={}))

    def _list(
        self, name: str, entry: str, who: str, why: str, *, note: bytes | None, more: dict[str, str]
    ) -> list[str]:
        """Change a list; without a note the entry is removed."""
        entries = [checked_entry(name, entry)]
        if note is None:
            changed = asked(self._settings, lambda redis: change_list(redis, name, entries, is_addition=False))
            said, what = f"Taken off the list {name}." if changed else f"It was not on the list {name}.", "list_removed"
        else:
            changed = asked(self._settings, lambda redis: add_entries(redis, name, entries, note))
            said, what = f"On the list {name}{'' if changed else ', as it was before'}.", "list_added"
        details = list_details(name, entries, changed) | more
        return self._recorded([f"{said} Workers follow within two seconds."], CaseKind.CHANGE, what, who,
                              f"list:{name}", details, why)  # fmt: skip

    async def open_redress(self, claim: Claim, contact: str, who: str, why: str) -> tuple[str, list[str]]:
        """Open redress of a call, which is looked up as `robocall redress open` does it; the id of the case."""
        return await self.do(lambda: self._open_redress(claim, contact, who, why))

    def _open_redress(self, claim: Claim, contact: str, who: str, why: str) -> tuple[str, list[str]]:
        said: list[str] = []
        entry = new_entry(who=who, what="opened", why=why, now_ms=wall_clock_ms())
        claim = find_call(self._settings, claim, entry.time_ms, said.append)
        if claim.decided is None:
            said.append("No decision was found: what was asked stands in the case.")
        store = CaseStore(self._settings)
        asyncio.run(require_new(store, claim))
        case = asyncio.run(store.open(new_redress(entry, claim, contact or None)))
        return case.case_id, [f"Opened {case.case_id}: answer within 24 hours.", *said]

    async def answer(self, case_id: str, what: str, days: float, who: str, why: str) -> list[str]:
        """Say how redress ends or stands (`told`, `granted`, `rejected`), or close a traceback (`closed`)."""
        return await self.do(lambda: self._answer(case_id, what, days, who, why))

    def _answer(self, case_id: str, what: str, days: float, who: str, why: str) -> list[str]:
        entry = new_entry(who=who, what=what, why=why, now_ms=wall_clock_ms())
        store = CaseStore(self._settings)
        if what == "granted":
            case = asyncio.run(store.read(case_id))
            if case is None:
                raise CaseRefused(f"there is no case {case_id} any more")
            said: list[str] = []
            claim = claim_of(case)

            def lifted(one: Lifted | None) -> None:
                said.extend(_lifted(claim, one))

            try:
                grant(self._settings, case, entry, allow_days=days, on_lifted=lifted)
            except RobocallError as error:
                if not said:
                    raise
                return [*said, f"Switches or the case were not told, grant it again: {error}."]
            return ["Granted.", *said]
        asyncio.run(store.append(case_id, entry, _CHANGES[what]))
        return [f"Recorded: {what}."]

    async def trace(self, call_ids: list[str], campaign: str | None, who: str, why: str) -> list[str]:
        """Open tracebacks of the best of some calls; ids of their cases."""
        return await self.do(lambda: trace(self._settings, call_ids, campaign, who, why))

    async def trace_campaign(self, name: str, who: str, why: str) -> list[str]:
        """Do the same for the calls of a campaign."""

        def act() -> list[str]:
            record = campaign_in(campaigns_now(self._settings).records, name)
            return trace(self._settings, [one.call_id for one in record.examples], record.id, who, why)

        return await self.do(act)

    async def exported(self, case_id: str, form: str, who: str, why: str) -> tuple[Report, list[str]]:
        """The report of a traceback for a file that leaves the console, and what is to be said of its record."""

        def act() -> tuple[Report, list[str]]:
            case = asyncio.run(CaseStore(self._settings).read(case_id))
            traced = None if case is None else traceback_in(case)
            if traced is None:
                raise CaseRefused(f"{case_id} is no traceback of ours: `robocall traceback list` has them")
            said = self._recorded([], CaseKind.LOOK_UP, "exported", who, f"case:{case_id}", {"form": form}, why)
            return report_of(traced), said

        return await self.do(act)

    async def judge_campaign(self, name: str, verdict: Verdict, who: str, why: str) -> list[str]:
        """Say what the calls of a campaign are, as `robocall campaigns confirm` and `clear` do."""

        def act() -> list[str]:
            record = campaign_in(campaigns_now(self._settings).records, name)
            taken = self.publish(list(feedback_on(record, verdict, f"{who}: {why}")))
            self.publish([verdict_on(record, verdict, who=who, why=why)], CAMPAIGNS)
            what = DONE[verdict]
            said = [f"Said of its latest {taken} calls: {verdict}."]
            return self._recorded(said, CaseKind.CHANGE, what, who, f"campaign:{record.id}", {"calls": str(taken)}, why)

        return await self.do(act)

    async def unmasked(self, kind: str, text: str, who: str, why: str) -> list[str]:
        """Record that whole numbers are about to be shown; where that cannot be, it is said, and the log has it."""

        def act() -> list[str]:
            subject, details = looked_up(kind, text)
            return self._recorded([], CaseKind.LOOK_UP, "unmasked", who, subject, details, why)

        return await self.do(act)

    def answered(self, what: str, verdict: Verdict, taken: int, who: str, why: str) -> list[str]:
        """Record that a question of the model was answered; it blocks, for an act."""
        said = [f"Answered: {verdict}, said of {taken} calls."]
        details = {"calls": str(taken), "verdict": str(verdict)}
        return self._recorded(said, CaseKind.CHANGE, "question_answered", who, f"question:{what}", details, why)

    def publish(self, records: list[Record], topic: str = CALL_FEEDBACK) -> int:
        """Publish feedback, or records of another topic; it blocks, for an act. How many the brokers have.

        Raises:
            RobocallError: no broker answers, it refuses, or it did not take all of it.
        """
        sent = Sent()
        asyncio.run(publish(self._settings, topic, records, sent))
        if sent.failed:
            raise FeedbackLost(f"the broker did not take {sent.failed} of {sent.taken} records: say it again")
        return sent.taken

    def _recorded(
        self, said: list[str], kind: CaseKind, what: str, who: str, subject: str, details: dict[str, str], why: str
    ) -> list[str]:
        more = recorded(self._settings, kind, what, who=who, subject=subject, details=details, why=why)
        return [*said, f"{more}."] if more else said


def _closed(case: Case) -> Case:
    if case.kind is not CaseKind.TRACEBACK:
        raise CaseRefused(f"{case.case_id} is no traceback but a {case.kind}")
    return replace(case, state=CLOSED)


_CHANGES: dict[str, Callable[[Case], Case]] = {
    TOLD: lambda case: decided_as(case, case.state),
    "rejected": lambda case: decided_as(case, REJECTED),
    "closed": _closed,
}


def _lifted(claim: Claim, lifted: Lifted | None) -> list[str]:
    """What a grant leaves, first, and what it ended, for people."""
    said = [f"{text[0].upper()}{text[1:]}." for text in stays(claim, lifted)]
    if lifted is None:
        return said
    if said:
        said.insert(0, "Such calls stay blocked.")
    if lifted.released.stood:
        said.append("What stood against it is lifted.")
    if lifted.released.unlisted:
        said.append("It is off the block list.")
    if not lifted.released.ended:
        said.append(f"No {'other ' if said else ''}block stood against it.")
    if lifted.allowed_until_ms is not None:
        said.append("The number is on the allow list.")
    return said


def _by(who: str) -> str:
    """Who stands in notes and releases: not to be taken for the model or another source."""
    return f"{who}, console"
