"""From reference calls to a measure: the thresholds that the budgets lead to, moved from the last ones step by step."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from detector.policy.budgets import DAY_MS, HOUR_S, MILLION, Budgets
from detector.policy.settings import StandingBlocks
from models.budgets.audit import FIRST, MULTIPLES, Wanted
from models.budgets.basis import Basis
from models.budgets.bounds import Bounded, Floats, Ints, ReferenceCalls, callers_needed
from models.budgets.measure import Group, Measure, Threshold, traffic_of
from models.budgets.references import References, Span
from models.budgets.standing import with_standing_blocks
from models.budgets.ways import Ways, ways_of
from models.serve.artifact import Model
from models.serve.reference import Reference

NOTHING_LEFT = "by what was answered so far, further answers would show nothing more"
MORE_DAYS = "measure more days"
LATER = "measure a later day, or adapt and measure with a larger --judge-h"
"""What helps where the last hours alone are measured: those before taught the model."""
YOUNGEST = 0.01
"""Share of the measured calls whose windows may be younger than those in which the measure holds."""
MOST_WINDOWS_H = 24.0
"""The longest windows; only the memory of days goes further back."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """What was measured, where and when.

    Attributes:
        model_version: Of the model.
        partitions: Number of partitions that windows were counted in.
        calibrated: From margins to calibrated probabilities, shape (n,).
        begin_ms: First scored call, epoch milliseconds.
        end_ms: Last scored call.
        written_ms: Now.
        scored: Calls scored in windows that were old enough.
        windows_h: Age of the windows in which nearly all of them were, hours.
        traffic: Their histograms; None where the model has no reference.
        remedy: What to do where there are too few callers.
    """

    model_version: str
    partitions: int
    calibrated: Callable[[Floats], Floats]
    begin_ms: int
    end_ms: int
    written_ms: int
    scored: int
    windows_h: float
    traffic: Reference | None
    remedy: str = MORE_DAYS

    @classmethod
    def of(
        cls,
        model: Model,
        partitions: int,
        span: Span,
        written_ms: int,
        traffic: Reference | None,
        remedy: str = MORE_DAYS,
    ) -> "Subject":
        """A model on all calls of a span, at least one; the histograms are of these."""
        return cls(
            model_version=model.version,
            partitions=partitions,
            calibrated=model.calibrated,
            begin_ms=int(span.at_ms.min()),
            end_ms=int(span.at_ms.max()),
            written_ms=written_ms,
            scored=len(span.at_ms),
            windows_h=float(np.quantile(span.windows_s, YOUNGEST)) / HOUR_S,
            traffic=traffic,
            remedy=remedy,
        )


def make(
    subject: Subject, references: References, budgets: Budgets, standing: StandingBlocks, last: Measure | None
) -> Measure:
    """Find the thresholds. It takes processor time for sorting the reference calls, and no input or output.

    Args:
        subject: What was measured.
        references: Calls that are lawful for reasons outside of the score.
        budgets: Of the policy.
        standing: When blocks become a block of the caller, of the policy.
        last: The measure that this one is to follow, of the same model and number of partitions; None for the first,
            and to forget it.
    """
    labels, blocks = (one.lowest() for one in ways_of(references, budgets, standing))
    wanted = (
        ("labelled", labels, budgets.label_per_million, None if last is None else last.label),
        ("blocked", blocks, budgets.block_per_million, None if last is None else last.block),
    )
    found = [_threshold(*one, budgets, subject) for one in wanted]
    goes_by_all = any(basis.everybody is None for basis, _ in (labels, blocks))
    return Measure(
        model_version=subject.model_version,
        partitions=subject.partitions,
        begin_ms=subject.begin_ms,
        end_ms=subject.end_ms,
        written_ms=subject.written_ms,
        scored=subject.scored,
        reciprocal=_group(references.reciprocal),
        registered=_group(references.registered),
        everybody=_group(references.everybody) if goes_by_all else None,
        confidence=budgets.confidence,
        windows_h=_windows_h(subject, budgets, [one for one, _ in found]),
        label_per_million=budgets.label_per_million,
        block_per_million=budgets.block_per_million,
        label=found[0][0],
        block=found[1][0],
        complaints=tuple(complaint for _, complaint in found if complaint),
        traffic=traffic_of(subject.traffic),
    )


def _windows_h(subject: Subject, budgets: Budgets, thresholds: Sequence[Threshold | None]) -> float:
    """From which age of windows on the measure holds, hours.

    In younger windows more lawful calls score high: of a day after a cold start several times as many. Where all calls
    count as lawful that is allowed for. What spends a budget to its end holds in windows like those that were measured.
    """
    if all(one is None or one.is_of_all for one in thresholds):
        return budgets.windows_h
    return max(budgets.windows_h, min(subject.windows_h, MOST_WINDOWS_H))


def _group(calls: ReferenceCalls | None) -> Group:
    return Group(0, 0) if calls is None else Group(len(calls.margins), calls.n_callers)


def asked_by_lot(references: References, budgets: Budgets, standing: StandingBlocks, found: Measure) -> list[Ints]:
    """About whom a person should be asked now, so that more of the budgets can be spent.

    Labels come first and then blocks, up to fifteen times as many calls as lawful ones may be hit. Then each once more,
    up to thirty times: that takes many answers.

    Args:
        references: Of the calls that were measured.
        budgets: Of the policy.
        standing: When blocks become a block of the caller, of the policy.
        found: Of `make`.

    Returns:
        Places in the span of the calls of each, in order of time; empty where answers would be of no use.
    """
    audits = _audits(references, budgets, standing, found)
    for levels in (FIRST, len(MULTIPLES)):
        for one, wanted in audits:
            asked = one.audited.asked(one.budget, one.confidence, wanted, levels)
            if asked:
                return asked
    return []


def why_nobody(references: References, budgets: Budgets, standing: StandingBlocks, found: Measure) -> str:
    """Say why `asked_by_lot`, given the same, names nobody."""
    audits = _audits(references, budgets, standing, found)
    why = [one.audited.needless(one.budget, one.confidence, wanted) or NOTHING_LEFT for one, wanted in audits]
    return f"labels: {why[0]}; blocks: {why[1]}"


def _audits(
    references: References, budgets: Budgets, standing: StandingBlocks, found: Measure
) -> list[tuple[Ways, Wanted]]:
    """For labels, and for blocks: what answers may tell of, and where they are of use."""
    reached = [math.inf if one is None else one.wanted_margin for one in (found.label, found.block)]
    both = ways_of(references, budgets, standing)
    return [(ways, ways.wanted(below)) for ways, below in zip(both, reached, strict=True)]


def outlives(last: Measure, found: Measure, references: References, budgets: Budgets, standing: StandingBlocks) -> bool:
    """Whether a measure that rests on answers stays in force beside one that does not yet, or on fewer of them.

    A new span draws other callers, about whom nobody has answered yet. Until that is done the last measure is as good
    as on any day on which nothing is measured, unless it is old, or answers speak against its labels or its blocks.

    Args:
        last: In force until now.
        found: Of `make`, after it.
        references: Of the new span.
        budgets: Of the policy.
        standing: When blocks become a block of the caller, of the policy.
    """
    if found.end_ms - last.end_ms >= budgets.oldest_days * DAY_MS:
        return False
    both = [(last.label, found.label, budgets.label_per_million), (last.block, found.block, budgets.block_per_million)]
    audited, allows_less = references.audited, False
    for before, now, per_million in both:
        if before is None:
            continue
        calls = with_standing_blocks(audited, standing, before.margin) if before is last.block else audited
        if before.most_per_million > per_million or calls.lawful_from(before.margin) > per_million / MILLION:
            return False
        allows_less |= bool(before.answers) and (now is None or now.wanted_margin > before.margin)
    return allows_less


def _threshold(
    done: str,
    way: tuple[Basis, Bounded | None],
    per_million: int,
    last: Threshold | None,
    budgets: Budgets,
    subject: Subject,
) -> tuple[Threshold | None, str]:
    """The threshold of one action, and what is wrong with it or why there is none."""
    budget, (basis, wanted) = per_million / MILLION, way
    if wanted is None:
        needed = callers_needed(budget, budgets.confidence)
        return None, (
            f"nothing is {done}: there are {basis.calls.n_callers:,} callers, {needed:,} are needed to show at "
            f"{budgets.confidence:.0%} confidence that at most {per_million:,} in a million are hit: {subject.remedy}"
        )
    placed = _damped(wanted, last, basis, budget, budgets)
    complaint = ""
    if placed.most > budget:
        complaint = (
            f"nothing is {done}: the budget wants margin {wanted.margin:.2f}, and a measure moves it by "
            f"{budgets.most_step:g} at most, to {placed.margin:.2f}: look why, then measure with --afresh"
        )
    score = min(max(subject.calibrated(np.array([placed.margin])).item(), 0.0), 1.0)
    most = min(placed.most, 1.0) * MILLION if complaint else min(placed.most * MILLION, per_million)  # not by rounding
    found, is_of_all, answers = placed.share * MILLION, basis.is_of_all, placed.answers
    return Threshold(placed.margin, wanted.margin, score, found, most, is_of_all, answers or msgspec.UNSET), complaint


def _damped(wanted: Bounded, last: Threshold | None, basis: Basis, budget: float, budgets: Budgets) -> Bounded:
    """The wanted margin, moved from the last one by a step at most."""
    if last is None or abs(wanted.margin - last.margin) <= budgets.most_step:
        return wanted
    margin = float(np.clip(wanted.margin, last.margin - budgets.most_step, last.margin + budgets.most_step))
    return basis.at(margin, budget, budgets.confidence)
