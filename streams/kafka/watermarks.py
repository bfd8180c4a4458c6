"""What may be committed: pure bookkeeping of polls in flight, no Kafka. One poll spans many partitions.

A poll is *opened* when it is handed out. It is *closed* once every record in it is safely answered; polls may be closed
in any order. The *watermark* of a partition is the offset up to which everything handed out before is closed. Only that
is committed. A poll whose last answers wait for a broker that is away may be *set aside*: it is out of the flight, and
nothing behind it is committed until it is closed. Nothing here blocks or raises.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)

FEW = 64
"""Spans of a partition that are kept as they are; of more, those that are closed side by side become one."""


class _Span:
    """The records of one partition in one poll; `end` is the offset after its last."""

    __slots__ = ("end", "is_aside", "is_closed")

    def __init__(self, end: int) -> None:
        self.end = end
        self.is_closed = False
        self.is_aside = False


class _Line:
    """Spans of one partition in order, the first of them open, and the offset up to which all before are closed."""

    __slots__ = ("_answered", "_most", "_unanswered", "reached", "spans")

    def __init__(self) -> None:
        self.spans: deque[_Span] = deque()
        self.reached: int | None = None
        self._unanswered: deque[_Span] | None = None  # while something is set aside: from the first that is not, on
        self._answered: int | None = None
        self._most = FEW

    @property
    def answered(self) -> int | None:
        """Offset up to which everything is closed or set aside."""
        return self.reached if self._unanswered is None else self._answered

    def append(self, span: _Span) -> None:
        self.spans.append(span)
        if self._unanswered is not None:
            self._unanswered.append(span)
        if len(self.spans) > self._most:  # much was closed behind one that is open for long
            pairs = pairwise(self.spans)
            self.spans = deque(one for one, following in pairs if not (one.is_closed and following.is_closed))
            self.spans.append(span)
            self._most = max(FEW, 2 * len(self.spans))

    def close(self, span: _Span) -> None:
        span.is_closed = True
        spans = self.spans
        while spans and spans[0].is_closed:
            self.reached = spans.popleft().end
        if self._unanswered is not None:
            self._look_on()

    def set_aside(self, span: _Span) -> None:
        span.is_aside = True
        if self._unanswered is None:
            self._unanswered, self._answered = deque(self.spans), self.reached
        self._look_on()

    def _look_on(self) -> None:
        waiting = self._unanswered
        while waiting and (waiting[0].is_closed or waiting[0].is_aside):
            self._answered = waiting.popleft().end
        if not self.spans:
            self._unanswered = None


class Watermarks(Generic[P]):
    """Polls in flight and the watermark of each partition.

    Used on the event loop alone: it is not thread-safe. A call costs O(partitions of the poll).
    """

    __slots__ = ("_aside", "_expected", "_lines", "_open", "_sizes", "_ticket", "aside_bytes")

    def __init__(self) -> None:
        self._lines: dict[P, _Line] = {}
        self._open: dict[int, list[tuple[P, _Line, _Span]]] = {}
        self._aside: dict[int, list[tuple[P, _Line, _Span]]] = {}
        self._sizes: dict[int, int] = {}
        self._expected: dict[P, int] = {}
        self._ticket = 0
        self.aside_bytes = 0
        """Size of the polls that were set aside and are not closed, forgotten or not."""

    @property
    def in_flight(self) -> int:
        """Polls that are open and were not set aside."""
        return len(self._open)

    def open(self, ends: Iterable[tuple[P, int]]) -> int:
        """Register a poll about to be handed out.

        Args:
            ends: each partition in it, once, with the offset after its last record there.

        Returns:
            The ticket that `close` wants.
        """
        self._ticket += 1
        spans = []
        for partition, end in ends:
            line = self._lines.get(partition)
            if line is None:
                line = self._lines[partition] = _Line()
            span = _Span(end)
            line.append(span)
            spans.append((partition, line, span))
            self._expected[partition] = end
        self._open[self._ticket] = spans
        return self._ticket

    def set_aside(self, ticket: int, size: int) -> None:
        """Note that what is left of a poll may take long: it is no longer in flight, but not closed either.

        A ticket that was forgotten, closed or set aside before is ignored.
        """
        if ticket in self._open:
            spans = self._aside[ticket] = self._open.pop(ticket)
            self._sizes[ticket] = size
            self.aside_bytes += size
            for _, line, span in spans:
                line.set_aside(span)

    def close(self, ticket: int) -> None:
        """Note that every record of the poll is answered. A ticket that was forgotten or closed before is ignored."""
        self.aside_bytes -= self._sizes.pop(ticket, 0)
        for _, line, span in self._open.pop(ticket, None) or self._aside.pop(ticket, None) or ():
            line.close(span)

    def watermark(self, partition: P) -> int | None:
        """Offset that may be committed, None while nothing was closed."""
        line = self._lines.get(partition)
        return None if line is None else line.reached

    def answered(self, partition: P) -> int | None:
        """As `watermark`, where what was set aside counts as closed."""
        line = self._lines.get(partition)
        return None if line is None else line.answered

    def partitions(self) -> Sequence[P]:
        """Partitions that have a watermark."""
        return tuple(partition for partition, line in self._lines.items() if line.reached is not None)

    def is_open(self, partition: P) -> bool:
        """Whether records of the partition were handed out that are not answered yet."""
        line = self._lines.get(partition)
        return line is not None and bool(line.spans)

    def expect(self, partition: P, offset: int) -> None:
        """Note where reading starts; no effect once a record of the partition was handed out."""
        if partition not in self._lines:
            self._expected[partition] = offset

    def expected(self, partition: P) -> int | None:
        """Offset that comes next: every record before it was handed out, or committed before. None when unknown."""
        return self._expected.get(partition)

    def forget(self, partitions: Iterable[P]) -> None:
        """Drop what is known of partitions that were taken away; polls that touched no other leave the flight."""
        gone = set(partitions)
        for partition in gone:
            self._lines.pop(partition, None)
            self._expected.pop(partition, None)
        for polls in (self._open, self._aside):
            for ticket, spans in list(polls.items()):
                kept = [one for one in spans if one[0] not in gone]
                if kept:
                    polls[ticket] = kept
                else:
                    del polls[ticket]
