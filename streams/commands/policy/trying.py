"""Two policies on the same calls: how many each would hit, by which step and rule, and who would be hit anew.

It compares what was made of batches and knows no file, archive or command.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from detector.contract.decisions import Action, Mode, Outcome
from detector.policy.screening import Screening

ALLOW = "allow"
MOST_CHANGES = 40
"""Kinds of change that are told apart; with five treatments there are at most 20."""
MOST_EXAMPLES = 10
MOST_NUMBERS = 100_000
"""Different calling numbers that are counted of a change."""
MOST_TRUNKS = 5
MOST_COUNTED_TRUNKS = 10_000
OTHER = "(others)"


class Hit(NamedTuple):
    """What a policy makes of a call: `allow`, or an action, whether it is only tried, the step and its cause."""

    treatment: str
    decided_by: str
    cause: str


@dataclass(slots=True)
class Change:
    """Calls that one policy treats in one way and the other in another.

    Attributes:
        calls: How many.
        numbers: Different calling numbers, up to `MOST_NUMBERS`.
        trunks: Calls by trunk group.
        examples: The first calls of different calling numbers, plain values.
    """

    calls: int = 0
    numbers: set[str] = field(default_factory=set)
    trunks: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)


class Trial:
    """Takes what two policies made of the same batches. Its memory is bounded, however many calls there are.

    Attributes:
        calls: How many were judged by both; calls that came before are left out.
        begin_ms: Set-up of the first of them, epoch milliseconds; None without calls.
        end_ms: Of the last.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.begin_ms: int | None = None
        self.end_ms: int | None = None
        self._now: Counter[Hit] = Counter()
        self._then: Counter[Hit] = Counter()
        self._changes: dict[tuple[str, str], Change] = {}

    def add(self, now: Screening, then: Screening) -> None:
        """Take a batch. Cheap for calls that both simply allow.

        Args:
            now: What the policy in force made of it.
            then: What the other one did.
        """
        passed = now.repeats | then.repeats
        self.calls += len(now.calls) - len(passed)
        if len(now.calls):
            times_ms = now.calls.now_ms
            first_ms, last_ms = int(times_ms.min()), int(times_ms.max())
            self.begin_ms = first_ms if self.begin_ms is None else min(self.begin_ms, first_ms)
            self.end_ms = last_ms if self.end_ms is None else max(self.end_ms, last_ms)
        for row in sorted((now.decided.keys() | then.decided.keys()) - passed):
            before, after = _hit(now, row), _hit(then, row)
            self._now[before] += 1
            self._then[after] += 1
            if before.treatment != after.treatment:
                self._changed(then, row, before, after)

    def _changed(self, then: Screening, row: int, before: Hit, after: Hit) -> None:
        change = self._changes.setdefault((before.treatment, after.treatment), Change())
        calling, trunk = then.calls.text(row, "calling_number"), then.calls.text(row, "trunk_group_id")
        change.calls += 1
        is_new = calling not in change.numbers
        if is_new and len(change.numbers) < MOST_NUMBERS:
            change.numbers.add(calling)
        is_counted = trunk in change.trunks or len(change.trunks) < MOST_COUNTED_TRUNKS
        change.trunks[trunk if is_counted else OTHER] += 1
        if is_new and len(change.examples) < MOST_EXAMPLES:
            shown = after if after.treatment != ALLOW else before
            change.examples.append(
                {
                    "calling_number": calling,
                    "called_number": then.calls.text(row, "called_number"),
                    "trunk_group_id": trunk,
                    "setup_time_ms": int(then.calls.reported_ms[row]),
                    "score": then.score(row),
                    "decided_by": shown.decided_by,
                    "cause": shown.cause,
                }
            )

    def plain(self) -> dict[str, Any]:
        """Plain values: totals, `rows` by treatment, step and cause, and `changes`, the largest first."""
        return {
            "calls": self.calls,
            "begin_ms": self.begin_ms,
            "end_ms": self.end_ms,
            "rows": list(self._rows()),
            "changes": [
                {
                    "now": now,
                    "then": then,
                    "calls": change.calls,
                    "numbers": len(change.numbers),
                    "numbers_are_more": len(change.numbers) >= MOST_NUMBERS,
                    "trunks": change.trunks.most_common(MOST_TRUNKS),
                    "examples": change.examples,
                }
                for (now, then), change in sorted(self._changes.items(), key=lambda one: -one[1].calls)[:MOST_CHANGES]
            ],
        }

    def _rows(self) -> Iterator[dict[str, Any]]:
        hits = [hit for hit in self._now.keys() | self._then.keys() if hit.treatment != ALLOW]
        for hit in sorted(hits, key=lambda one: (-max(self._now[one], self._then[one]), one)):
            yield {**hit._asdict(), "now": self._now[hit], "then": self._then[hit]}


def _hit(screening: Screening, row: int) -> Hit:
    outcome = screening.outcome(row)
    return Hit(_treatment(outcome, screening.mode(row)), outcome.decided_by.value, _cause(outcome))


def _treatment(outcome: Outcome, mode: Mode) -> str:
    if outcome.action is Action.ALLOW or mode is Mode.ENFORCE:
        return outcome.action.value
    return f"only tried: {outcome.action.value}"


def _cause(outcome: Outcome) -> str:
    """What the step went by: the rule by its name, else the code of the first reason."""
    if not outcome.reasons:
        return ""
    first = outcome.reasons[0]
    return first.text if first.code == "rule" else first.code
