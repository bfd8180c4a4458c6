"""What the demo shows: running figures of decisions, a live table of them, and the summary against the ground truth."""

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum
from textwrap import wrap

import numpy as np
from rich.console import Group
from rich.panel import Panel
from rich.table import Table

from detector.contract.decisions import Action, Decision
from detector.policy.reasons import WAITED
from models.traffic.first.slices import LabelRow
from models.traffic.truth import LEGITIMATE, ROBOCALL

RECENT = 5_000
OFFENDERS = 4
COLUMNS = 76
"""As wide as the tables."""
WAIT_MS = 250.0
"""As long as a switch waits."""
DIP_MS = 80.0
"""As long as a bridge lets a call wait, unless it is set."""
LAST_MS = 1_000.0
"""What is sent so late is decided after a demo that somebody stops."""
_NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")
"""A number in full. What else callers write there, `asterisk` or `+1`, is shared by many of them."""


@dataclass(slots=True)
class Offender:
    """A calling number that was labelled or blocked."""

    calls: int = 0
    action: Action = Action.LABEL
    score: float | None = None
    reason: str = ""


@dataclass(slots=True)
class Sent:
    """What was sent.

    Attributes:
        truths: What the live calls really are, by call id.
        calls: How many live calls were sent.
        live: All live events, in order, as they were sent.
        due_ms: When each live call was due, epoch milliseconds, by call id.
        stopped_ms: When somebody stopped it, epoch milliseconds; None where it came to its own end.
        history: How many calls of the history were sent.
    """

    truths: dict[str, LabelRow] = field(default_factory=dict)
    calls: int = 0
    live: list[bytes] = field(default_factory=list)
    due_ms: dict[str, float] = field(default_factory=dict)
    stopped_ms: float | None = None
    history: int = 0


class Routing(StrEnum):
    """What a switch does with a call by the answer to its INVITE: it routes all but those that are blocked.

    A call is `undecided` where the bridge says that nobody judged it in time, `unanswered` where the switch's own timer
    ended, and `cancelled` where the caller hung up before.
    """

    PASSED = "passed"
    LABELLED = "labelled"
    BLOCKED = "blocked"
    UNDECIDED = "undecided"
    UNANSWERED = "unanswered"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Dips:
    """Calls that were asked about by SIP.

    Attributes:
        routed: How many were treated how.
        ends: Ends published of those that were routed.
        latencies_ms: From the intended send instant of each INVITE to its answer, of those that have one.
    """

    routed: Counter[Routing] = field(default_factory=Counter)
    ends: int = 0
    latencies_ms: list[float] = field(default_factory=list)

    def add(self, routing: Routing, latency_ms: float) -> None:
        """Count one call."""
        self.routed[routing] += 1
        if routing is not Routing.UNANSWERED:
            self.latencies_ms.append(latency_ms)


@dataclass(slots=True)
class Figures:
    """Everything of the live part counted so far.

    `steps` counts what decided the robocalls that were labelled or blocked. Latencies are milliseconds from the
    intended send instant to the decision read, with `dips` from the instant at which the INVITE came. It grows with the
    calls: action, truth and latency of each are kept until the summary. `unjudged` counts calls of the history, None
    where the worker did not say.
    """

    sent: Sent = field(default_factory=Sent)
    dips: Dips | None = None
    decided: int = 0
    repeated: int = 0
    late: int = 0
    unjudged: int | None = 0
    actions: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    recent_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    offenders: dict[str, Offender] = field(default_factory=dict)
    decisions: dict[str, Action] = field(default_factory=dict)

    def add(self, decision: Decision, latency_ms: float) -> None:
        """Count one decision; a second one on the same call counts as repeated, and as nothing else."""
        if decision.call_id in self.decisions:
            self.repeated += 1
            return
        self.decided += 1
        self.decisions[decision.call_id] = decision.action
        self.actions[decision.action] += 1
        truth = self.sent.truths.get(decision.call_id)
        if truth is not None and truth.label == ROBOCALL and decision.action is not Action.ALLOW:
            self.steps[decision.decided_by] += 1
        self.late += any(reason.code in WAITED for reason in decision.reasons)
        self.latencies_ms.append(latency_ms)
        self.recent_ms.append(latency_ms)
        if decision.action is not Action.ALLOW and _NUMBER.fullmatch(decision.calling_number):
            self._offend(decision)

    def _offend(self, decision: Decision) -> None:
        offender = self.offenders.setdefault(decision.calling_number, Offender())
        offender.calls += 1
        offender.action = decision.action
        offender.score = decision.score
        said = [reason.text for reason in decision.reasons if reason.code != "model"] or [
            reason.text for reason in decision.reasons
        ]
        offender.reason = said[0] if said else ""


def percentiles(latencies_ms: "list[float] | deque[float]") -> str:
    """Write p50, p95 and p99 in milliseconds; a dash for none."""
    if not latencies_ms:
        return "-"
    p50, p95, p99 = np.percentile(np.array(latencies_ms), (50, 95, 99))
    return f"p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms"


def in_few_lines(figures: Figures, *, elapsed_s: float, seconds: float) -> str:
    """Write the running figures, `elapsed_s` of `seconds` after the start, for where no table can be redrawn."""
    counts = ", ".join(f"{action.value} {figures.actions[action]:,}" for action in Action)
    lines = [
        f"{elapsed_s:.0f} of {seconds:.0f} s: {figures.decided:,} decided ({counts})",
        percentiles(figures.recent_ms),
    ]
    if figures.dips:
        lines += wrap(f"by SIP {_answers(figures.dips)}", COLUMNS)
    return "\n  ".join(lines)


def live(figures: Figures, *, elapsed_s: float, seconds: float) -> Group:
    """The table that is redrawn while the demo runs, `elapsed_s` of `seconds` after the start."""
    rate = figures.decided / elapsed_s if elapsed_s > 0 else 0.0
    top = Table.grid(padding=(0, 2))
    top.add_row("time", f"{elapsed_s:.0f} of {seconds:.0f} s", "a second", f"{rate:,.0f}")
    top.add_row("decided", f"{figures.decided:,}", "latency", percentiles(figures.recent_ms))
    for action in Action:
        count = figures.actions[action]
        top.add_row(action.value, f"{count:,}", "", f"{count / max(1, figures.decided):.1%}")
    if figures.dips:
        top.add_row("by SIP", f"{len(figures.dips.latencies_ms):,}", "dip", _recent(figures.dips))
    return Group(Panel(top, title="robocall detection, live"), _offenders(figures))


def _offenders(figures: Figures) -> Table:
    table = Table(title="busiest offenders", expand=True)
    for heading in ("calling number", "calls", "action", "score", "why"):
        table.add_column(heading, overflow="fold")
    busiest = sorted(figures.offenders.items(), key=lambda item: -item[1].calls)[:OFFENDERS]
    for number, offender in busiest:
        score = "-" if offender.score is None else f"{offender.score:.2f}"
        table.add_row(number, f"{offender.calls:,}", offender.action.value, score, offender.reason)
    return table


def _recent(dips: Dips) -> str:
    return percentiles(dips.latencies_ms[-RECENT:])


def _answers(dips: Dips) -> str:
    return ", ".join(f"{routing} {count:,}" for routing in Routing if (count := dips.routed[routing])) or "nothing yet"


def summary(figures: Figures, cold: dict[str, Action] | None = None) -> Group:
    """Live decisions beside the generator's ground truth, overall and per kind of caller.

    Args:
        figures: Of the live part.
        cold: What windows that have counted nothing before make of the same calls, by call id.
    """
    table = Table(title="decisions against the ground truth")
    for heading in ("kind of caller", "truth", "calls", "allowed", "labelled", "blocked"):
        table.add_column(heading, justify="left" if heading in {"kind of caller", "truth"} else "right")
    kinds: dict[tuple[str, str], Counter[str]] = {}
    for call_id, action in figures.decisions.items():
        if truth := figures.sent.truths.get(call_id):
            kinds.setdefault((truth.label, truth.kind), Counter())[action] += 1
    for (label, kind), counts in sorted(kinds.items()):
        table.add_row(kind, label, f"{counts.total():,}", *(f"{counts[action]:,}" for action in Action))
    totals = {label: sum((c for (of, _), c in kinds.items() if of == label), Counter()) for label, _ in kinds}
    lines = [_share(label, counts) for label, counts in sorted(totals.items())]
    lines.append(f"robocalls were labelled or blocked {_by_what(figures.steps)}")
    if cold is not None:
        lines.append(f"a cold start would have labelled or blocked {_caught_cold(figures, cold)}")
    since = "arrival of the INVITE" if figures.dips else "intended send instant"
    lines.append(f"latency from the {since} to the decision read: {percentiles(figures.latencies_ms)}")
    lines.append(_in_time(figures))
    lines += unjudged(figures)
    if figures.dips:
        lines += _by_sip(figures.dips)
    lines.append(
        f"{figures.sent.calls:,} calls sent, {figures.decided:,} decided, "
        f"{figures.sent.calls - figures.decided:,} missing, {figures.repeated:,} repeated"
    )
    lines += _as_it_stopped(figures)
    return Group(table, *lines)


def _as_it_stopped(figures: Figures) -> list[str]:
    """How many calls are missing because nobody read on: in no or one line."""
    sent = figures.sent
    if sent.stopped_ms is None:
        return []
    since_ms = sent.stopped_ms - LAST_MS
    last = sum(due_ms >= since_ms and call_id not in figures.decisions for call_id, due_ms in sent.due_ms.items())
    return [f"{last:,} of the missing ones were sent in the second before it was stopped"] if last else []


def unjudged(figures: Figures) -> list[str]:
    """Say how many calls of the history nobody judged, in no or one line."""
    if figures.unjudged == 0:
        return []
    said = "nobody knows how many" if figures.unjudged is None else f"{figures.unjudged:,}"
    return [f"{said} of the {figures.sent.history:,} calls of the history passed unjudged: late, or something failed"]


def _by_what(steps: Counter[str]) -> str:
    said = ", ".join(f"{step} {calls:,}" for step, calls in steps.most_common()) or "nothing"
    return f"by {said}; the model by thresholds that nobody measured on this traffic"


def _by_sip(dips: Dips) -> list[str]:
    in_time = sum(latency_ms <= DIP_MS for latency_ms in dips.latencies_ms)
    return [
        f"by SIP: {dips.routed.total():,} INVITEs, {_answers(dips)}",
        f"dip, from the intended send instant to the answer: {percentiles(dips.latencies_ms)}",
        f"{in_time:,} of them within {DIP_MS:.0f} ms, as long as a bridge lets a call wait",
        f"the bridge published the ends of blocked calls, the switch {dips.ends:,} ends of calls that it routed",
    ]


def _caught_cold(figures: Figures, cold: dict[str, Action]) -> str:
    said = []
    for label in (LEGITIMATE, ROBOCALL):
        calls = [call_id for call_id, truth in figures.sent.truths.items() if truth.label == label and call_id in cold]
        touched = sum(cold[call_id] is not Action.ALLOW for call_id in calls)
        said.append(f"{touched:,} of {len(calls):,} of {label} ({touched / max(1, len(calls)):.2%})")
    return ", ".join(said)


def _in_time(figures: Figures) -> str:
    in_time = sum(latency_ms <= WAIT_MS for latency_ms in figures.latencies_ms)
    return (
        f"{in_time:,} of {figures.decided:,} within {WAIT_MS:.0f} ms, as long as a switch waits; "
        f"{figures.late:,} passed because the demo's own deadline was over"
    )


def _share(label: str, counts: Counter[str]) -> str:
    touched = counts[Action.LABEL] + counts[Action.BLOCK]
    return (
        f"{label}: {counts.total():,} calls, {touched:,} labelled or blocked ({touched / max(1, counts.total()):.2%}), "
        f"{counts[Action.BLOCK]:,} of them blocked"
    )
