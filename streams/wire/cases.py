"""A case: what people did about a call, a number, a campaign or a setting, with who, when and why. One record a case.

The record holds the whole case, so that of the topic `case-records` the latest one of a case says everything.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from detector.contract.events import EARLIEST_TIME_MS, LATEST_TIME_MS, documented

MAX_CASE_BYTES = 256 * 1024
"""Of a case as JSON; a record of the topic may have 1 MiB."""
MAX_ENTRIES = 1_000
MAX_NAME = 128
MAX_WHY = 1_000


class CaseKind(StrEnum):
    """What a case is about."""

    REDRESS = "redress"
    TRACEBACK = "traceback"
    REFERRAL = "referral"
    CHANGE = "change"
    LOOK_UP = "look_up"


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """One thing that was done: who, when, why, what."""

    entry_id: str = documented("Its own: the same entry twice is one.", max_length=MAX_NAME)
    time_ms: int = documented("When it was done.", ge=EARLIEST_TIME_MS, le=LATEST_TIME_MS)
    who: str = documented("Who did it.", max_length=MAX_NAME)
    what: str = documented(
        "What was done, a short word for programs: `opened`, `granted`, `held`.", max_length=MAX_NAME
    )
    why: str | None = documented("Why, in the words of who did it.", default=None, max_length=MAX_WHY)


@dataclass(frozen=True, slots=True)
class Case:
    """A case and everything that was done in it. Kept until its retention has passed; a null value deletes."""

    case_id: str = documented("Its id; also the key.", min_length=1, max_length=MAX_NAME)
    kind: CaseKind = documented("What it is about.")
    state: str = documented(
        "Where it stands: `pending`, `granted`, `rejected`, `open` or `closed`.", min_length=1, max_length=MAX_NAME
    )
    subject: str | None = documented(
        "Whom or what it is about: `number:+1...`, `trunk:...`, a list, a model; a number looked up as its digest.",
        max_length=2 * MAX_NAME,
    )
    opened_ms: int = documented("When it was opened.", ge=EARLIEST_TIME_MS, le=LATEST_TIME_MS)
    updated_ms: int = documented("When the latest entry was made.", ge=EARLIEST_TIME_MS, le=LATEST_TIME_MS)
    is_held: bool = documented("Whether a legal hold keeps it beyond its retention.")
    details: dict[str, str] = documented("Facts of its kind, by name. Instants are epoch milliseconds.")
    history: tuple[CaseEntry, ...] = documented("What was done, in order.", max_items=MAX_ENTRIES)


CASE_DECODER = msgspec.json.Decoder(Case)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_case(value: bytes | None) -> Case | None:
    """Read the record of a case.

    Args:
        value: The record; null where the case was deleted.

    Returns:
        None where it is no case that this version can use, or is larger than one may be.
    """
    if value is None or len(value) > MAX_CASE_BYTES:
        return None
    try:
        found = CASE_DECODER.decode(value)
    except _UNREADABLE:
        return None
    instants = (found.opened_ms, found.updated_ms, *(entry.time_ms for entry in found.history))
    is_whole = bool(found.case_id and found.history) and len(found.history) <= MAX_ENTRIES
    return found if is_whole and all(EARLIEST_TIME_MS <= one <= LATEST_TIME_MS for one in instants) else None
