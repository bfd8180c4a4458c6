"""Events that are made of their bytes only when somebody asks for them, which for nearly every call is never."""

from collections.abc import Sequence

from detector.columns.arrays import Ints
from detector.columns.lazy_sequence import LazySequence
from detector.contract.events import CallEvent
from streams.wire.record_columns import Records
from streams.wire.records import EVENT_DECODER


class LazyEvents(LazySequence[CallEvent]):
    """Events of a batch by index, each decoded at most once.

    Whoever asks for an event knows that the decoder accepts its record: else asking raises what the decoder raises.
    What needs a repair is among those that are there already: the scan leaves it to the decoder.

    Args:
        records: Hold their bytes.
        positions: Of the record of each, shape (n,).
        made: Those events that are there already, by the position of their record. Shared with `take`, and filled.
    """

    __slots__ = ("_made", "_positions", "_records")

    def __init__(self, records: Records, positions: Ints, made: dict[int, CallEvent]) -> None:
        self._records = records
        self._positions = positions
        self._made = made

    def __len__(self) -> int:
        """Number of events."""
        return len(self._positions)

    def _make(self, index: int) -> CallEvent:
        position = self._positions.item(index)
        event = self._made.get(position)
        if event is None:
            event = self._made[position] = EVENT_DECODER.decode(self._records.value(position) or b"")
        return event

    def __repr__(self) -> str:
        """How many, and how many of them made; nothing of what they hold."""
        return f"LazyEvents({len(self)}, {len(self._made)} made)"

    def take(self, indexes: Sequence[int] | Ints) -> "LazyEvents":
        """Pick some of the events; what is made of them already is made there, too."""
        return LazyEvents(self._records, self._positions[indexes], self._made)
