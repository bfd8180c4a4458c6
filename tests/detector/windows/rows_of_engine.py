"""Windows as plain rows, so that tests can compare what two engines counted: key by key, to the bit."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.features import window_constants
from detector.windows import WindowEngine, layout, row_copies

STEP_BYTES = 1 << 24

Rows = dict[tuple[str, int], NDArray[Any]]
"""What was counted, by store and key."""


def counted(row: NDArray[Any], store: str) -> NDArray[Any]:
    """A row without what a partition did not count itself: remembered estimates, and what others said."""
    row = row.copy()
    if store in ("trunk", "origin"):
        plan = layout.PLANS[window_constants.TRUNK if store == "trunk" else window_constants.ORIGIN]
        row[layout.OTHERS_MS : plan.panes // 2] = 0
        row[plan.sketches_end // 8 :] = 0
    return row


def rows_in(parts: Iterable[Any], partition: int) -> Rows:
    """Every row of a partition in parts of a sweep, or in the rows of a snapshot."""
    found: Rows = {}
    for part in parts:
        mine = part.arrays["state"][:, row_copies.PARTITION_COLUMN] == partition
        for row in part.arrays["row"][mine]:
            found[part.store, int(row[layout.KEY])] = counted(row, part.store)
    return found


def rows_of(engine: WindowEngine, partition: int) -> Rows:
    """Every row that an engine has of a partition now."""
    sweep = engine.sweep()
    parts: list[Any] = []
    while not sweep.is_done:
        parts += sweep.step(STEP_BYTES)
    return rows_in(parts, partition)


def differences(expected: Rows, found: Rows) -> list[str]:
    """One line for each key that only one side has, or that both have with different counts."""
    lines = [f"{key} is missing" for key in expected.keys() - found.keys()]
    lines += [f"{key} should not be there" for key in found.keys() - expected.keys()]
    for key in expected.keys() & found.keys():
        if not np.array_equal(expected[key], found[key]):
            places = np.flatnonzero(expected[key] != found[key]).tolist()
            lines.append(f"{key} differs in 64-bit words {places}")
    return sorted(lines)
