"""What may be committed: pure bookkeeping of polls in flight, no Kafka. One poll spans many partitions.

A poll is *opened* when it is handed out. It is *closed* once every record in it is safely answered; polls may be closed
in any order. The *watermark* of a partition is the offset up to which everything handed out before is closed. Only that
is committed. Nothing here blocks or raises.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


class _Span:
    """The records of one partition in one poll; `end` is the offset after its last."""

    __slots__ = ("end", "is_closed")

    def __init__(self, end: int) -> None:
        self.end = end
        self.is_closed = False


class Watermarks(Generic[P]):
    """Polls in flight and the watermark of each partition.

    Used on the event loop alone: it is not thread-safe. A call costs O(partitions of the poll).
    """

    __slots__ = ("_expected", "_open", "_spans", "_ticket", "_watermarks")

    def __init__(self) -> None:
        self._spans: dict[P, deque[_Span]] = {}
        self._open: dict[int, list[tuple[P, _Span]]] = {}
        self._watermarks: dict[P, int] = {}
        self._expected: dict[P, int] = {}
        self._ticket = 0

    @property
    def in_flight(self) -> int:
        """Polls that are open."""
        return len(self._open)

    def open(self, ends: Iterable[tuple[P, int]]) -> int:
        """Register a poll about to be handed out.

        Args:
            ends: each partition in it, once, with the offset after its last record there.

        Returns:
            The ticket that `close` wants.
        """
        self._ticket += 1
        spans = [(partition, _Span(end)) for partition, end in ends]
        for partition, span in spans:
            self._spans.setdefault(partition, deque()).append(span)
            self._expected[partition] = span.end
        self._open[self._ticket] = spans
        return self._ticket

    def close(self, ticket: int) -> None:
        """Note that every record of the poll is answered. A ticket that was forgotten or closed before is ignored."""
        for partition, span in self._open.pop(ticket, ()):
            span.is_closed = True
            waiting = self._spans.get(partition)
            while waiting and waiting[0].is_closed:
                self._watermarks[partition] = waiting.popleft().end

    def watermark(self, partition: P) -> int | None:
        """Offset that may be committed, None while nothing was closed."""
        return self._watermarks.get(partition)

    def partitions(self) -> Sequence[P]:
        """Partitions that have a watermark."""
        return tuple(self._watermarks)

    def is_open(self, partition: P) -> bool:
        """Whether records of the partition were handed out that are not answered yet."""
        return bool(self._spans.get(partition))

    def expect(self, partition: P, offset: int) -> None:
        """Note where reading starts; no effect once a record of the partition was handed out."""
        if partition not in self._spans:
            self._expected[partition] = offset

    def expected(self, partition: P) -> int | None:
        """Offset that comes next: every record before it was handed out, or committed before. None when unknown."""
        return self._expected.get(partition)

    def forget(self, partitions: Iterable[P]) -> None:
        """Drop what is known of partitions that were taken away; polls that touched no other leave the flight."""
        gone = set(partitions)
        for partition in gone:
            self._spans.pop(partition, None)
            self._watermarks.pop(partition, None)
            self._expected.pop(partition, None)
        for ticket, spans in list(self._open.items()):
            kept = [(partition, span) for partition, span in spans if partition not in gone]
            if kept:
                self._open[ticket] = kept
            else:
                del self._open[ticket]
