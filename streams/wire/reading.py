"""Read a batch of call events as they come from the topic: good ones in order, refused ones with their reason.

The scan takes all plain records at once (`streams.wire.scan`), the decoder takes what is left, one by one
(`streams.wire.decoder`). It knows no transport.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from detector.columns.arrays import Ints
from detector.columns.facts import Facts, concatenate, facts_of, put, texts_of
from streams.wire.decoder import decode
from streams.wire.lazy_events import LazyEvents
from streams.wire.record_columns import Records, records_of
from streams.wire.records import SetupRecord, encode
from streams.wire.refusals import Rejected
from streams.wire.repairs import Repair
from streams.wire.scan import scan
from streams.wire.scan_tables import ODD


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A batch as read: n events in the order of their records, and what was refused.

    Attributes:
        facts: What the events say, with their texts as JSON; columns are made of it.
        events: The events, each made of its bytes when somebody asks for it.
        positions: Shape (n,) int64: index of each event's record in the batch, ascending.
        partitions: Shape (n,) int64: partition that each came from.
        arrivals_ms: Shape (n,) int64: when each arrived, epoch milliseconds; 0 or less where nobody knows.
        rejected: The refused records, in order.
        repairs: What was put right in the events, and how often.
    """

    facts: Facts
    events: LazyEvents
    positions: Ints
    partitions: Ints
    arrivals_ms: Ints
    rejected: list[Rejected]
    repairs: Counter[Repair] = field(default_factory=Counter)

    def take(self, indexes: Sequence[int] | Ints) -> "Reading":
        """Pick some of the events; everything that was refused stays, and what was put right."""
        at = np.array(indexes, dtype=np.int64)
        return Reading(
            self.facts.take(at),
            self.events.take(at),
            self.positions[at],
            self.partitions[at],
            self.arrivals_ms[at],
            self.rejected,
            self.repairs,
        )


def read(records: Records) -> Reading:
    """Read a batch. Called once for each batch; linear in the bytes, never blocks.

    Never raises for what a record holds. What it raises is a bug of ours, and nothing has a trace of the batch yet.
    """
    scanned = scan(records)
    everything = np.arange(len(records))
    if not scanned.odd:
        events = LazyEvents(records, everything, {})
        return Reading(scanned.facts, events, everything, records.partitions, records.arrivals_ms, [])
    return _with_odd(records, scanned.facts, np.flatnonzero(scanned.verdicts == ODD))


def _with_odd(records: Records, facts: Facts, odd: Ints) -> Reading:
    """Put what the decoder makes of the odd records in their places."""
    decoded = decode(records, odd)
    made = list(decoded.events.values())
    if made:
        kinds = [type(event) is SetupRecord for event in made]
        facts = put(facts, list(decoded.events), texts_of(facts_of(made, kinds), encode))
    everything = np.arange(len(records))
    events = LazyEvents(records, everything, decoded.events)
    reading = Reading(
        facts, events, everything, records.partitions, records.arrivals_ms, decoded.rejected, decoded.repairs
    )
    refused = [rejected.position for rejected in decoded.rejected]
    return reading.take(np.delete(everything, refused)) if refused else reading


def join(records: Records, parts: Sequence[tuple[int, Reading]]) -> Reading:
    """Join records that were read one by one to one batch.

    Args:
        records: The batch.
        parts: The position of each record that could be read, ascending, and what was read of it alone, from a
            buffer of its own: the buffers are joined.
    """
    made = {position: part.events[0] for position, part in parts if len(part.positions)}
    at = np.array(list(made), dtype=np.int64)
    return Reading(
        concatenate([part.facts for _, part in parts]) if parts else read(records_of([])).facts,
        LazyEvents(records, at, made),
        at,
        records.partitions[at],
        records.arrivals_ms[at],
        [replace(refused, position=position) for position, part in parts for refused in part.rejected],
        sum((part.repairs for _, part in parts), Counter()),
    )


def warm() -> None:
    """Compile everything, or load it from the cache, so that the first record does not wait."""
    read(records_of([b"{}"]))
