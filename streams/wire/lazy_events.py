"""Events that are made of their bytes only when somebody asks for them, which for nearly every call is never."""

from collections.abc import Iterator, Sequence
from typing import overload

from detector.contract.events import CallEvent
from streams.wire.records import EVENT_DECODER


class LazyEvents(Sequence[CallEvent]):
    """Events of a batch by index, each decoded at most once. Equal to any sequence of equal events.

    Args:
        values: their bytes. Whoever asks for an event knows that the decoder accepts it.
        made: those events that are there already, by index.
    """

    __slots__ = ("_made", "_values")
    __hash__ = None  # type: ignore[assignment]  # it is compared by content

    def __init__(self, values: Sequence[bytes], made: dict[int, CallEvent]) -> None:
        self._values = values
        self._made = made

    def __len__(self) -> int:
        """Number of events."""
        return len(self._values)

    @overload
    def __getitem__(self, index: int) -> CallEvent: ...
    @overload
    def __getitem__(self, index: slice) -> "LazyEvents": ...
    def __getitem__(self, index: int | slice) -> "CallEvent | LazyEvents":
        """One event, or several that stay lazy."""
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        at = range(len(self))[index]  # counts a negative one from the end, and refuses one that is beyond
        event = self._made.get(at)
        if event is None:
            event = self._made[at] = EVENT_DECODER.decode(self._values[at])
        return event

    def __iter__(self) -> Iterator[CallEvent]:
        """All of them in order, each made when its turn comes."""
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Compare by content: makes them all."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    def __repr__(self) -> str:
        """How many, and how many of them made; nothing of what they hold."""
        return f"LazyEvents({len(self)}, {len(self._made)} made)"

    def keep(self, indexes: Sequence[int], events: Sequence[CallEvent]) -> None:
        """Take events that somebody has made already."""
        self._made.update(zip(indexes, events, strict=True))

    def take(self, indexes: Sequence[int]) -> "LazyEvents":
        """Some of the events; what is made of them already is made there, too."""
        made = {new: self._made[old] for new, old in enumerate(indexes) if old in self._made}
        return LazyEvents([self._values[index] for index in indexes], made)

    def __add__(self, other: "LazyEvents") -> "LazyEvents":
        """These and those behind them."""
        made = self._made | {len(self) + index: event for index, event in other._made.items()}
        return LazyEvents([*self._values, *other._values], made)
