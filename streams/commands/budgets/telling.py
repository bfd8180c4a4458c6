"""What `robocall budgets` says of a measure: as a table, in sentences, and as plain values."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.table import Table

from detector.policy.budgets import MILLION
from models.budgets.bounds import callers_needed
from models.budgets.measure import Measure, Threshold


def plain(found: Measure) -> dict[str, Any]:
    """The measure but for its histograms, plain values."""
    values: dict[str, Any] = msgspec.to_builtins(found)
    del values["traffic"]
    return values


def table_of(found: Measure) -> Table:
    """On what a measure rests, and from which margins on it lets calls be hit."""
    rows = Table(show_header=False, box=None)
    rows.add_row("model", f"{found.model_version}, windows counted in {found.partitions} partition(s)")
    rows.add_row("calls", f"{found.scored:,} scored, {_instant(found.begin_ms)} to {_instant(found.end_ms)}")
    for what, group in (("called each other", found.reciprocal), ("registered", found.registered)):
        rows.add_row(f"lawful, {what}", f"{group.calls:,} calls of {group.callers:,} callers")
    for what, budget, threshold in (
        ("label", found.label_per_million, found.label),
        ("block", found.block_per_million, found.block),
    ):
        needed = callers_needed(budget / MILLION, found.confidence)
        rows.add_row(f"{what}, {budget:,} in a million", _threshold(threshold, found.confidence, needed))
    return rows


def held_back(found: Measure) -> list[str]:
    """Say which thresholds could be lower, but for the step that a measure may move them by, and what to do."""
    return [
        f"{what} could begin at margin {threshold.wanted_margin:.3f}, the budget allows it, but a measure moves a "
        "threshold by most_step at most: measure again until it stays, or with --afresh"
        for what, threshold in (("labels", found.label), ("blocks", found.block))
        if threshold is not None and threshold.wanted_margin < threshold.margin
    ]


def whose_is(partitions: int, of_workers: int) -> str:
    """Say who goes by a measure.

    Args:
        partitions: That the calls were counted in.
        of_workers: That workers count in.
    """
    replays = "replays" if partitions == 1 else f"replays with --partitions {partitions}"
    if partitions == of_workers:
        return f"for workers, and for {replays}"
    return f"for {replays}; workers of {of_workers} partition(s) need --partitions {of_workers}"


def _threshold(threshold: Threshold | None, confidence: float, needed: int) -> str:
    if threshold is None:
        return "never"
    why = f"registered senders allow less, or are fewer than {needed:,} callers"
    rests_on = f"; all calls count as lawful: {why}" if threshold.is_of_all else ""
    if threshold.answers:
        rests_on = f"; by answers about {threshold.answers:,} callers drawn by lot"
    return (
        f"from margin {threshold.margin:.3f} (score {threshold.score:.4f}) on: "
        f"{threshold.found_per_million:,.0f} found, {threshold.most_per_million:,.0f} at most ({confidence:.0%})"
        f"{rests_on}"
    )


def _instant(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")
