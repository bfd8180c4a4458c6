"""Windows of a few keys, their rows, and all that may happen to them while a sweep copies them."""

from collections.abc import Sequence

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.columns.call_columns import CallBatch, build_batch
from detector.contract.events import CallEvent, CallSetup
from detector.windows import WindowEngine, WindowSettings, key_store, layout
from detector.windows.sweep import SweptRows
from tests.detector.windows.test_engine import NUMBERS, histories

TINY = WindowSettings(2, 4, 2, 8, 2, 8, seed=7, partitions=2)
"""So small that keys of every family have to go."""
ROOMY = WindowSettings(64, 64, 16, 256, 16, 256, seed=7, partitions=2)
FEW = settings(max_examples=60)

Rows = dict[tuple[str, int], NDArray[np.int64]]
gaps = st.integers(-2_000_000, 4_000_000) | st.sampled_from((0, 1, 10_000, 90_000_000))


def home(event: CallEvent) -> int:
    return NUMBERS.index(event.calling_number) % 2


def batch_of(events: Sequence[CallEvent], seed: int = 7) -> CallBatch:
    return build_batch(
        events, [isinstance(event, CallSetup) for event in events], [home(event) for event in events], seed=seed
    )


def rows_of(engine: WindowEngine) -> Rows:
    """A deep copy of every row, found by following the links from the longest idle one on."""
    rows: Rows = {}
    for name, store in engine._families._asdict().items():
        slot = int(store.scalars[key_store.OLDEST])
        while slot >= 0:
            row = store.w64[slot].copy()
            slot = int(store.w32[slot, layout.NEWER])
            row[layout.LINKS_WORD] = 0
            row[layout.PARTITION_WORD] &= layout.EPOCH_MASK
            rows[name, int(row[layout.KEY])] = row
    return rows


def rows_in(parts: Sequence[SweptRows]) -> Rows:
    rows: Rows = {}
    for part in parts:
        for row in part.arrays["row"]:
            key = int(row[layout.KEY])
            assert (part.store, key) not in rows
            rows[part.store, key] = row
    return rows


def assert_same(rows: Rows, expected: Rows) -> None:
    assert rows.keys() == expected.keys()
    for key, row in expected.items():
        np.testing.assert_array_equal(rows[key], row, err_msg=str(key))


def swept(engine: WindowEngine) -> tuple[list[SweptRows], dict[int, str]]:
    sweep = engine.sweep()
    parts = []
    while not sweep.is_done:
        parts += sweep.step(10_000)
    return parts, sweep.names


def share_of(events: Sequence[CallEvent]) -> bytes | None:
    other = WindowEngine(ROOMY)
    other.update(batch_of(events))
    return next(iter(other.trunk_shares(0).values()), None)


def tell_others(engine: WindowEngine, trunk: str, partition: int, share: bytes | None) -> None:
    """Have a partition know what another one counted; nothing where either has nothing of the trunk group."""
    engine.recount_trunks(partition)
    own = engine.trunk_shares(partition).get(trunk)
    if own is not None and share is not None:
        assert engine.set_trunk_others(trunk, {partition: own}, [share]) == 1


@st.composite
def interruptions(draw: st.DrawFn) -> list[tuple[object, ...]]:
    """What may happen between the start of a sweep and its end, in any order."""
    anything = st.one_of(
        st.tuples(st.just("update"), histories(gaps, most=6)),
        st.tuples(st.just("count"), histories(gaps, most=6)),
        st.tuples(st.just("others"), st.sampled_from(("T1", "T2")), st.integers(0, 1), histories(gaps, most=2)),
        st.tuples(st.just("forget"), st.integers(0, 1)),
        st.tuples(st.just("load"), st.integers(0, 1), histories(gaps, most=6)),
        st.tuples(st.just("step"), st.sampled_from((1, 500, 7_000, 60_000))),
    )
    return draw(st.lists(anything, max_size=12))


def interrupt(engine: WindowEngine, step: tuple[object, ...]) -> None:
    match step:
        case ("update", list(events)):
            engine.update(batch_of(events))
        case ("count", list(events)):
            engine.count(batch_of(events))
        case ("others", str(trunk), int(partition), list(events)):
            tell_others(engine, trunk, partition, share_of(events))
        case ("forget", int(partition)):
            engine.forget_partition(partition)
        case ("load", int(partition), list(events)):
            other = WindowEngine(ROOMY)
            other.update(batch_of(events))
            list(engine.load(partition, *swept(other)))
        case _:
            raise AssertionError(step)
