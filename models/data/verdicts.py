"""How far a verdict on a call is to be trusted, by who says it and how it was joined, and what several come to.

It knows calls only by what was said of them: which call a verdict is about is the matter of `models.data.joining`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod

from detector.contract.events import FeedbackSource
from models.traffic.truth import UNKNOWN_KIND, Truth

DO_NOT_ORIGINATE = "do_not_originate"
"""Source of a call whose calling number nobody may call from."""
INVALID_NUMBER = "invalid_number"
"""Source of a call whose calling number cannot exist."""
ASSUMED = "assumed"
"""Source of a call that nobody said anything about, and that is taken for lawful."""

LOOKED = frozenset({FeedbackSource.ANALYST, FeedbackSource.TRACEBACK})
"""Sources that looked at the calls: what they say of a caller who is known as lawful counts, too."""
REPORTS_THAT_COUNT = 7
"""Of the reports of subscribers on a number the latest so many count. Together they weigh 0.52, whatever their number:
who wants a number blocked can file any number of reports, and shall not outweigh an analyst."""
TIE = 1e-9
"""Weights of both verdicts that differ by no more say nothing."""


class Joined(StrEnum):
    """By what a verdict was joined to a call, most exact first."""

    CALL = "call"
    LINE = "line"
    NUMBER = "number"


EXACTNESS: Mapping[Joined, int] = {how: rank for rank, how in enumerate(Joined)}
"""The lower the more exact."""

WEIGHTS: Mapping[str, Mapping[Joined, float]] = {
    source: dict(zip(Joined, by, strict=True))
    for source, by in {
        FeedbackSource.TRACEBACK: (1.0, 0.9, 0.8),
        FeedbackSource.ANALYST: (1.0, 0.9, 0.7),
        FeedbackSource.HONEYPOT: (1.0, 0.9, 0.6),
        FeedbackSource.REDRESS: (0.7, 0.6, 0.5),
        FeedbackSource.SUBSCRIBER_REPORT: (0.4, 0.35, 0.1),
        DO_NOT_ORIGINATE: (0.3, 0.3, 0.3),
        INVALID_NUMBER: (0.15, 0.15, 0.15),
    }.items()
}
"""Default weights by source: of a verdict that names the call, one that names the called line and the time or the
caller, and one that names the calling number alone.

Of complaints 0.7 were right where they named the call, and 0.3 to 0.5 where they named a number, so that the first
weigh 0.7 - 0.3 and the second next to nothing. Odd caller ids of lawful PBXs look impossible too: hence the last line.
"""


@dataclass(frozen=True, slots=True)
class Said:
    """One verdict on one call.

    Attributes:
        is_robocall: else it says that the call was lawful.
        source: a key of `WEIGHTS`.
        joined: by what it was joined to the call.
        time_ms: of two verdicts of one source the one with the later instant counts, epoch milliseconds.
        campaign: the campaign that it names; empty for none.
        kind: the kind of campaign or of lawful caller that it names; empty for none.
    """

    is_robocall: bool
    source: str
    joined: Joined
    time_ms: int
    campaign: str = ""
    kind: str = ""

    @property
    def weight(self) -> float:
        """How far it is to be trusted alone, above 0 and at most 1."""
        return WEIGHTS[self.source][self.joined]


def combined(said: Sequence[Said]) -> Truth | None:
    """What the verdicts on one call come to; None where those for and against it weigh the same.

    One source speaks once of a call: by its most exact verdict, and of those by the latest. Reports of subscribers on a
    number alone are of different people: the latest `REPORTS_THAT_COUNT` of them count. What agrees adds up like
    independent doubts, 1 - (1 - w1)(1 - w2)...; the weight of the label is what is left of it against the other side.

    Args:
        said: At least one verdict, in any order.

    Returns:
        The label of the heavier side; its source is the one with the heaviest verdict, its campaign and its kind are
        the latest named.
    """
    counted = _counted(said)
    sides = {verdict: [one for one in counted if one.is_robocall is verdict] for verdict in (True, False)}
    weight = {verdict: 1.0 - prod(1.0 - one.weight for one in side) for verdict, side in sides.items()}
    lead = weight[True] - weight[False]
    if abs(lead) <= TIE:
        return None
    winners = sides[lead > 0]
    heaviest = max(winners, key=lambda one: (one.weight, one.source))
    campaign = max(((one.time_ms, one.campaign) for one in winners if one.campaign), default=(0, ""))[1]
    kind = max(((one.time_ms, one.kind) for one in winners if one.kind), default=(0, UNKNOWN_KIND))[1]
    return Truth(lead > 0, campaign, kind, heaviest.source, abs(lead))


def lateness(one: Said) -> tuple[int, bool, str, str]:
    """Key that orders verdicts of one source, the one that counts last: of the same instant the lawful one does."""
    return one.time_ms, not one.is_robocall, one.campaign, one.kind


def _counted(said: Sequence[Said]) -> list[Said]:
    """The verdicts that count, in an order that does not depend on that of the argument."""
    ordered = sorted(said, key=lateness, reverse=True)
    counted = [one for one in ordered if _is_of_many(one)][:REPORTS_THAT_COUNT]
    by_source: dict[str, Said] = {}
    for one in ordered:
        if _is_of_many(one):
            continue
        known = by_source.setdefault(one.source, one)
        if EXACTNESS[one.joined] < EXACTNESS[known.joined]:
            by_source[one.source] = one
    return counted + [by_source[source] for source in sorted(by_source)]


def _is_of_many(one: Said) -> bool:
    """Whether others of the same source are other people."""
    return one.source == FeedbackSource.SUBSCRIBER_REPORT and one.joined is Joined.NUMBER
