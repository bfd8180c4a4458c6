"""Reasons of decisions: words for a person and numbers for a program, the most important one first."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.compiled import compiled_borrowing
from detector.columns.windows_port import Neighbours
from detector.contract.decisions import Action, Reason
from detector.contract.events import NAMES_LIMIT
from detector.contract.ports import FeatureMatrix
from detector.features.schemas import WIDEST
from detector.features.table import INDEX, explain
from detector.features.window_constants import MINUTE_MS, NOT_ENOUGH_DATA
from detector.numbers.do_not_originate import DnoEntry
from detector.policy.budgets import Given, Measured
from detector.policy.lists import Basis
from detector.policy.settings import Rule
from detector.policy.standing import StandingDecision

MODEL_FEATURES = 3
"""Number of features that a decision of the model names."""
REASONS_KEPT = 16_384
"""Reasons that are kept because many calls share them: flags, counts, features without enough data."""

INTERNAL_ERROR = Reason("internal_error", "The call could not be judged, so it passes")
LISTS_UNKNOWN = Reason(
    "lists_unknown", "The lists of emergency, opted-out and allowed numbers are not known yet, so the call passes"
)
REPEATED = Reason("repeated", "The call came before, and what was answered to it is not known any more, so it passes")
EMERGENCY_CALLED = Reason("emergency_called", "An emergency number is called")
EMERGENCY_LISTED = Reason("emergency_list", "The calling or called number is on the emergency list")
PSAP_CALLBACK = Reason("psap_callback", "The call has SIP priority psap-callback")
EMERGENCY_NETWORK = Reason("esnet", "The call has resource priority esnet")
PRIORITY_SERVICE = Reason("priority_service", "The call is of a priority service (GETS, WPS)")
FROM_EMERGENCY_NUMBER = Reason("from_911", "The call is from 911 itself")
OPTED_OUT = Reason("opted_out", "The called subscriber does not want calls to be judged")
AUDITED = Reason("audited_allow", "The calling number is on the allow list, with who put it there and why")
ALLOW_LISTED_NUMBER = Reason("allow_list", "The calling number is on the allow list")
ALLOW_LISTED_TRUNK = Reason("allow_list", "The trunk group is on the allow list")
BLOCK_LISTED_NUMBER = Reason("block_list", "The calling number is on the block list")
BLOCK_LISTED_TRUNK = Reason("block_list", "The trunk group is on the block list")
UNWANTED = Reason("subscriber_block", "The called subscriber does not want calls from this number")
RELEASED = Reason(
    "released", "The number or trunk group was released lately, so analytics label the call and do not block it"
)
LEFT_OUT = Reason("left_out", "Only tried here: the caller is not among the share of callers that is enforced")
NO_BLOCK_HERE = Reason("role", "Analytics may not block where this switch stands in the call path, so it labels")
IMPOSSIBLE_NUMBER = Reason("dno", "The calling number is not a possible North American number")

LATE = "late"
OVERLOAD = "overload"
CALLER_NAME, CALL_REASON = "caller_name", "call_reason"
"""Of the reasons that hold names of the caller, and why it calls: an archive without numbers leaves their texts out."""
CAMPAIGN = "campaign"
"""Of the reason that names the campaign of a call."""
NAME_SHOWN, CALL_REASON_SHOWN = 64, 128
"""Characters of each name, and of why the caller calls."""
WAITED = frozenset({LATE, OVERLOAD})
"""Of calls that waited too long for an answer."""

STANDING = "standing_"
"""The code of a standing decision begins so."""
GROUPS = ("calling number", "origin", "number block")
"""What `Neighbours.key` counts."""

_DEMANDS = {
    Basis.COURT_ORDER: "A court ordered to block these calls",
    Basis.FCC_ORDER: "The FCC ordered to block these calls",
    Basis.REGISTRATION: "Who hands the call over is not registered with the FCC, so it may not be let in",
}
_VERBS = {Action.LABEL: "labelling", Action.BLOCK: "blocking"}


def dno_listed(entry: DnoEntry, where: str = "calling number") -> Reason:
    """Reason of a do-not-originate hit: which entry, and of which list where it is not the carrier's own.

    Args:
        entry: The one that matched.
        where: What begins with it: `calling number`, or `number in From`, which the called party is shown.
    """
    whose = f", {entry.source.name} of {entry.source.date}" if entry.source.name else ""
    return Reason("dno", f"The {where} is on the do-not-originate list (entry {entry.prefix}{whose})")


def demanded(basis: Basis) -> Reason:
    """Reason of a block that is no analytics: an order, or that a provider is not registered."""
    return Reason(basis, _DEMANDS[basis])


def of_campaign(name: str) -> Reason:
    """Reason that names the campaign of a call, by its id."""
    return Reason(CAMPAIGN, f"campaign {name}")


def named(names: Sequence[str], call_reason: str | None = None) -> tuple[Reason, ...]:
    """Reasons that say who is calling and why, as it was signed; none where no name has a character that can be shown.

    Args:
        names: Of a verified call; anybody may have written them. Control and format characters go, and what is long
            is cut.
        call_reason: Why it calls, likewise; shown only beside a name.
    """
    shown = (_shown(name, NAME_SHOWN) for name in names[:NAMES_LIMIT])
    said = ", ".join(f'"{name}"' for name in shown if name)
    why = _shown(call_reason or "", CALL_REASON_SHOWN)
    if not said:
        return ()
    name = Reason(CALLER_NAME, f"The caller's name, as it was signed: {said}")
    return (name, Reason(CALL_REASON, f'Why it calls, as it was signed: "{why}"')) if why else (name,)


def late(waited_ms: int, deadline_ms: int) -> Reason:
    """Reason of a call that passes because its answer was not ready within the deadline; both in milliseconds."""
    text = (
        f"The answer was not ready within {deadline_ms} ms of the call's arrival ({waited_ms} ms), so the call passes"
    )
    return Reason(LATE, text, float(waited_ms), float(deadline_ms))


def overload(waited_ms: int, shed_after_ms: int) -> Reason:
    """Reason of a call that passes because it waited too long for its turn; both in milliseconds."""
    text = (
        f"Calls come faster than they are judged; this one waited {waited_ms} ms (limit {shed_after_ms} ms) and passes"
    )
    return Reason(OVERLOAD, text, float(waited_ms), float(shed_after_ms))


def standing(decision: StandingDecision) -> Reason:
    """Reason of a standing decision."""
    until = datetime.fromtimestamp(decision.expires_ms / 1_000, UTC).isoformat(timespec="seconds")
    kind = decision.entity.partition(":")[0]
    return Reason(
        f"{STANDING}{decision.action.value}",
        f"A standing {decision.action.value} of the {kind} holds until {until} ({decision.source})",
    )


def of_rule(rule: Rule, features: FeatureMatrix, row: int) -> tuple[Reason, ...]:
    """Name of the rule, then each condition with the call's value and the bound that it met."""
    reasons = [Reason("rule", f"Rule {rule.name} applies")]
    for condition in rule.when:
        bound = condition.at_least if condition.at_least is not None else condition.at_most
        column = INDEX[condition.feature]
        reasons.append(_feature(column, features.item(row, column), bound))
    return tuple(reasons)


class Level(NamedTuple):
    """What the model makes of one call, and what it was judged by.

    Attributes:
        score: Calibrated probability.
        margin: The same in log-odds, before calibration.
        level: The score or the margin, with what the group adds: what was compared with a threshold.
    """

    score: float
    margin: float
    level: float


def of_model(action: Action, of: Level, threshold: float) -> tuple[Reason, ...]:
    """Score against the policy's threshold.

    Args:
        action: `label` or `block`.
        of: Of the call; its level is a score.
        threshold: The one that the level reached.
    """
    group = "" if of.level == of.score else f", with its group {of.level:.3f},"
    text = f"Score {of.score:.3f}{group} is at or above {threshold:.3f}, the threshold for {_VERBS[action]}"
    return (Reason("model", text, _rounded(of.level), threshold),)


def of_budget(action: Action, of: Level, threshold: float, measured: Measured) -> tuple[Reason, ...]:
    """Margin against the threshold that the budget leads to, and the budget.

    Args:
        action: `label` or `block`.
        of: Of the call; its level is a margin.
        threshold: The margin that was reached.
        measured: Where that comes from.
    """
    is_block = measured.block is not None and threshold == measured.block.margin
    budget = measured.block_per_million if is_block else measured.label_per_million
    cut = measured.block if is_block else measured.label
    group = "" if of.level == of.margin else f", with its group {of.level:.2f},"
    text = (
        f"Score {of.score:.3f} with margin {of.margin:.2f}{group} is at or above margin {threshold:.2f}, "
        f"the threshold for {_VERBS[action]}"
    )
    hit = f"{budget:,} in a million lawful calls"
    if cut is not None and cut.is_of_all:
        hit = f"{budget:,} lawful calls in a million of all calls"
    said = f"At this score at most {hit} are hit, measured {measured.day}"
    return (
        Reason("model", text, _rounded(of.score), None if cut is None else _rounded(cut.score)),
        Reason("budget", said, _rounded(of.level), _rounded(threshold)),
    )


def of_group(found: Neighbours, place: int, added: float) -> Reason:
    """Reason of a call that reached a threshold by what other calls scored.

    Args:
        found: Of the calls of a batch.
        place: Of the call among them; some of its keys has calls.
        added: What that added to its margin.
    """
    calls, minutes = found.calls.item(place), math.ceil(found.since_ms.item(place) / MINUTE_MS)
    many = "1 other call" if calls == 1 else f"{calls:,} other calls"
    text = f"Its {GROUPS[found.key.item(place)]}: {many} scored high in {minutes} minutes, which adds {added:.2f}"
    return Reason("group", text, _rounded(added))


def of_features(named: Sequence[int], features: NDArray[np.float32]) -> tuple[Reason, ...]:
    """The features that raised a score most, each with its value.

    Args:
        named: Their columns, the most important one first; negative ones are left out.
        features: The call's row, shape (n_features,).
    """
    return tuple(_feature(column, features.item(column)) for column in named if column >= 0)


def not_earned(given: Given) -> Reason:
    """Reason why the model's step does less than it would: what is missing for enforcement."""
    what = "The model's step is only tried here" if given.is_tried else "The model's step labels where it would block"
    return Reason("not_earned", f"{what}: {given.why}")


@compiled_borrowing
def _find_leading(contributions: NDArray[np.float64], leading: NDArray[np.int64]) -> None:
    """Fill `leading`, of -1, with the columns of the largest positive contributions of each row."""
    n_places = leading.shape[1]
    for row in range(len(contributions)):
        for column in range(contributions.shape[1]):
            credit = contributions[row, column]
            if credit <= 0.0:
                continue
            place = n_places
            # Less, and not equal: of equal ones the first is named first, as in the feature table.
            while place > 0 and (leading[row, place - 1] < 0 or contributions[row, leading[row, place - 1]] < credit):
                place -= 1
            for later in range(n_places - 1, place, -1):
                leading[row, later] = leading[row, later - 1]
            if place < n_places:
                leading[row, place] = column


def leading(contributions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Columns of the features that raised each score most, shape (n, MODEL_FEATURES), most first; -1 for none.

    Args:
        contributions: In log-odds, shape (n, n_features); only positive ones count.
    """
    found = np.full((len(contributions), MODEL_FEATURES), -1, np.int64)
    _find_leading(np.ascontiguousarray(contributions, np.float64), found)
    return found


@lru_cache(REASONS_KEPT)
def _feature(column: int, value: float, threshold: float | None = None) -> Reason:
    name = WIDEST.names[column]  # all others have the same columns first
    known = None if value == NOT_ENOUGH_DATA else _rounded(value)
    return Reason(name, explain(name, value), known, threshold)


def _rounded(value: float) -> float:
    """Six significant digits: a float32 has no more, and a reader should not see the rest."""
    return float(f"{value:.6g}")


def _shown(text: str, most: int) -> str:
    return "".join(filter(str.isprintable, text)).strip()[:most]
