"""What a cluster knows, as far as a worker's promises hang on it: one topic, a group with generations, and decisions.

It keeps the books that `tests.histories.world` judges by, and it does what Kafka does: a decision is stored whoever
sends it; offsets are taken from a member of the present generation alone, whatever they are.
"""

import json
from collections.abc import Callable, Collection, Iterable
from random import Random
from typing import Any

from aiokafka.record.memory_records import MemoryRecords

from tests.histories.calls import Record
from tests.histories.memory_log import MemoryLog


class Broken(AssertionError):
    """A promise was broken."""


def said_of(value: bytes) -> tuple[str, Any]:
    """Id of a call's decision, and what a repeat of it must repeat."""
    one = json.loads(value)
    return one["decision_id"], (one["action"], one["score"], one["decided_by"])


class ModelBroker:
    """One of them is one history.

    Args:
        partitions: of `call-events`.
        records: come one after the other, `append` by `append`.
        repeats_agree: whether a repeated decision must say what the first one said.
    """

    def __init__(self, partitions: int, records: Iterable[Record], *, repeats_agree: Callable[[], bool]) -> None:
        self.log = MemoryLog(partitions)
        self._repeats_agree = repeats_agree
        self._to_come = iter(records)
        self.decided: dict[str, tuple[str, Any]] = {}
        """By call id: decision id, and what was said first."""
        self.stored = 0
        self.broken: list[str] = []
        self.committed: dict[int, int] = {}
        self.generation = 0
        self.members: dict[str, frozenset[int]] = {}
        self.joining: set[str] = set()
        self.is_preparing = False

    def blame(self, what: str) -> None:
        """Note what is broken: whoever called may catch the error, as a worker does with most."""
        self.broken.append(what)
        raise Broken(what)

    def append(self, count: int) -> None:
        """Bring more records."""
        for _, record in zip(range(count), self._to_come, strict=False):
            self.log.records[record.partition].append(record)

    # Decisions

    def store(self, batch: bytes) -> None:
        """Take a batch of decisions."""
        records = MemoryRecords(batch)
        while records.has_next():
            for record in records.next_batch():
                call_id = json.loads(record.value)["call_id"]
                first, said = self.decided.setdefault(call_id, said_of(record.value)), said_of(record.value)
                self.stored += 1
                if first[0] != said[0]:
                    self.blame(f"two ids of {call_id}: {first[0]} and {said[0]}")
                if self._repeats_agree() and first[1] != said[1]:
                    self.blame(f"{call_id} was decided {first[1]} and then {said[1]}")

    # The group

    def join(self, member: str) -> None:
        """Ask to be in the next generation."""
        self.joining.add(member)
        self.is_preparing = True

    def leave(self, member: str) -> None:
        """Say that one is gone."""
        self.joining.discard(member)
        if self.members.pop(member, None) is not None:
            self.is_preparing = True

    def must_rejoin(self, member: str) -> bool:
        """What a heartbeat is answered."""
        return member not in self.joining and (self.is_preparing or member not in self.members)

    def complete(self, chance: Random) -> None:
        """Begin the next generation, of those that asked; the others are members no more. Partitions fall anyhow."""
        if not (self.is_preparing and self.joining):
            return
        names = sorted(self.joining)
        owner = {partition: chance.choice(names) for partition in range(self.log.partitions)}
        self.members = {one: frozenset(p for p, name in owner.items() if name == one) for one in names}
        self.generation += 1
        self.joining.clear()
        self.is_preparing = False

    def commit(self, member: str, generation: int, offsets: dict[int, int]) -> bool:
        """Take offsets."""
        if generation != self.generation or member not in self.members:
            return False
        for partition, offset in offsets.items():
            self._look_at(partition, offset)
            self.committed[partition] = offset
        return True

    def _look_at(self, partition: int, offset: int) -> None:
        before = self.committed.get(partition, 0)
        if offset < before:
            self.blame(f"the offset of partition {partition} went back from {before} to {offset}")
        unanswered = self.undecided([partition], offset)
        if unanswered:
            self.blame(f"offset {offset} of partition {partition} is taken, and {unanswered} were not answered")

    def undecided(self, partitions: Collection[int], below: int | None = None) -> list[str]:
        """Calls that were set up and not answered."""
        records = (record for p in partitions for record in self.log.records[p][:below])
        return [record.call_id for record in records if record.call_id and record.call_id not in self.decided]
