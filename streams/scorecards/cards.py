"""Scorecards: the counts of a day by trunk group, upstream, signer and registration, and which are alarming."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from streams.scorecards.counts import Counts, Interval, summed, wilson
from streams.scorecards.query import Line
from streams.upstreams.entries import State, Upstream, UpstreamRole

UNKNOWN = "unknown"
UNSIGNED = "unsigned"
TRACEBACKS = "tracebacks"


class By(StrEnum):
    """What the calls of a card have in common."""

    TRUNK = "trunk"
    UPSTREAM = "upstream"
    SIGNER = "signer"
    REGISTRATION = "registration"


class Trend(StrEnum):
    """Of the share of suspect calls against the days before: `same` where both intervals meet."""

    UP = "up"
    DOWN = "down"
    SAME = "same"
    NEW = "new"


SHARES: Mapping[str, tuple[str, str]] = {
    "suspect": ("suspect", "judged"),
    "invalid": ("invalid", "calls"),
    "rotated": ("rotated", "with_a"),
    "downstream": ("downstream", "signed"),
    "third_party": ("third_party", "signed"),
    "resigned": ("resigned", "with_signers"),
    "ocn_unlike": ("ocn_unlike", "with_ocn"),
    "refused": ("refused", "calls"),
}
"""Shares of a card: what is counted, and of what."""
THRESHOLDS: Mapping[str, float] = {
    "suspect": 0.1,
    "invalid": 0.05,
    "rotated": 0.1,
    "downstream": 0.1,
    "third_party": 0.5,
    "resigned": 0.1,
    "refused": 0.05,
}
"""From which lower bound on a share is alarming; `ocn_unlike` is lawful of everybody who passes calls on."""
LEAST_CALLS = 20
"""Of what a share is of: below that nothing is alarming."""


@dataclass(frozen=True, slots=True)
class Card:
    """One line.

    Attributes:
        day: UTC day of arrival.
        by: What its calls have in common.
        key: Which trunk group, upstream, signer or registration.
        name: Of whom to call, where the register has it.
        contact: How to reach them, likewise.
        counts: Of its calls.
        campaigns: How many there are among them, of those that decisions name.
        shares: By name in `SHARES`; None where nothing was counted, or the archive cannot say.
        trend: Of the suspect ones.
        alarms: Names of the shares that are alarming, `tracebacks` where there is one, `registration` of who is not
            registered, and `unknown` of whom a register does not name.
    """

    day: date
    by: By
    key: str
    name: str | None
    contact: str | None
    counts: Counts
    campaigns: int
    shares: Mapping[str, Interval | None]
    trend: Trend
    alarms: tuple[str, ...]

    @property
    def at_least_suspect(self) -> float:
        """How many suspect calls there are at the lower bound: the order in which to call."""
        found = self.shares["suspect"]
        return 0.0 if found is None else found.low * self.counts.judged

    def plain(self) -> dict[str, Any]:
        """The card for a program: one value a name."""
        found: dict[str, Any] = {
            "day": self.day.isoformat(), "by": self.by.value, "key": self.key, "name": self.name,
            "contact": self.contact, "calls": self.counts.calls, "judged": self.counts.judged,
        }  # fmt: skip
        for name, (hits, _) in SHARES.items():
            interval = self.shares[name]
            found[name] = None if interval is None else getattr(self.counts, hits)
            found[f"{name}_share"] = None if interval is None else round(interval.share, 6)
            found[f"{name}_low"] = None if interval is None else round(interval.low, 6)
            found[f"{name}_high"] = None if interval is None else round(interval.high, 6)
        found |= {"campaigns": self.campaigns, "tracebacks": self.counts.tracebacks}
        before = wilson(self.counts.suspect_before, self.counts.judged_before)
        found["suspect_share_before"] = None if before is None else round(before.share, 6)
        return {**found, "trend": self.trend.value, "alarms": " ".join(self.alarms)}


def cards_of(
    lines: Iterable[Line],
    upstreams: Sequence[Upstream],
    day: date,
    *,
    thresholds: Mapping[str, float] = THRESHOLDS,
    has_reasons: bool = True,
) -> list[Card]:
    """Make the cards of a day, those with most suspect calls first.

    Args:
        lines: Counts of the day.
        upstreams: Entries of the register.
        day: Which day it is.
        thresholds: By name of a share; one that is not named is never alarming.
        has_reasons: Whether the archive keeps Reason headers: without them nobody knows what others refused.
    """
    known = {one.trunk_group_id: one for one in upstreams}
    rows = list(lines)

    def made(by: By, key_of: Callable[[Line], str]) -> list[Card]:
        groups: dict[str, list[Line]] = {}
        for line in rows:
            groups.setdefault(key_of(line), []).append(line)
        return [_card(day, by, key, group, known, thresholds, has_reasons=has_reasons) for key, group in groups.items()]

    cards = [
        *made(By.TRUNK, lambda line: line.trunk_group_id),
        *made(By.UPSTREAM, lambda line: _name(known.get(line.trunk_group_id))),
        *made(By.SIGNER, lambda line: line.signer or UNSIGNED),
        *made(By.REGISTRATION, lambda line: _registration(known.get(line.trunk_group_id))),
    ]
    return sorted((one for one in cards if one.counts.calls), key=lambda one: (-one.at_least_suspect, one.by, one.key))


def to_call(cards: Iterable[Card]) -> list[Card]:
    """Whom to call today: upstreams with an alarm, and trunk groups with one that the register does not know."""
    return [
        one
        for one in cards
        if one.alarms and ((one.by is By.UPSTREAM and one.key != UNKNOWN) or (one.by is By.TRUNK and one.name is None))
    ]


def _card(
    day: date,
    by: By,
    key: str,
    lines: Sequence[Line],
    known: Mapping[str, Upstream],
    thresholds: Mapping[str, float],
    *,
    has_reasons: bool,
) -> Card:
    counts = summed(line.counts for line in lines)
    shares = {name: wilson(getattr(counts, hits), getattr(counts, of)) for name, (hits, of) in SHARES.items()}
    if not has_reasons:
        shares["refused"] = None
    alarms = [name for name in thresholds if _is_alarming(shares[name], counts, name, thresholds[name])]
    if counts.tracebacks:
        alarms.append(TRACEBACKS)
    whose = next((known[line.trunk_group_id] for line in lines if line.trunk_group_id in known), None)
    if by not in {By.TRUNK, By.UPSTREAM}:
        whose = None
    elif whose is None and known:
        alarms.append(UNKNOWN)
    elif whose is not None and _registration(whose) in {State.MISSING, State.WITHDRAWN}:
        alarms.append(By.REGISTRATION.value)
    name, contact = (None, None) if whose is None else (whose.legal_name, whose.contact)
    campaigns = len(frozenset[str]().union(*(line.campaigns for line in lines)))
    return Card(day, by, key, name, contact, counts, campaigns, shares, _trend(counts), tuple(alarms))


def _is_alarming(share: Interval | None, counts: Counts, name: str, threshold: float) -> bool:
    return share is not None and getattr(counts, SHARES[name][1]) >= LEAST_CALLS and share.low >= threshold


def _trend(counts: Counts) -> Trend:
    today = wilson(counts.suspect, counts.judged)
    before = wilson(counts.suspect_before, counts.judged_before)
    if before is None or today is None:
        return Trend.NEW
    if today.low > before.high:
        return Trend.UP
    return Trend.DOWN if today.high < before.low else Trend.SAME


def _name(entry: Upstream | None) -> str:
    return UNKNOWN if entry is None else entry.legal_name


def _registration(entry: Upstream | None) -> str:
    if entry is None:
        return UNKNOWN
    if entry.role is UpstreamRole.CUSTOMER:
        return UpstreamRole.CUSTOMER.value
    return UNKNOWN if entry.registration is None else entry.registration.state.value
