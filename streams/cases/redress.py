"""Redress: somebody says that calls were wrongly blocked or labelled. Its states, its facts and its clock.

47 CFR 64.1200(k)(8): a status update within 24 hours, and a prompt end of the treatment where the claim is credible.
"""

from dataclasses import dataclass, replace

from detector.features.window_constants import HOUR_MS, MINUTE_MS
from streams.cases.changes import CaseRefused, opened
from streams.cases.store import CaseStore
from streams.wire.cases import Case, CaseEntry, CaseKind

PENDING, GRANTED, REJECTED = "pending", "granted", "rejected"
CLOCK_MS = 24 * HOUR_MS
TOLD = "told"


@dataclass(frozen=True, slots=True)
class Claim:
    """The call that somebody asks about, as far as it is known.

    Attributes:
        calling_number: Who called.
        called_number: Who was called.
        call_time_ms: When, epoch milliseconds.
        decision_id: The decision on it; None where none was found.
        call_id: Of the call at its switch.
        trunk_group_id: That it came in by.
        decided: What was done with it and by which step: `block by model`.
        because: Code of the decision's first reason: on what a block rests.
    """

    calling_number: str | None = None
    called_number: str | None = None
    call_time_ms: int | None = None
    decision_id: str | None = None
    call_id: str | None = None
    trunk_group_id: str | None = None
    decided: str | None = None
    because: str | None = None

    def details(self) -> dict[str, str]:
        """All that is known, by name."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: str(value) for name, value in found.items() if value is not None}


def claim_of(case: Case) -> Claim:
    """The call that a case is about."""
    known = {name: case.details.get(name) for name in Claim.__slots__ if name != "call_time_ms"}
    at = case.details.get("call_time_ms", "")
    return Claim(**known, call_time_ms=int(at) if at.isdecimal() else None)


def new_redress(entry: CaseEntry, claim: Claim, contact: str | None, received_ms: int | None = None) -> Case:
    """Open redress of a call.

    Args:
        entry: Who opens it, when and why.
        claim: The call.
        contact: Whom to answer.
        received_ms: When they asked, epoch milliseconds; None for when it is opened. The clock counts from then.

    Raises:
        CaseRefused: It is larger than a case may be.
    """
    due_ms = (entry.time_ms if received_ms is None else received_ms) + CLOCK_MS
    details = claim.details() | ({"contact": contact} if contact else {}) | {"due_ms": str(due_ms)}
    subject = f"number:{claim.calling_number}" if claim.calling_number else None
    return opened(CaseKind.REDRESS, entry, subject=subject, details=details, state=PENDING)


def decided_as(case: Case, state: str, details: dict[str, str] | None = None) -> Case:
    """Grant or reject. What was rejected may be granted later; what was granted is undone by a block, not by a word.

    Raises:
        CaseRefused: It is no redress, it is granted already, or it is rejected and is to be once more.
    """
    if case.kind is not CaseKind.REDRESS:
        raise CaseRefused(f"{case.case_id} is no redress but a {case.kind}")
    if case.state == GRANTED and state == REJECTED:
        raise CaseRefused(f"{case.case_id} is granted: `robocall lists` takes its number off the allow list again")
    return replace(case, state=state, details=case.details | (details or {}))


async def require_new(store: CaseStore, claim: Claim) -> None:
    """Refuse a second case about a decision while one waits: it would answer the same caller twice.

    Raises:
        CaseRefused: There is one.
        RobocallError: As `CaseStore` says.
    """
    if claim.decision_id is None:
        return

    def is_same(case: Case) -> bool:
        return case.state == PENDING and claim_of(case).decision_id == claim.decision_id

    for case in await store.cases(is_same, {CaseKind.REDRESS}):
        raise CaseRefused(f"{case.case_id} is about the same call, and waits: answer that one")


def is_waiting(case: Case) -> bool:
    """Whether nobody has answered yet: it is pending, and whoever asked was told nothing."""
    return case.kind is CaseKind.REDRESS and case.state == PENDING and all(e.what != TOLD for e in case.history)


def answer_due_ms(case: Case) -> int | None:
    """By when an answer is due, epoch milliseconds; None where none is."""
    due = case.details.get("due_ms", "")
    return int(due) if is_waiting(case) and due.isdecimal() else None


def left_ms(case: Case, now_ms: int) -> int | None:
    """How long there is until an answer is due, milliseconds, negative where it is overdue; None where none is due."""
    due_ms = answer_due_ms(case)
    return None if due_ms is None else due_ms - now_ms


def clock(case: Case, now_ms: int) -> str:
    """The clock for people; empty where it does not run."""
    left = left_ms(case, now_ms)
    return "" if left is None else due_in("answer", left)


def due_in(what: str, left_ms: int) -> str:
    """Say how long there is: `answer within 3 h 05 min`, or `OVERDUE by 0 h 10 min`.

    Args:
        what: Is due.
        left_ms: Until then, milliseconds; negative where it is overdue.
    """
    minutes = abs(left_ms) // MINUTE_MS
    span = f"{minutes // 60} h {minutes % 60:02} min"
    return f"{what} within {span}" if left_ms >= 0 else f"OVERDUE by {span}"
