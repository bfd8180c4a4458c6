"""What a run showed: the numbers of the table in docs/reliability.md, computed from what was sent and answered."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.faults.answers import Answer
from tests.faults.traffic import Sent

FRESH_S = 1.0
"""A call is decided as if nothing had happened when its decision is here this long after it was sent."""


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault.

    Attributes:
        begun_s: epoch seconds.
        ended_s: epoch seconds; the same for one that is over at once, as a kill is.
        in_flight: calls at the broker and not yet decided when it began.
        recovery_s: from its end until a fresh call was decided in every partition, seconds.
    """

    begun_s: float
    ended_s: float
    in_flight: int
    recovery_s: float


@dataclass(frozen=True, slots=True)
class Findings:
    """The numbers of one run.

    Attributes:
        injected: faults.
        events: acknowledged by the broker while the run lasted.
        in_flight: calls not yet decided when the faults began, all faults together.
        missing: call set-ups that never got a decision.
        contradicting: decision ids with two different answers, late ones aside, and calls with two decision ids.
        repeated: decisions that were published once more than needed.
        counts_wrong: keys whose windows differ from an offline replay of the log.
        late: decisions with reason late or overload.
        dead_letters: records refused.
        longest_gap_s: without a decision in some partition while calls came in.
        recovery_s: until a fresh call was decided in every partition, slowest fault.
    """

    injected: int
    events: int
    in_flight: int
    missing: int
    contradicting: int
    repeated: int
    counts_wrong: int
    late: int
    dead_letters: int
    longest_gap_s: float
    recovery_s: float


def missing(setups: Iterable[Sent], answers: Iterable[Answer]) -> set[str]:
    """Calls that were set up and never decided."""
    return {one.call_id for one in setups} - {one.call_id for one in answers}


def contradicting(answers: Iterable[Answer]) -> list[list[Answer]]:
    """Answers of each call with two decision ids, or that changed its mind; a late answer contradicts nothing."""
    by_call: dict[str, list[Answer]] = defaultdict(list)
    for one in answers:
        by_call[one.call_id].append(one)
    return [
        found
        for found in by_call.values()
        if len({one.decision_id for one in found}) > 1 or len({one.substance for one in found if not one.is_late}) > 1
    ]


def longest_gap_s(setups: Sequence[Sent], answers: Sequence[Answer], begin_s: float, end_s: float) -> float:
    """Longest time between two decisions of one partition of `call-events`, between the two instants."""
    partition_of = {one.call_id: one.partition for one in setups}
    times: dict[int, list[float]] = {partition: [begin_s] for partition in set(partition_of.values())}
    for one in answers:
        partition = partition_of.get(one.call_id)
        if partition is not None and begin_s <= one.arrived_s <= end_s:
            times[partition].append(one.arrived_s)
    return max(later - earlier for found in times.values() for earlier, later in pairwise(sorted([*found, end_s])))


def recovered_s(setups: Sequence[Sent], answers: Iterable[Answer], ended_s: float, partitions: int) -> float | None:
    """Seconds from the end of a fault until a later call was decided fresh in every partition; None = not yet."""
    sent = {one.call_id: one for one in setups if one.sent_s >= ended_s}
    first: dict[int, float] = {}
    for answer in answers:
        call = sent.get(answer.call_id)
        if call is None or answer.is_late or answer.arrived_s - call.sent_s > FRESH_S:
            continue
        first[call.partition] = min(answer.arrived_s, first.get(call.partition, answer.arrived_s))
    return max(first.values()) - ended_s if len(first) == partitions else None
