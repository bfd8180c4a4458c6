"""The model's step: scores, budgets, hysteresis, minimum samples, and the standing blocks that many single ones make.

Calls are judged in order, and a standing block that one call brings about holds for the later calls of the same batch,
so that the outcome does not depend on how events were cut into batches. A call that makes the model or the policy raise
passes, alone: nothing here is ever done a second time that touches what outlives a call.

Where budgets are in force, calls are judged by their margin, the raw score: the calibrated score has ties, and at the
top of them a whole class of lawful calls may stand beside robocalls.

A model with a group weight is judged by its group score: the margin, and on top the weight times what the calls around
the call scored (`detector.windows.group_memory`). These are the calls that the model scores, and silently those that a
rule or a standing decision has decided. So what is remembered is the same whatever is enforced, and a campaign whose
numbers are blocked is not forgotten while it goes on. What people have protected or listed is never asked about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.membership import like_any
from detector.columns.windows_port import Neighbours
from detector.contract.decisions import Action, Mode, Outcome, Reason, Step
from detector.contract.ports import Classifier, FeatureMatrix, Scored
from detector.features.table import INDEX
from detector.policy import reasons
from detector.policy.budgets import Cuts
from detector.policy.held import Held
from detector.policy.settings import Category, Thresholds
from detector.policy.standing import MODEL_SOURCE, StandingDecision, number_entity
from detector.policy.unjudged import FAILED_OPEN
from detector.policy.work import AddMargins, Found, Work

WINDOWS_AGE = INDEX["trunk_age"]
"""Column that says how old the windows of a call's trunk group are, seconds."""


NOTHING_SCORED = Scored(np.zeros(0), np.zeros(0))


class Grouped(NamedTuple):
    """What was known of the calls around those at `rows`, ascending, shape (n,)."""

    rows: NDArray[np.intp]
    found: Neighbours


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model's step makes of one call that it objects to.

    Attributes:
        row: The call.
        action: What is to be done.
        level: The score or, where budgets are in force, the margin that it was judged by, with what its group adds.
        threshold: What that reached.
        category: Of the call.
        notes: Why less is done than was wanted.
    """

    row: int
    action: Action
    level: float
    threshold: float
    category: Category
    notes: tuple[Reason, ...] = ()


def judge(work: Work) -> Found:
    """Score the calls that are still open and decide those whose score reaches a threshold.

    It is called once for each batch, after all other steps. It writes the scores, the margins, the hysteresis of
    numbers and the standing blocks that these calls bring about, so it must never be repeated for the same calls. It
    does not raise: a call that makes the model or the policy raise is found as `FAILED_OPEN`, and the error is kept in
    `work.failures`.

    Args:
        work: The batch, settled by all earlier steps.

    Returns:
        Outcome by row, of the calls that are not simply allowed.
    """
    open_rows = work.open_rows()
    if not open_rows.size and work.add_margins is None:
        return {}
    rows, (scores, margins) = _asked(work, work.classifier.scored, open_rows)
    work.scores[rows], work.margins[rows], work.group_scores[rows] = scores, margins, margins
    grouped = None if work.add_margins is None else _add_margins(work, work.add_margins, rows)
    judged, levels = _levels(work, rows)
    looked = _worth_a_look(work, judged, levels) if judged.size else judged
    # Not settled yet: a standing block of an earlier call would have kept such a call from the model.
    found: dict[int, Outcome] = dict.fromkeys(_left_out(open_rows, judged), FAILED_OPEN)
    verdicts: list[Verdict] = []
    for row, level in zip(judged[looked].tolist(), levels[looked].tolist(), strict=True):
        try:
            verdict = _verdict(work, row, level)
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            work.failed(error)
            found[row] = FAILED_OPEN
            continue
        if verdict is not None:
            verdicts.append(verdict)
    return {**found, **_outcomes(work, verdicts, grouped)}


def treatment(level: float, held: Action, thresholds: Thresholds | Cuts, *, may_block: bool) -> tuple[Action, float]:
    """Action for a score or margin, and the threshold that it reached.

    Args:
        level: Calibrated probability, or margin where the thresholds are margins.
        held: What the number is held at: `allow` when it is not.
        thresholds: Of the call's category, or those of the budgets.
        may_block: Whether the category and the sample permit a block; if not, a label is the most.
    """
    if may_block and level >= thresholds.block_at:
        return Action.BLOCK, thresholds.block_at
    if may_block and held is Action.BLOCK and level >= thresholds.block_clear:
        return Action.BLOCK, thresholds.block_clear
    if level >= thresholds.label_at:
        return Action.LABEL, thresholds.label_at
    if held is not Action.ALLOW and level >= thresholds.label_clear:
        return Action.LABEL, thresholds.label_clear
    return Action.ALLOW, 0.0


def _asked(
    work: Work, ask: Callable[[FeatureMatrix], Scored], rows: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Scored]:
    """Ask the model about rows, in ascending order; those that make it raise are left out."""
    if not rows.size:
        return rows, NOTHING_SCORED
    try:
        matrix = work.features if rows.size == len(work.calls) else work.features.take(rows, axis=0)
        return rows, ask(matrix)
    except Exception as error:  # noqa: BLE001 - see `judge`
        work.failed(error)
        if rows.size == 1:
            return rows[:0], NOTHING_SCORED
    apart = [_asked(work, ask, rows[index : index + 1]) for index in range(rows.size)]
    scored = (np.concatenate(column) for column in zip(*(one for _, one in apart), strict=True))
    return np.concatenate([row for row, _ in apart]), Scored(*scored)


def _add_margins(work: Work, add: AddMargins, rows: NDArray[np.intp]) -> Grouped | None:
    """Make group scores of margins, and remember these; where that raises the margins decide."""
    by_analytics = sorted(row for row, outcome in work.decided.items() if _is_by_analytics(outcome))
    silent, (_, margins) = _asked(work, partial(_silently, work.classifier), np.array(by_analytics, np.intp))
    work.margins[silent] = margins
    both = np.sort(np.concatenate([rows, silent]))  # in the order in which they arrived
    try:
        found = add(both, work.margins[both])
    except Exception as error:  # noqa: BLE001 - see `judge`
        work.failed(error)
        return None
    work.group_scores[both] = work.margins[both] + work.classifier.group_weight * found.mean
    return Grouped(both, found)


def _is_by_analytics(outcome: Outcome) -> bool:
    """Whether a rule or a standing decision has decided a call, and no person by name."""
    return outcome.decided_by is Step.RULE or any(one.code.startswith(reasons.STANDING) for one in outcome.reasons[:1])


def _silently(classifier: Classifier, rows: FeatureMatrix) -> Scored:
    """Margins of calls that the model does not decide, so that nobody else is told of them."""
    margins = classifier.raw(rows)
    return Scored(margins, margins)


def _levels(work: Work, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The score that decides, of each row: what is compared with the thresholds in force. Only here it is made.

    It is the group score where thresholds are margins, else what that is as a probability; without a group weight the
    margin and the score.
    """
    group_scores = work.group_scores[rows]
    if work.in_force.cuts is not None:
        return rows, group_scores
    if work.add_margins is None:
        return rows, work.scores[rows]
    try:
        return rows, work.classifier.calibrated(group_scores)
    except Exception as error:  # noqa: BLE001 - see `judge`
        work.failed(error)
        return rows[:0], group_scores[:0]


def _left_out(rows: NDArray[np.intp], answered: NDArray[np.intp]) -> list[int]:
    return [] if rows.size == answered.size else np.setdiff1d(rows, answered).tolist()


def _worth_a_look(work: Work, rows: NDArray[np.intp], levels: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places of rows whose levels can be objected to, and of numbers that are held and may now be cleared."""
    worth = levels >= work.in_force.floor(work.tables.floor)
    held = work.standing.held
    if len(held) or worth.any():
        hashes = work.calls.hashes("calling_number").take(rows)
        rising = {work.calling(row) for row in rows[worth].tolist() if work.caller(row) is not None}
        # A number that rises here may come to be held by a call of this very batch.
        may_be = held.may_have(hashes) | like_any(hashes, worth)
        for index in (may_be & ~worth).nonzero()[0].tolist():
            number = work.calling(rows.item(index))
            worth[index] = number in rising or number in held
    return worth.nonzero()[0]


def _verdict(work: Work, row: int, level: float) -> Verdict | None:
    if row in work.decided:  # by a standing block that an earlier call of this batch brought about
        return None
    category = work.tables.category(work.features, row)
    cuts = work.in_force.cuts
    thresholds = work.tables.thresholds(work.calls, row, category) if cuts is None else cuts
    may_block = (
        level >= thresholds.block_clear  # else no block is in question
        and category.highest_action is Action.BLOCK
        and work.tables.has_sample(work.features, row)
        and work.may_block(row)
        and not work.is_released(row)
    )
    caller = work.caller(row)
    held = None if caller is None else work.standing.held.get(caller)
    held_action = held.action_at(work.now_ms(row)) if held is not None else Action.ALLOW
    action, threshold = treatment(level, held_action, thresholds, may_block=may_block)
    entered = threshold in (thresholds.label_at, thresholds.block_at)
    action, notes = _given(work, row, action, has_caller=caller is not None)
    if caller is not None:
        _remember(work, (row, caller), category, action, held, entered=entered)
    return None if action is Action.ALLOW else Verdict(row, action, level, threshold, category, notes)


def _given(work: Work, row: int, action: Action, *, has_caller: bool) -> tuple[Action, tuple[Reason, ...]]:
    """What is left of an action where enforcement was not earned, or has lapsed; what is tried is decided in shadow."""
    if action is Action.ALLOW:
        return action, ()
    age_s = work.features.item(row, WINDOWS_AGE)
    given = work.in_force.treats(action, work.now_ms(row), age_s, work.calls_24h(row), has_caller=has_caller)
    if work.is_shadow[row]:
        return given.action, ()
    work.is_shadow[row] = given.is_tried
    return given.action, (reasons.not_earned(given),) if given.why else ()


def _remember(
    work: Work, call: tuple[int, str], category: Category, action: Action, held: Held | None, *, entered: bool
) -> None:
    """Carry on the hysteresis and the count of blocks of the caller of `call`, its row and caller."""
    policy, (row, caller) = work.tables.policy, call
    now_ms = work.now_ms(row)
    earliest_ms = now_ms - policy.standing_blocks.within_s * 1_000
    blocks_ms = tuple(ms for ms in held.blocks_ms if ms > earliest_ms) if held is not None else ()
    if action is Action.BLOCK:
        blocks_ms = (*blocks_ms, now_ms)
        if len(blocks_ms) >= policy.standing_blocks.after_blocks:
            _stand(work, row, category)
            blocks_ms = ()
    if action is Action.ALLOW and not blocks_ms:
        work.standing.held.drop(caller)
        return
    expires_ms = now_ms + policy.hold_s * 1_000 if entered or held is None else held.expires_ms
    work.standing.held.put(caller, Held(action, expires_ms, blocks_ms))


def _stand(work: Work, row: int, category: Category) -> None:
    """Block the caller from the next call on, those later in this batch included."""
    now_ms, number, trunk = work.now_ms(row), work.calling(row), work.calls.text(row, "trunk_group_id")
    entity, is_vouched = number_entity(number), work.is_vouched(row)
    known = work.standing.active(entity, now_ms)
    if known is not None and known.mode is Mode.ENFORCE and work.mode(row) is Mode.SHADOW:
        return  # what is only tried takes nothing from what holds
    decision = StandingDecision(
        entity,
        Action.BLOCK,
        category.name,
        now_ms,
        now_ms + work.tables.policy.standing_blocks.block_s * 1_000,
        MODEL_SOURCE,
        work.mode(row),
        work.calls.identifier(row),
        () if is_vouched else (trunk,),
        is_vouched,
    )
    # Other callers with this number stay blocked as long as this one.
    is_alike = known is not None and known.source == MODEL_SOURCE and known.mode is decision.mode
    work.standing.set(decision.joined(known if is_alike else None), publish=True)
    hashes = work.calls.hashes("calling_number")
    for later in (row + 1 + (hashes[row + 1 :] == hashes[row]).nonzero()[0]).tolist():
        if work.calling(later) == number and _decided_after_standing(work.decided.get(later)):
            applying = work.standing_on(later)
            if applying is not None:
                work.decided[later] = work.stood(later, applying)
                work.scores[later] = np.nan


def _decided_after_standing(outcome: Outcome | None) -> bool:
    return outcome is None or outcome.decided_by is Step.RULE


def _outcomes(work: Work, verdicts: list[Verdict], grouped: Grouped | None) -> Found:
    """Explain all verdicts with one look into the model; a call that makes it raise passes."""
    if not verdicts:
        return {}
    try:
        return _explained(work, verdicts, grouped)
    except Exception as error:  # noqa: BLE001 - see `judge`
        work.failed(error)
        if len(verdicts) == 1:
            return {verdicts[0].row: FAILED_OPEN}
    found: dict[int, Outcome] = {}
    for verdict in verdicts:
        found.update(_outcomes(work, [verdict], grouped))
    return found


def _explained(work: Work, verdicts: list[Verdict], grouped: Grouped | None) -> Found:
    features = work.features[[verdict.row for verdict in verdicts]]
    named = reasons.leading(work.classifier.contributions(features)).tolist()
    found: dict[int, Outcome] = {}
    for index, verdict in enumerate(verdicts):
        why = _of_verdict(work, verdict, grouped)
        why = (*why, *reasons.of_features(named[index], features[index]), *verdict.notes)
        found[verdict.row] = work.treated(verdict.row, Step.MODEL, verdict.action, verdict.category.name, why)
    return found


def _of_verdict(work: Work, verdict: Verdict, grouped: Grouped | None) -> tuple[Reason, ...]:
    """Score or margin against the threshold, and the group where the call would not have reached it alone."""
    row, measured = verdict.row, work.in_force.measured
    of = reasons.Level(work.scores.item(row), work.margins.item(row), verdict.level)
    if measured is None:
        own, why = of.score, reasons.of_model(verdict.action, of, verdict.threshold)
    else:
        own, why = of.margin, reasons.of_budget(verdict.action, of, verdict.threshold, measured)
    if grouped is None or own >= verdict.threshold:
        return why
    place, added = grouped.rows.searchsorted(row).item(), work.group_scores.item(row) - of.margin
    return (*why, reasons.of_group(grouped.found, place, added))
