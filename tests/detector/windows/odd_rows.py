"""Rows in which one byte was changed, loaded and then used by everything: a program, for the test of `row_check`.

Started with NUMBA_BOUNDSCHECK=1 compiled code raises where it would leave an array. Prints how many rows were refused
and how many were used.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.columns.call_columns import build_batch
from detector.contract.events import CallEnd, CallEvent, CallSetup
from detector.windows import WindowEngine, WindowSettings, key_store, layout
from detector.windows.row_check import check_rows
from detector.windows.row_copies import RowCopies
from detector.windows.sweep import SweptRows

START_MS = 1_764_000_000_000
GROUPS = 64
"""Callers, each with a trunk group, an origin, a block and a called number of its own; as many that call once."""
SETTINGS = WindowSettings(256, 512, 256, 1_024, 256, 2_048, seed=7, partitions=1)
HEAD = 8 * layout.OTHERS_MS + 80
"""Bytes of a row that are no panes and sketches: each is changed, of the others one in `STEP`."""
STEP = 23
CHANGES = (lambda byte: byte ^ 0xFF, lambda byte: byte ^ 0x80, lambda byte: (byte + 9) & 0xFF)


def call(group: int, at_ms: int, *, once: bool = False) -> CallSetup:
    """A call of a group; of those that call once, each to another number."""
    return CallSetup(
        call_id="c",
        setup_time_ms=START_MS + at_ms,
        calling_number=f"+1{213 if once else 212}{200 + group:03}1111",
        called_number=f"+1310{300 + group:03}{2222 if once else 3333}",
        trunk_group_id=f"trunk-{group}",
        signer_spc=str(group),
    )


def history(from_ms: int) -> Iterator[CallEvent]:
    """Calls enough for exact ones, panes and sketches, some with an end; a call of everybody who calls once."""
    for turn in range(12):
        for group in range(GROUPS):
            made = call(group, from_ms + 20_000 * turn + group)
            yield made
            if turn % 2:
                yield CallEnd(
                    call_id="c",
                    setup_time_ms=made.setup_time_ms,
                    end_time_ms=made.setup_time_ms + 9_000,
                    answer_time_ms=made.setup_time_ms + 4_000,
                    calling_number=made.calling_number,
                    called_number=made.called_number,
                    trunk_group_id=made.trunk_group_id,
                    sip_status=200,
                )
    for group in range(GROUPS):
        yield call(group, from_ms + 300_000, once=True)


def feed(engine: WindowEngine, events: list[CallEvent]) -> None:
    """Count and read."""
    kinds = [isinstance(event, CallSetup) for event in events]
    engine.update(build_batch(events, kinds, seed=SETTINGS.seed))


def swept(engine: WindowEngine) -> list[SweptRows]:
    """All rows."""
    sweep, parts = engine.sweep(), list[SweptRows]()
    while not sweep.is_done:
        parts += sweep.step(1 << 22)
    return parts


@dataclass(frozen=True)
class Store:
    """Rows of one store, as they were written."""

    name: str
    plan: NDArray[np.int64]
    state: NDArray[np.int64]
    row: NDArray[np.int64]

    @property
    def offsets(self) -> list[int]:
        """Which bytes are changed."""
        size = 8 * self.row.shape[1]
        return [*range(min(HEAD, size)), *range(HEAD, size, STEP)]


def changed(store: Store, turn: int, change: int) -> tuple[SweptRows, int]:
    """The rows with another byte changed in each, as far as they are not refused; and how many were."""
    row, state = store.row.copy(), store.state.copy()
    kept = np.ones(len(row), np.bool_)
    for place in range(len(row)):
        offset = store.offsets[(turn * len(row) + place) % len(store.offsets)]
        single = row[place].view(np.uint8)
        single[offset] = CHANGES[change](int(single[offset]))
        try:
            check_rows(store.plan, RowCopies(state[place : place + 1], row[place : place + 1]))
        except ValueError:
            kept[place] = False
    return SweptRows(store.name, {"state": state[kept], "row": row[kept]}), int((~kept).sum())


def use(engine: WindowEngine, parts: list[SweptRows], names: dict[int, str], at_ms: int) -> None:
    """Load, count, read, look up, share, copy and forget."""
    for _ in engine.load(0, parts, names):
        pass
    feed(engine, list(history(at_ms)))
    engine.number_counts("+12122001111", START_MS + at_ms)
    shares = engine.trunk_shares(0)
    for trunk, share in list(shares.items())[:8]:
        engine.set_trunk_others(trunk, {0: share}, [next(iter(shares.values()))])
    feed(engine, [call(group, at_ms + 400_000) for group in range(GROUPS)])
    swept(engine)
    engine.forget_partition(0)
    if any(engine.tracked().values()):
        raise SystemExit(f"a row stayed: {engine.tracked()}")


def main() -> None:
    """Change every byte of the head of each kind of row, and a sample of the rest."""
    engine = WindowEngine(SETTINGS)
    feed(engine, list(history(0)))
    for trunk, share in engine.trunk_shares(0).items():
        engine.set_trunk_others(trunk, {0: share}, [share])
    whole, names = swept(engine), engine.sweep().names
    engine.forget_partition(0)
    stores = []
    for name, store in engine._families._asdict().items():
        mine = [part.arrays for part in whole if part.store == name]
        rows = [np.concatenate([part[array] for part in mine]).astype(np.int64) for array in ("state", "row")]
        stores.append(Store(name, store.plan, *rows))
        assert rows[1].shape[1] == store.w64.shape[1]
        assert key_store.row_bytes(store) == 8 * rows[1].shape[1]
    turns = max(-(-len(store.offsets) // len(store.row)) for store in stores)
    refused = used = 0
    for change in range(len(CHANGES)):
        for turn in range(turns):
            parts = []
            for store in stores:
                part, gone = changed(store, turn, change)
                refused += gone
                used += len(part.arrays["row"])
                parts.append(part)
            use(engine, parts, names, (0, 600_000, 100_000_000)[turn % 3])
    sys.stdout.write(json.dumps({"refused": refused, "used": used, "stores": len(stores)}))


if __name__ == "__main__":
    main()
