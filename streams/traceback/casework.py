"""Tracebacks as cases (`streams.cases`): the record in the case's details, what was done in its history.

A case holds either a traceback of ours, or our answers to requests of others. Its numbers are plain: others have to
find the call by them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec

from streams.cases.changes import CLOSED, OPEN, CaseRefused, opened
from streams.traceback.path import State, path_of
from streams.traceback.records import MOST_HOPS, Answer, Hop, Traceback
from streams.wire.cases import Case, CaseEntry, CaseKind

TRACED, ANSWERED = "traceback", "answers"
"""Names of the details: a traceback of ours, our answers to requests."""
T = TypeVar("T")
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def case_of(traceback: Traceback, entry: CaseEntry) -> Case:
    """Make the case of a new traceback; it has the traceback's id.

    Raises:
        CaseRefused: it is larger than a case may be.
    """
    made = opened(
        CaseKind.TRACEBACK, entry, subject=_subject(traceback.campaign), details={}, case_id=traceback.traceback_id
    )
    return _with(made, traceback)


def answer_details(answers: Sequence[Answer], requester: str) -> dict[str, str]:
    """What a case keeps of requests that were answered together."""
    return {ANSWERED: msgspec.json.encode(answers).decode(), "requester": requester}


def traceback_in(case: Case) -> Traceback | None:
    """The traceback that a case holds; None where it holds none."""
    return _read(case.details.get(TRACED), Traceback)


def answers_in(case: Case) -> list[Answer]:
    """Our answers that a case holds; none where it holds none."""
    return _read(case.details.get(ANSWERED), list[Answer]) or []


def answers_due_ms(case: Case) -> int | None:
    """By when those who were asked owe an answer, epoch milliseconds; None where nobody does."""
    traceback = traceback_in(case) if case.state == OPEN else None
    is_waiting = traceback is not None and path_of(traceback).state is State.OPEN
    return traceback.due_ms if traceback is not None and is_waiting else None


def with_hops(case: Case, hops: Sequence[Hop]) -> Case:
    """Add what was answered to the traceback of a case; it closes once the point of entry is reached.

    Raises:
        CaseRefused: it holds no traceback of ours, or would have too many answers.
    """
    traceback = traceback_in(case)
    if traceback is None:
        raise CaseRefused(f"{case.case_id} is no traceback of ours: `robocall traceback list` has them")
    known = (*traceback.hops, *hops)
    if len(known) > MOST_HOPS:
        raise CaseRefused(f"{case.case_id} has {MOST_HOPS} answers: open another traceback")
    return _with(case, msgspec.structs.replace(traceback, hops=known))


def _with(case: Case, traceback: Traceback) -> Case:
    state = OPEN if path_of(traceback).entry is None else CLOSED
    return replace(case, state=state, details={**case.details, TRACED: msgspec.json.encode(traceback).decode()})


def _subject(campaign: str | None) -> str | None:
    return None if campaign is None else f"campaign:{campaign}"[:256]


def _read(text: str | None, kind: type[T]) -> T | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except _UNREADABLE:
        return None
