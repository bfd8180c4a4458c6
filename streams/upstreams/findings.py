"""Know your upstream: what is wrong with an entry of the register. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from streams.upstreams.entries import Registration, State, Upstream, UpstreamRole

CHECK_EVERY_DAYS = 30
"""A look into the database that is older says little: filings come and go every week."""


class Kind(StrEnum):
    """What may be wrong; the value is for programs, metrics among them."""

    MISSING = "registration_missing"
    WITHDRAWN = "registration_withdrawn"
    UNSURE = "registration_unsure"
    CONFLICT = "registration_conflict"
    UNCHECKED = "registration_unchecked"
    NO_CLAUSE = "no_traceback_clause"
    OLD = "old_entry"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one trunk group's entry."""

    trunk_group_id: str
    kind: Kind
    text: str


def findings_of(entries: Iterable[Upstream], today: date, old_after_days: int) -> list[Finding]:
    """Say what is wrong, in the order of the entries.

    Args:
        entries: Of the register.
        today: The day that it is, UTC.
        old_after_days: An entry that nobody has looked at for longer is old.
    """
    return [
        Finding(entry.trunk_group_id, kind, text)
        for entry in entries
        for kind, text in (*_of_registration(entry, today), *_of_contract(entry, today, old_after_days))
    ]


def _of_registration(entry: Upstream, today: date) -> Iterator[tuple[Kind, str]]:
    if entry.role is UpstreamRole.CUSTOMER:
        return
    found = entry.registration
    if found is None or (today - found.as_of).days > CHECK_EVERY_DAYS:
        when = "was never" if found is None else f"was last, on {found.as_of},"
        yield Kind.UNCHECKED, f"its registration {when} looked for: `robocall upstreams check --rmd FILE --record`"
    if found is not None:
        yield from _of_state(entry, found)


def _of_state(entry: Upstream, found: Registration) -> Iterator[tuple[Kind, str]]:
    also = "" if found.conflict is None else f"; {found.conflict}"
    if found.state is State.MISSING:
        yield Kind.MISSING, f"{entry.legal_name} is not in the database of {found.as_of}{also}"
    elif found.state is State.WITHDRAWN:
        yield Kind.WITHDRAWN, f"{entry.legal_name} is no longer in the database of {found.as_of}{also}"
    elif found.state is State.UNSURE:
        by = "" if found.by is None else f" (by {found.by})"
        yield Kind.UNSURE, f"{found.rmd_number} may be its registration{by}: write its number into the entry{also}"
    elif found.conflict is not None:
        yield Kind.CONFLICT, f"the entry and its registration contradict each other: {found.conflict}"


def _of_contract(entry: Upstream, today: date, old_after_days: int) -> Iterator[tuple[Kind, str]]:
    if entry.traceback_clause is not True:
        said = "nothing is known of" if entry.traceback_clause is None else "its contract lacks"
        yield Kind.NO_CLAUSE, f"{said} a clause on tracebacks"
    age_days = entry.age_days(today)
    if age_days is None:
        yield Kind.OLD, "nobody knows how old the entry is: give contract_date or reviewed_date"
    elif age_days > old_after_days:
        yield Kind.OLD, f"nobody has looked through it for {age_days:,} days: set reviewed_date when you have"
