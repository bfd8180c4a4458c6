"""Feedback as it comes over the wire: the record, or why it cannot be used. Knows no transport."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from detector.contract.events import (
    MAX_RECORD_BYTES,
    TEXT_LIMIT,
    Feedback,
    FeedbackSource,
    Verdict,
    says_which_call,
)
from streams.wire.records import FEEDBACK_DECODER
from streams.wire.refusals import CODE_MEANINGS, MESSAGE_LIMIT, REFUSALS, Code, classify

_VALUES = (("verdict", Verdict), ("source", FeedbackSource))
NAMES_NO_CALL = "It names no call: `call_id`, `calling_number`, or `called_number` and `call_time_ms` are needed."


@dataclass(frozen=True, slots=True)
class FeedbackRefused:
    """Why a record cannot be used: for a program, and for a person. The message names fields, never their values."""

    code: Code
    message: str


def read_feedback(value: bytes | None) -> Feedback | FeedbackRefused:
    """Read one record of `call-feedback`. Never raises; the size is looked at before anything is decoded.

    Args:
        value: Of the record.
    """
    if not value:
        return FeedbackRefused(Code.EMPTY, CODE_MEANINGS[Code.EMPTY])
    if len(value) > MAX_RECORD_BYTES:
        return FeedbackRefused(Code.TOO_LARGE, CODE_MEANINGS[Code.TOO_LARGE])
    try:
        found: Feedback = FEEDBACK_DECODER.decode(value)
    except REFUSALS as error:
        code, message = classify(value, error)
        if code is Code.OUT_OF_RANGE:
            message += next((f" They are: {', '.join(its)}." for name, its in _VALUES if f"`{name}`" in message), "")
        return FeedbackRefused(code, message[:MESSAGE_LIMIT])
    return found if says_which_call(found) else FeedbackRefused(Code.MISSING_FIELD, NAMES_NO_CALL)


def said_of(what: str, call_ids: Iterable[str], verdict: Verdict, now_ms: int) -> Iterator[Feedback]:
    """Say what an analyst answers about a cluster of each of its calls that is named.

    Args:
        what: The cluster, in words.
        call_ids: Of its calls.
        verdict: The answer.
        now_ms: When it was given, epoch milliseconds.
    """
    what = what[:TEXT_LIMIT]
    for call_id in call_ids:
        yield Feedback(
            time_ms=now_ms,
            verdict=verdict,
            source=FeedbackSource.ANALYST,
            call_id=call_id,
            campaign=what if verdict is Verdict.ROBOCALL else None,
            note=f"ask: {what}",
        )
