"""Budgets of the model's step: how many lawful calls it may hit, where that was measured, and what is in force of it.

Enforcement is earned. The step labels or blocks only where a measure on the carrier's own traffic says from which
margin (raw score in log-odds) on the budget is kept; without one its decisions are tried and not enforced, whatever the
mode. When the measure grows old or the traffic drifts, blocks become labels, and labels are tried. A person may order
that the policy's own thresholds enforce without a measure, by name and with a reason.

How a measure is made and kept stands in `models.budgets`.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from detector.contract.decisions import Action
from detector.contract.errors import SettingInvalid

HOUR_S = 3_600
DAY_MS = 86_400_000
MILLION = 1_000_000
LONGEST_TEXT = 200


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise SettingInvalid(message)


@dataclass(frozen=True, slots=True)
class EnforceUnmeasured:
    """Somebody's order that the policy's thresholds label and block without a measure.

    Attributes:
        name: Who answers for it.
        reason: Why; both are shown by `robocall doctor` and `/health`.
    """

    name: str
    reason: str

    def __post_init__(self) -> None:
        """Refuse an order that nobody gave, or without a reason."""
        for text in (self.name, self.reason):
            _require(
                len(text.strip()) > 0 and len(text) <= LONGEST_TEXT and text.isprintable(),
                f"name and reason: give both, each in 1 to {LONGEST_TEXT} printable characters",
            )


@dataclass(frozen=True, slots=True)
class Budgets:
    """How many lawful calls the model's step may hit, and when a measure of that counts.

    Attributes:
        label_per_million: Of a million lawful calls, so many may be labelled or blocked by the step.
        block_per_million: So many may be blocked by it.
        confidence: Of the upper bound on the share of lawful calls hit.
        most_step: So far may a threshold move from one measure to the next, in log-odds.
        oldest_days: A measure that is older counts less: blocks become labels, labels are tried.
        most_of_all: Of all calls, robocalls included, at most so many times a budget are hit, whatever lawful senders
            show.
        windows_h: The windows of a call's trunk group must be so old before anything is enforced, hours.
        enforce_unmeasured: The policy's thresholds enforce, whatever was measured; none by default.
    """

    label_per_million: int = 1_000
    block_per_million: int = 100
    confidence: float = 0.95
    most_step: float = 1.0
    oldest_days: int = 7
    most_of_all: float = 10.0
    windows_h: float = 3.0
    enforce_unmeasured: EnforceUnmeasured | None = None

    def __post_init__(self) -> None:
        """Refuse budgets out of order and bounds that nothing could meet."""
        _require(
            1 <= self.block_per_million <= self.label_per_million <= 100_000,  # noqa: PLR2004 - stated bounds
            "want 1 <= block_per_million <= label_per_million <= 100000",
        )
        _require(0.5 <= self.confidence <= 0.999, "confidence must be 0.5 to 0.999")  # noqa: PLR2004
        _require(0.01 <= self.most_step <= 100, "most_step must be 0.01 to 100")  # noqa: PLR2004
        _require(1 <= self.oldest_days <= 90, "oldest_days must be 1 to 90")  # noqa: PLR2004
        _require(1 <= self.most_of_all <= 10_000, "most_of_all must be 1 to 10000")  # noqa: PLR2004
        _require(0 <= self.windows_h <= 24, "windows_h must be 0 to 24")  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Cut:
    """From where on calls are hit.

    Attributes:
        margin: Raw score in log-odds, with what the group adds where the model has a group weight. The calibrated score
            has ties, the margin tells calls apart within them.
        score: Calibrated probability at this margin.
        most_per_million: Upper bound on the lawful calls hit from there on, in a million.
        is_of_all: That is in a million of all calls, and not of lawful ones: no lawful callers were known for it.
    """

    margin: float
    score: float
    most_per_million: float
    is_of_all: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on a carrier's own traffic, as far as deciding calls needs it.

    Attributes:
        model_version: The model that it is about.
        partitions: Number of partitions that windows were counted in.
        measured_ms: When the traffic ended that it rests on, epoch milliseconds.
        calls: Lawful calls that it rests on; all calls where `is_of_all`.
        callers: Their callers.
        label_per_million: Budget of labels and blocks that it was measured for.
        block_per_million: Budget of blocks.
        label: From where on calls may be labelled; None where the references do not support it.
        block: The same for blocks.
        complaints: Why an action has no cut, one sentence each.
        is_of_all: All calls counted as lawful for the first of both cuts that there is, since too few were known to be.
        answers: Callers drawn by lot from all calls about whom a person answered, where that cut goes by it; else 0.
        windows_h: It holds from this age of the windows of a call's trunk group on, hours.
        calls_a_day: How many calls it was measured on, in 24 hours: a budget is so many lawful ones of these.
    """

    model_version: str
    partitions: int
    measured_ms: int
    calls: int
    callers: int
    label_per_million: int
    block_per_million: int
    label: Cut | None
    block: Cut | None
    complaints: tuple[str, ...] = ()
    is_of_all: bool = False
    answers: int = 0
    windows_h: float = 0.0
    calls_a_day: float = math.inf

    def most_of_one(self, action: Action) -> float:
        """Calls in 24 hours beyond which a number alone would spend the budget of an action, were it lawful; whole."""
        per_million = self.block_per_million if action is Action.BLOCK else self.label_per_million
        most = self.calls_a_day * per_million / MILLION
        return most if math.isinf(most) else math.floor(most)

    @property
    def day(self) -> str:
        """UTC day of the measure."""
        return datetime.fromtimestamp(self.measured_ms / 1_000, UTC).strftime("%Y-%m-%d")


class Cuts(NamedTuple):
    """Margins as `detector.policy.settings.Thresholds` has scores; infinite where nothing may be hit.

    There is no hysteresis below a cut: what is held below it would be hit beside the budget.
    """

    label_at: float
    label_clear: float
    block_at: float
    block_clear: float


class Given(NamedTuple):
    """What is left of an action.

    Attributes:
        action: What is to be done.
        is_tried: It is said and not done.
        why: Why it is less than was wanted; empty where it is not.
    """

    action: Action
    is_tried: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class InForce:
    """What the model's step goes by; made when model, policy, measure or drift change, and not for each call.

    Attributes:
        is_earned: Whether anything is enforced at all.
        why: What is in force, or why nothing is, in one sentence.
        measured: Whose margins decide; None: the policy's thresholds on scores do.
        cuts: The same as margins.
        expires_ms: From this instant on the measure is old, epoch milliseconds.
        windows_s: Least age of the windows of a call's trunk group, seconds.
        has_drifted: Whether the traffic has moved away from what was measured.
    """

    is_earned: bool
    why: str
    measured: Measured | None = None
    cuts: Cuts | None = None
    expires_ms: int = 0
    windows_s: float = 0.0
    has_drifted: bool = False

    def is_alone(self, action: Action, calls_24h: float) -> bool:
        """Whether a number with so many calls in 24 hours would spend the budget of an action alone, were it lawful.

        What was measured is how many lawful callers score as high. How often one of them calls on another day it does
        not tell: a school that closes can call more often in an hour than lawful calls may be hit in a day.
        """
        return self.measured is not None and calls_24h > self.measured.most_of_one(action)

    def floor(self, of_scores: float) -> float:
        """Lowest level at which anything can be done: a margin, or `of_scores` where scores decide."""
        return of_scores if self.cuts is None else min(self.cuts.label_at, self.cuts.block_at)

    def state(self, now_ms: int) -> str:
        """One word for programs: `absolute`, `measured`, `labels` (old, or drifted) or `tried`."""
        if not self.is_earned:
            return "tried"
        if self.measured is None:
            return "absolute"
        return "labels" if self._lapse(now_ms) else "measured"

    def treats(
        self, action: Action, now_ms: int, windows_age_s: float, calls_24h: float = 0.0, *, has_caller: bool = True
    ) -> Given:
        """Say what is left of an action for a call.

        Args:
            action: `label` or `block`, by score or margin alone.
            now_ms: When the call was set up.
            windows_age_s: Age of the windows of its trunk group, seconds; less than 0 where it is not known.
            calls_24h: Of its calling number in the last 24 hours, with this one.
            has_caller: Whether it shows a number that somebody can have. Without one nobody can vouch for such calls.
        """
        if not self.is_earned:
            return Given(action, is_tried=True, why=self.why)
        if self.measured is None:
            return Given(action, is_tried=False)
        unlike = self._unlike(windows_age_s, has_caller=has_caller)
        if unlike:
            return Given(action, is_tried=True, why=unlike)
        lapse = self._lapse(now_ms)
        silent = self._alone(Action.LABEL, calls_24h)
        if action is Action.BLOCK:
            why = lapse or self._alone(Action.BLOCK, calls_24h)
            if why:
                return Given(Action.LABEL, is_tried=bool(silent), why=silent or why)
            return Given(action, is_tried=False)
        return Given(action, is_tried=bool(lapse or silent), why=lapse or silent)

    def _alone(self, action: Action, calls_24h: float) -> str:
        """Why a call gets less than the action, however high it scores; empty where it does not."""
        if self.measured is None or not self.is_alone(action, calls_24h):
            return ""
        return (
            f"its number called more than {self.measured.most_of_one(action):,} times in 24 hours, and were it lawful "
            f"it would spend the budget of {action}s alone: a person must say what it is, by a list"
        )

    def _unlike(self, windows_age_s: float, *, has_caller: bool) -> str:
        """Why a call is unlike those that were measured; empty where it is not."""
        if max(windows_age_s, 0.0) < self.windows_s:
            return f"windows of this trunk group are under {self.windows_s / HOUR_S:.1f} h old"
        return "" if has_caller else "nobody can vouch for a call that shows no calling number"

    def said(self, now_ms: int) -> str:
        """The sentence, with what has lapsed by `now_ms`."""
        lapse = "" if self.measured is None else self._lapse(now_ms)
        return f"{self.why}; {lapse}: blocks are labels, labels are tried" if lapse else self.why

    def _lapse(self, now_ms: int) -> str:
        if now_ms >= self.expires_ms:
            return "the measure is old: run `robocall budgets measure`"
        return "the traffic has moved away from what was measured" if self.has_drifted else ""


def in_force(
    budgets: Budgets,
    measured: Measured | None,
    *,
    model_version: str,
    complaint: str = "",
    has_drifted: bool = False,
) -> InForce:
    """Resolve what the model's step goes by. Called when one of these changes.

    Args:
        budgets: Of the policy.
        measured: Of this number of partitions, where there is a measure.
        model_version: The model that scores.
        complaint: Why a measure that is there cannot be used; empty for none.
        has_drifted: Whether the traffic has moved away from what was measured.
    """
    order = budgets.enforce_unmeasured
    if order is not None:
        return InForce(True, f"the policy's thresholds enforce without a measure: {order.name}, {order.reason}")
    silence = complaint or _silence(budgets, measured, model_version)
    if measured is None or silence:
        return InForce(False, silence)
    label, block = (math.inf if cut is None else cut.margin for cut in (measured.label, measured.block))
    windows_h = max(budgets.windows_h, measured.windows_h)
    rests = f"{_rests_on(measured)}, measured {measured.day}, in windows of {windows_h:.1f} h or more"
    if math.isfinite(measured.calls_a_day):
        labels, blocks = map(measured.most_of_one, (Action.LABEL, Action.BLOCK))
        rests += f", of numbers with up to {labels:,} (blocks {blocks:,}) calls in 24 h"
    return InForce(
        True,
        "; ".join((f"{_cut('labels', measured.label)}, {_cut('blocks', measured.block)}, by {rests}",
                   *measured.complaints)),
        measured,
        Cuts(label, label, block, block),
        measured.measured_ms + budgets.oldest_days * DAY_MS,
        windows_h * HOUR_S,
        has_drifted,
    )  # fmt: skip


def _rests_on(measured: Measured) -> str:
    calls = f"{measured.calls:,} calls"
    if measured.answers:
        return f"answers about {measured.answers:,} callers, drawn by lot from the highest of {calls}"
    what = f"{calls}, all counted as lawful," if measured.is_of_all else f"{measured.calls:,} lawful calls"
    return f"{what} of {measured.callers:,} callers"


def _cut(what: str, cut: Cut | None) -> str:
    return f"no {what}" if cut is None else f"{what} from margin {cut.margin:.2f} (score {cut.score:.3f}) on"


def _silence(budgets: Budgets, measured: Measured | None, model_version: str) -> str:
    """Why nothing is enforced; empty where something is."""
    if measured is None:
        return "no measure for this model and number of partitions: run `robocall budgets measure`"
    if measured.model_version != model_version:
        return f"measured was {measured.model_version}, not {model_version}: run `robocall budgets measure`"
    wanted = budgets.label_per_million, budgets.block_per_million
    found = measured.label_per_million, measured.block_per_million
    if found[0] > wanted[0] or found[1] > wanted[1]:
        both = f"measured for budgets of {found[0]:,} and {found[1]:,} in a million"
        return f"{both}, the policy allows {wanted[0]:,} and {wanted[1]:,}: run `robocall budgets measure`"
    if measured.label is None and measured.block is None:
        return "; ".join(measured.complaints) or "the measure supports no threshold"
    return ""
