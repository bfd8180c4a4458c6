"""What was answered to the latest call setups, so that one that comes twice is answered as it was the first time.

A producer without idempotence writes a record again when it does not know that the broker has it. The windows count
such a record once (`streams.screening.seen_events`), the policy does not look at it, and its answer says the same under
the same decision id. It is remembered by partition, as a function of its log; so it goes where the windows go.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Flags, Ints
from detector.columns.batch_columns import BatchColumns
from detector.columns.call_columns import CallBatch
from detector.columns.compiled import compiled_borrowing, entry_point
from detector.contract.decisions import Outcome
from detector.contract.sip import with_identifier
from detector.policy.screening import Screening
from detector.policy.unjudged import REPEATED
from streams.screening.seen_events import KEPT, Looked, SeenEvents, grown

_KNOWN, _SHADOW, _HAS_OUTCOME = 1, 2, 4
"""Bits of what is known of the answer to an event; of an end, and of a setup that was only counted, there is none."""
_encode = msgspec.msgpack.Encoder().encode
decode_outcome = msgspec.msgpack.Decoder(Outcome).decode


class Again(NamedTuple):
    """What `Repeats.look` found in a batch.

    Attributes:
        events: Of the batch.
        looked: What is known of them.
        rows: Rows of the call setups that came before, ascending.
    """

    events: CallBatch
    looked: Looked
    rows: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """What is remembered of one partition, the earliest of n events first; at most `seen_events.KEPT`.

    Attributes:
        keys: Of the events, shape (n,) int64.
        scores: Of their answers, shape (n,) float64.
        states: What is known of their answers, shape (n,) uint8.
        outcomes: Encoded outcomes by place among the events; of those that were simply allowed there is none.
    """

    keys: Ints
    scores: NDArray[np.float64]
    states: NDArray[np.uint8]
    outcomes: dict[int, bytes]

    def is_whole(self) -> bool:
        """Whether there is an outcome of each event that says so, and of no other."""
        said = (self.states & _HAS_OUTCOME).nonzero()[0].tolist()
        return len(self.keys) == len(self.scores) == len(self.states) and self.outcomes.keys() == set(said)

    @classmethod
    def nothing(cls) -> "Remembered":
        """No event."""
        return cls(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.uint8), {})


class Repeats:
    """Finds repeats, and has the answers to what came first. One batch at a time, from one thread.

    Memory of a partition: 0.4 MB, and some 400 bytes for each of its latest `KEPT` events whose call was not simply
    allowed.

    Args:
        seed: Of the hashes of keys; the same as of the columns.
    """

    def __init__(self, seed: int) -> None:
        self._seen = SeenEvents(seed)
        self._scores: NDArray[np.float64] = np.zeros((0, KEPT))
        self._outcomes: list[dict[int, bytes]] = []
        self._note: Callable[..., object] | None = None

    def look(self, columns: BatchColumns) -> Again:
        """Find what came before, and have it counted nowhere. Called once for each batch, before anything counts it."""
        events = columns.events
        looked = self._seen.look(events)
        self._reserve()
        rows: list[int] = looked.is_repeat[events.is_setup].nonzero()[0].tolist() if looked.setups else []
        return Again(events, looked, rows)

    def settle(self, screening: Screening, again: Again, passed: Collection[int]) -> None:
        """Remember the answers to what came first, and give them to what came again.

        Args:
            screening: Of the batch, with an outcome for each repeat; changed in place.
            again: From `look`, of the same batch.
            passed: Rows that are not judged for a reason of their own; they stay as they are.
        """
        (slots, is_repeat, *_), events, states = again.looked, again.events, self._seen.states
        columns = np.ascontiguousarray(events.partition), slots, events.is_setup, is_repeat
        arguments = columns, screening.scores, screening.is_shadow, self._scores, states
        if self._note is None:
            self._note = entry_point(_note, arguments)
        self._note(*arguments)
        if not screening.decided:
            return
        at = events.is_setup.nonzero()[0]
        partition_of, slot_of = events.partition[at].item, slots[at].item
        for row, outcome in screening.decided.items():
            if not is_repeat[at[row]]:
                states[partition_of(row), slot_of(row)] |= _HAS_OUTCOME
                self._outcomes[partition_of(row)][slot_of(row)] = _encode(outcome)
        for row in again.rows:
            if row not in passed:
                self._tell_again(screening, row, partition_of(row), slot_of(row))

    def _tell_again(self, screening: Screening, row: int, partition: int, slot: int) -> None:
        state = self._seen.states.item(partition, slot)
        if not state & _KNOWN:
            return
        screening.is_shadow[row] = bool(state & _SHADOW)
        screening.scores[row] = self._scores[partition, slot]
        if state & _HAS_OUTCOME:
            outcome = decode_outcome(self._outcomes[partition][slot])
            if outcome.sip is not None:  # a build of before may have made another id of the call
                outcome = replace(outcome, sip=with_identifier(outcome.sip, screening.calls.identifier(row)))
            screening.decided[row] = outcome
        else:
            del screening.decided[row]

    def _reserve(self) -> None:
        """Have room for as many partitions as are heard of."""
        more = len(self._seen.states) - len(self._outcomes)
        if more:
            used = self._seen.used()
            self._scores = grown(self._scores, len(self._seen.states), used[used < len(self._outcomes)])
            self._outcomes += [{} for _ in range(more)]

    def copy(self, partition: int) -> Remembered:
        """Copy what is remembered of a partition as it is now: a fraction of a millisecond."""
        order = self._seen.order(partition)
        if not len(order):
            return Remembered.nothing()
        states, held = self._seen.states[partition, order], self._outcomes[partition]
        places = (states & _HAS_OUTCOME).nonzero()[0].tolist()
        outcomes = {place: held[order.item(place)] for place in places}
        return Remembered(self._seen.keys(partition), self._scores[partition, order], states, outcomes)

    def restore(self, partition: int, remembered: Remembered) -> None:
        """Remember of a partition what was copied, and nothing else."""
        self.forget(partition)
        slots, first = self._seen.restore(partition, remembered.keys), max(0, len(remembered.keys) - KEPT)
        self._reserve()
        self._scores[partition, slots] = remembered.scores[first:]
        self._seen.states[partition, slots] = remembered.states[first:]
        self._outcomes[partition] = {place - first: one for place, one in remembered.outcomes.items() if place >= first}

    def forget(self, partition: int) -> None:
        """Remember nothing of a partition."""
        self._seen.forget(partition)
        if partition < len(self._outcomes):
            self._outcomes[partition] = {}


def placeholders(again: Again) -> dict[int, Outcome]:
    """What keeps the policy from looking at repeats, and what they say where the first answer is not known."""
    return dict.fromkeys(again.rows, REPEATED)


@compiled_borrowing
def _note(
    columns: tuple[Ints, Ints, Flags, Flags],
    scores: NDArray[np.float64],
    is_shadow: Flags,
    all_scores: NDArray[np.float64],
    states: NDArray[np.uint8],
) -> None:
    """Note the answer to each call setup that came first, but for its outcome."""
    partition, slots, is_setup, is_repeat = columns
    row = 0
    for event in range(len(slots)):
        if not is_setup[event]:
            continue
        if not is_repeat[event]:
            all_scores[partition[event], slots[event]] = scores[row]
            states[partition[event], slots[event]] = _KNOWN | (_SHADOW if is_shadow[row] else 0)
        row += 1
