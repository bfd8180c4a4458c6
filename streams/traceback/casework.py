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
from streams.traceback.records import MOST_HOPS, Answer, Hop, Provider, Traceback, is_called, named, same
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


def with_hops(case: Case, hops: Sequence[Hop], *, whose: str | None = None, corrects: bool = False) -> Case:
    """Add what was answered to the traceback of a case; it closes once the point of entry is reached.

    Args:
        case: Of the traceback.
        hops: The answers.
        whose: OCN, FRN or name of the provider that gives them, for which nobody else may speak; None = not checked.
        corrects: Whether what these providers answered before no longer counts; our own hop stays.

    Raises:
        CaseRefused: it holds no traceback of ours, would have too many answers, or a hop is of somebody else.
    """
    traceback = traceback_in(case)
    if traceback is None:
        raise CaseRefused(f"{case.case_id} is no traceback of ours: `robocall traceback list` has them")
    for hop in hops if whose is not None else ():
        _require_own(case.case_id, traceback, hop.provider, str(whose))
    ours, *others = traceback.hops
    if corrects:
        others = [one for one in others if not any(same(one.provider, hop.provider) for hop in hops)]
    known = (ours, *others, *hops)
    if len(known) > MOST_HOPS:
        raise CaseRefused(f"{case.case_id} has {MOST_HOPS} answers, and takes no more")
    return _with(case, msgspec.structs.replace(traceback, hops=known))


def _require_own(case_id: str, traceback: Traceback, provider: Provider, whose: str) -> None:
    """Refuse a hop of somebody else: whoever is meant by it, as others name them, must be called so.

    What a hop says of its own provider decides only where nobody else named it: it could say any code.
    """
    named_by_others = [
        one for hop in traceback.hops for one in (hop.provider, hop.received_from, hop.sent_to)
        if one is not None and same(one, provider)
    ]  # fmt: skip
    if not all(is_called(one, whose) for one in named_by_others or [provider]):
        raise CaseRefused(f"{case_id}: an answer of {named(provider)} is not one of {whose}: nothing is added")


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
