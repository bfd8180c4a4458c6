"""Resume at every offset of a short log, with another ownership of partitions, and go on as if nothing had happened.

The log in order of arrival; k runs over all of it, o and x are records of two partitions:

    log            o x o o x o x x o o x x o x o o x ...
    first worker   |-- decides k records ->|S          a snapshot of every partition, written and published
    group                                  S . . C     some more are committed
    others                                 |->|        each drops what it has, loads and catches up, ...
                                              |------> ... and decides the rest, in other batches and another order
    whole run      |--------------------------------->  one worker, never interrupted
"""

import asyncio
import json
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

from faust.types import TP

from detector.contract.decisions import Action
from streams.kafka.locating import Place
from streams.kafka.topics import CALL_EVENTS
from streams.state.snapshot_store import SnapshotStore
from streams.wire.record_columns import records_of
from tests.detector.windows.rows_of_engine import differences
from tests.histories.calls import Record, short_log
from tests.histories.memory_log import MemoryLog
from tests.histories.parts import Parts, make_parts, shipped
from tests.waiting import until

PARTITIONS = 4
EVENTS = 200
MOST_WORKERS = 3
MOST_MORE = 3
"""Records of a partition that are committed beyond its snapshot."""


class Group:
    """Committed offsets, and a generation that stays."""

    def __init__(self, committed: list[int]) -> None:
        self.offsets = committed

    def committed(self, partition: int) -> int:
        return self.offsets[partition]

    def generation(self) -> int:
        return 1


def decide(worker: Parts, records: list[Record]) -> dict[tuple[int, str], tuple[Any, ...]]:
    """Decide records as one batch; what was said of each call, by partition and decision id."""
    batch = worker.pipeline.process(
        records_of([one.value for one in records], [one.partition for one in records], [one.at_ms for one in records]),
        decided_time_ms=0,
    )
    for one in records:
        worker.state.processed(one.partition, one.offset + 1)
    calls, said = batch.screening.calls, map(json.loads, batch.answers.decisions)
    homes = [worker.home(calls.text(row, "calling_number")) for row in range(len(calls))]
    return {
        (home, one["decision_id"]): (one["call_id"], one["action"], one["score"], one["decided_by"])
        for home, one in zip(homes, said, strict=True)
    }


def in_batches(chance: Random, records: list[Record], most: int) -> list[list[Record]]:
    found, at = [], 0
    while at < len(records):
        size = chance.randint(1, most)
        found.append(records[at : at + size])
        at += size
    return found


def shared_out(chance: Random) -> list[list[int]]:
    """Partitions of two workers or three, in the order in which each of them gets its own."""
    order = chance.sample(range(PARTITIONS), PARTITIONS)
    cuts = sorted(chance.sample(range(1, PARTITIONS), chance.randint(1, 2)))
    return [order[start:stop] for start, stop in zip([0, *cuts], [*cuts, PARTITIONS], strict=True)]


async def resume(worker: Parts, partitions: list[int], committed: list[int]) -> None:
    """Take partitions over, as one who has none of their state."""
    await worker.recovery.halt()
    await worker.durability.take_over([])
    await worker.durability.take_over(partitions)
    for partition in partitions:
        await worker.durability.begin({TP(CALL_EVENTS, partition): Place(committed[partition], None)})
    await until(lambda: set(worker.durability.ready) == set(partitions))


def test_a_worker_that_resumes_anywhere_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    """Windows to the bit, the policy's memory, and every decision: id, action, score and step."""
    asyncio.run(everywhere(tmp_path))


async def everywhere(folder: Path) -> None:
    records = short_log(EVENTS, partitions=PARTITIONS, seed=23)
    log = MemoryLog(PARTITIONS, records)
    store, spool = SnapshotStore(str(folder / "snapshots")), folder / "spool"
    spool.mkdir()

    whole = make_parts(log, store, spool, Group([]), shipped())
    expected = decide_all(whole, in_batches(Random(1), records, 40))
    rows, memory = [whole.rows(p) for p in range(PARTITIONS)], [whole.memory(p) for p in range(PARTITIONS)]
    assert_worth_it(expected, whole)

    first_stands = Group([0] * PARTITIONS)
    first = make_parts(log, store, spool, first_stands, shipped())
    await resume(first, list(range(PARTITIONS)), first_stands.offsets)
    stands = Group([])
    others = [make_parts(log, store, spool, stands, shipped()) for _ in range(MOST_WORKERS)]
    for k in range(EVENTS + 1):
        chance = Random(k)
        await first.snapshots.hand_over()
        at = list(first_stands.offsets)
        committed = [min(log.end(p), at[p] + chance.randint(0, MOST_MORE)) for p in range(PARTITIONS)]
        found: dict[tuple[int, str], tuple[Any, ...]] = {}
        for worker, partitions in zip(others, shared_out(chance), strict=False):
            await resume(worker, partitions, committed)
            assert worker.recovery.warm_starts == 0, k
            rest = [one for one in shuffled(chance, log, partitions) if one.offset >= committed[one.partition]]
            found |= decide_all(worker, in_batches(chance, rest, 40))
            for p in partitions:
                assert differences(rows[p], worker.rows(p)) == [], (k, p)
                assert list(worker.memory(p).held.items()) == list(memory[p].held.items()), (k, p)
                assert worker.memory(p).standing == memory[p].standing, (k, p)
        later = {(p, one) for p in range(PARTITIONS) for one in decided_from(log, p, committed[p])}
        assert found == {key: said for key, said in expected.items() if (key[0], said[0]) in later}, k
        if k < EVENTS:
            decide(first, [records[k]])
            first_stands.offsets[records[k].partition] += 1


def shuffled(chance: Random, log: MemoryLog, partitions: list[int]) -> list[Record]:
    """Records of these partitions: each in its order, and they among each other in any."""
    left = {p: iter(log.records[p]) for p in partitions}
    turns = list(chain.from_iterable([p] * log.end(p) for p in partitions))
    chance.shuffle(turns)
    return [next(left[p]) for p in turns]


def decide_all(worker: Parts, batches: list[list[Record]]) -> dict[tuple[int, str], tuple[Any, ...]]:
    found: dict[tuple[int, str], tuple[Any, ...]] = {}
    for batch in batches:
        said = decide(worker, batch)
        assert not found.keys() & said.keys(), "one call, one id, one decision"
        found |= said
    return found


def decided_from(log: MemoryLog, partition: int, offset: int) -> list[str]:
    """Ids of the calls that are set up from there on."""
    return [one.call_id for one in log.records[partition][offset:] if one.call_id]


def assert_worth_it(expected: dict[tuple[int, str], tuple[Any, ...]], whole: Parts) -> None:
    """The log must bring about all that could get lost."""
    actions = [said[1] for said in expected.values()]
    steps = {said[3] for said in expected.values()}
    assert {Action.ALLOW, Action.LABEL, Action.BLOCK} <= set(actions), actions
    assert {"model", "entity_block", "allow"} <= steps, steps
    held = [one for p in range(PARTITIONS) for one in whole.memory(p).held.values()]
    assert len(held) > PARTITIONS
    assert any(one.blocks_ms for one in held)
    assert any(whole.memory(p).standing for p in range(PARTITIONS))
