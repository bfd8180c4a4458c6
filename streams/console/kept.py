"""The latest decisions, bounded by their number, and found by what they are about. Knows no Kafka and no page."""

from collections import deque
from collections.abc import Callable, Iterator
from heapq import merge

from detector.contract.decisions import Decision
from detector.contract.numbers import written_forms
from streams.console.subjects import Kind, Subject

_CAMPAIGN = "campaign"
_PREFIX = "campaign "


def campaign_of(decision: Decision) -> str:
    """Id of the campaign that a decision names; empty where it names none."""
    for reason in decision.reasons:
        if reason.code == _CAMPAIGN:
            return reason.text.removeprefix(_PREFIX)
    return ""


_FIELDS: dict[Kind, Callable[[Decision], str]] = {
    Kind.NUMBER: lambda one: one.calling_number,
    Kind.CALL: lambda one: one.call_id,
    Kind.DECISION: lambda one: one.decision_id,
    Kind.TRUNK: lambda one: one.trunk_group_id,
    Kind.CAMPAIGN: campaign_of,
}


class Kept:
    """Decisions in the order in which they came; at the bound the oldest goes. Adding one takes some microseconds.

    Args:
        most: that are kept.

    Attributes:
        all: the decisions, the oldest first; for reading.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.all: deque[Decision] = deque()
        # Most texts have one decision, which is kept as it is: a queue for each would take as much room as those.
        self._found: dict[Kind, dict[str, Decision | deque[Decision]]] = {kind: {} for kind in _FIELDS}

    def add(self, decision: Decision) -> Decision | None:
        """Keep one more; returns the one that went for it."""
        oldest = self.all.popleft() if len(self.all) == self._most else None
        if oldest is not None:
            self._forget(oldest)
        self.all.append(decision)
        for kind, text_of in _FIELDS.items():
            text, found = text_of(decision), self._found[kind]
            before = found.get(text)
            if not text:
                continue  # withheld, or not named: nobody looks for it
            if before is None:
                found[text] = decision
            elif isinstance(before, deque):
                before.append(decision)
            else:
                found[text] = deque((before, decision))
        return oldest

    def about(self, subject: Subject) -> Iterator[Decision]:
        """Those about a subject, the latest first; none of a kind that decisions do not name.

        Those about a number are there in whatever form switches wrote it.
        """
        texts = written_forms(subject.text) if subject.kind is Kind.NUMBER else (subject.text,)
        by_text = self._found.get(subject.kind, {})
        found = [by_text[text] for text in texts if text in by_text]
        several = (reversed(one) if isinstance(one, deque) else iter((one,)) for one in found)
        return merge(*several, key=lambda one: one.decided_time_ms, reverse=True)

    def texts(self, kind: Kind) -> Iterator[str]:
        """What the decisions that are kept name of a kind, each once."""
        return iter(self._found.get(kind, ()))

    def _forget(self, oldest: Decision) -> None:
        for kind, text_of in _FIELDS.items():
            text, found = text_of(oldest), self._found[kind]
            if not text:
                continue
            before = found[text]
            if isinstance(before, deque):
                before.popleft()  # they go as they came
            if not isinstance(before, deque) or not before:
                del found[text]
