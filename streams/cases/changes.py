"""What may become of a case: opened, one entry more, held, closed. Pure: knows no topic and no clock of its own."""

import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from detector.contract.errors import RobocallError
from detector.features.window_constants import DAY_MS
from streams.wire.cases import MAX_CASE_BYTES, MAX_ENTRIES, MAX_NAME, MAX_WHY, Case, CaseEntry, CaseKind
from streams.wire.records import encode

CLOSED, OPEN = "closed", "open"
ENDED = frozenset({CLOSED, "granted", "rejected"})
"""States in which nothing is waited for: such a case may go when its retention has passed."""
_DAY = re.compile(r"-(\d{8})-[0-9a-f]+$")
_CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class CaseRefused(RobocallError):
    """A change that a case does not take; the text says why, and what to do."""


def new_case_id(kind: CaseKind, now_ms: int) -> str:
    """Make the id of a new case: its kind, its day in UTC, and 10 random hex digits."""
    day = datetime.fromtimestamp(now_ms / 1_000, UTC).strftime("%Y%m%d")
    return f"{kind}-{day}-{secrets.token_hex(5)}"


def earliest_ms(case_id: str) -> int:
    """From when on a case may have records: a day before that of its id, for clocks that are off; 0 if it names none.

    Args:
        case_id: As `new_case_id` made it, or any other.

    Returns:
        Epoch milliseconds.
    """
    if (day := _DAY.search(case_id)) is None:
        return 0
    with suppress(ValueError):
        return max(0, int(datetime.strptime(f"{day[1]}+0000", "%Y%m%d%z").timestamp() * 1_000) - DAY_MS)
    return 0


def new_entry(*, who: str, what: str, why: str | None, now_ms: int) -> CaseEntry:
    """Make an entry with an id of its own, so that sending it twice adds it once.

    Args:
        who: Who does it, 1 to 128 characters.
        what: A short word for programs, 1 to 128 characters.
        why: In their words, at most 1,000 characters; None where nobody has to say.
        now_ms: Epoch milliseconds.

    Raises:
        CaseRefused: A text is empty or too long.
    """
    for name, text, most in (("who", who, MAX_NAME), ("what", what, MAX_NAME), ("why", why, MAX_WHY)):
        if text is not None and not 0 < len(text.strip()) <= most:
            raise CaseRefused(f"{name} has 1 to {most} characters")
    return CaseEntry(secrets.token_hex(8), now_ms, who.strip(), what, None if why is None else why.strip())


def opened(
    kind: CaseKind,
    entry: CaseEntry,
    *,
    subject: str | None,
    details: Mapping[str, str],
    state: str = OPEN,
    case_id: str | None = None,
) -> Case:
    """Make a case with its first entry.

    Args:
        kind: What it is about.
        entry: Who opens it, when and why.
        subject: Whom or what it is about.
        details: Facts of its kind, by name.
        state: Where it stands from the beginning.
        case_id: Its id; None makes one.

    Raises:
        CaseRefused: Its id has another form, or it is larger than a case may be.
    """
    case_id = case_id or new_case_id(kind, entry.time_ms)
    if not _CASE_ID.fullmatch(case_id):
        raise CaseRefused(f"{case_id!r} is no id of a case: up to 128 letters, digits, dots, dashes and underscores")
    at_ms = entry.time_ms
    return bounded(Case(case_id, kind, state, subject, at_ms, at_ms, False, dict(details), (entry,)))


def appended(case: Case, entry: CaseEntry) -> Case:
    """Add an entry to a case; one that it has changes nothing.

    Raises:
        CaseRefused: The case is full.
    """
    if has_entry(case, entry):
        return case
    return bounded(replace(case, updated_ms=entry.time_ms, history=(*case.history, entry)))


def has_entry(case: Case, entry: CaseEntry) -> bool:
    """Whether an entry is in a case already."""
    return any(one.entry_id == entry.entry_id for one in case.history)


def bounded(case: Case) -> Case:
    """Return the case as it is, where it is no larger than a case may be.

    Raises:
        CaseRefused: It has more than 1,000 entries, or more than 256 KiB as JSON.
    """
    if len(case.history) > MAX_ENTRIES or len(encode(case)) > MAX_CASE_BYTES:
        raise CaseRefused(
            f"{case.case_id} is full ({MAX_ENTRIES:,} entries, {MAX_CASE_BYTES // 1024} KiB): open another case"
        )
    return case


def is_past(case: Case, *, retention_days: int, now_ms: int) -> bool:
    """Whether a case may go: it has ended, nobody holds it, and its retention has passed since its latest entry."""
    return case.state in ENDED and not case.is_held and now_ms - case.updated_ms > retention_days * DAY_MS
