"""What a campaign looks like: its kind, named by its pattern, and the evidence for it in words.

Kinds have the names of `docs/glossary.md` where generated traffic has the same kind. The first pattern that fits is the
kind. A kind says how calls look, not what is said in them.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from detector.campaigns.calls import ANONYMOUS, FOREIGN, INVALID
from detector.campaigns.campaign import Campaign
from detector.campaigns.joining import in_words
from detector.campaigns.tally import Tally

MOSTLY = 0.5
FEW_VICTIMS = 3
CALLS_PER_VICTIM = 5.0
NEIGHBOURS = 0.3
SEQUENTIAL = 0.3
FEW_NUMBERS = 3
ONCE = 1.2
"""So many calls of a number are one for each, as near as a sample tells."""
SLOW_CALLS_PER_HOUR, SLOW_HOURS = 60.0, 4.0
HOUR_MS = 3_600_000
FEWEST_ENDS = 5
_NAMED = 3


class Kind(StrEnum):
    """How the calls of a campaign look, in the order in which it is tried. `docs/campaigns.md` says what each is."""

    TELEPHONY_DOS = "telephony_dos"
    INVALID_NUMBERS = "invalid_numbers"
    FOREIGN_NUMBERS = "foreign_numbers"
    NEIGHBOUR_SPOOFING = "neighbour_spoofing"
    SEQUENTIAL_DIALLING = "sequential_dialling"
    LOW_AND_SLOW = "low_and_slow"
    FLOOD = "flood"
    ONE_NUMBER_PER_CALL = "one_number_per_call"
    SNOWSHOE = "snowshoe"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a tally comes to.

    Attributes:
        calls_per_hour: Over the time from the first to the last call, at least an hour.
        numbers: Different calling numbers, an estimate beyond 64; never more than calls.
        called: Different called numbers, likewise.
        answered_ratio: Share of the ended calls that was answered; None below `FEWEST_ENDS`.
        talk_s: Mean duration of the answered ones, seconds; None where there is none.
        short_ratio: Share of the answered ones that lasted 6 s at most; None likewise.
    """

    calls_per_hour: float
    numbers: int
    called: int
    answered_ratio: float | None
    talk_s: float | None
    short_ratio: float | None


def figures(tally: Tally) -> Figures:
    """Work the figures of a campaign out.

    Args:
        tally: At least one call.
    """
    hours = max((tally.last_ms - tally.first_ms) / HOUR_MS, 1.0)
    answered = tally.answered
    numbers, called = (min(max(sample.distinct(), 1), tally.calls) for sample in (tally.numbers, tally.called))
    return Figures(
        tally.calls / hours,
        numbers,
        called,
        answered / tally.ended if tally.ended >= FEWEST_ENDS else None,
        tally.talk_ms / answered / 1_000 if answered else None,
        tally.short / answered if answered else None,
    )


def kind_of(tally: Tally) -> Kind:
    """Name the pattern of a campaign.

    Args:
        tally: At least one call.
    """
    found, calls = figures(tally), tally.calls
    caller, of_caller = tally.callers.most_common(1)[0]
    is_slow = found.calls_per_hour < SLOW_CALLS_PER_HOUR and tally.last_ms - tally.first_ms >= SLOW_HOURS * HOUR_MS
    fits = {
        Kind.TELEPHONY_DOS: found.called <= FEW_VICTIMS and calls >= CALLS_PER_VICTIM * found.called,
        Kind.INVALID_NUMBERS: caller in {INVALID, ANONYMOUS} and of_caller > MOSTLY * calls,
        Kind.FOREIGN_NUMBERS: caller.startswith(FOREIGN) and of_caller > MOSTLY * calls,
        Kind.NEIGHBOUR_SPOOFING: tally.neighbours >= NEIGHBOURS * calls,
        Kind.SEQUENTIAL_DIALLING: tally.sequential >= SEQUENTIAL * calls,
        Kind.LOW_AND_SLOW: is_slow,
        Kind.FLOOD: found.numbers <= FEW_NUMBERS,
        Kind.ONE_NUMBER_PER_CALL: calls < ONCE * found.numbers,
    }
    return next((kind for kind, does_fit in fits.items() if does_fit), Kind.SNOWSHOE)


def evidence(campaign: Campaign) -> list[str]:
    """Say why its calls are held for one campaign, one short sentence each, for people.

    Args:
        campaign: At least one call.
    """
    tally = campaign.tally
    found = figures(tally)
    told = [
        f"{_many(tally.calls, 'suspect call')} from {_many(found.numbers, 'number')} to {found.called:,}",
        f"mean score {tally.scores / tally.calls:.3f}",
        f"{found.calls_per_hour:,.0f} calls an hour",
        f"trunk groups: {_shares(tally.trunks, tally.calls)}",
    ]
    if tally.origins:
        told.append(f"signers: {_shares(tally.origins, tally.calls)}")
    told.append(f"attestation: {_shares(tally.levels, tally.calls)}")
    if tally.agents:
        told.append(f"user agents: {_shares(tally.agents, tally.calls)}")
    if tally.neighbours:
        told.append(f"{tally.neighbours / tally.calls:.0%} from the called number's NPA-NXX")
    if tally.sequential:
        told.append(f"{tally.sequential / tally.calls:.0%} to the number right above the one before")
    if found.answered_ratio is not None:
        told.append(f"{found.answered_ratio:.0%} of {tally.ended:,} ended calls answered")
    if found.talk_s is not None and found.short_ratio is not None:
        told.append(f"answered calls last {found.talk_s:.0f} s, {found.short_ratio:.0%} at most 6 s")
    for sign, cells in Counter(sign for sign in campaign.cells.values() if sign is not None).most_common():
        told.append(f"{_many(cells, 'more way')} in, joined by {in_words(sign)}")
    return told


def _many(count: int, what: str) -> str:
    """So many of a thing that is named in the singular."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _shares(counts: Counter[str], calls: int) -> str:
    most = [f"{name or 'none'} {number / calls:.0%}" for name, number in counts.most_common(_NAMED)]
    more = len(counts) - len(most)
    return ", ".join(most) + (f" and {more} more" if more > 0 else "")
