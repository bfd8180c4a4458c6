"""Windows as plain rows, so that tests can compare what two engines counted: key by key, to the bit."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.windows import WindowEngine, slots

COUNTED = ("ring", "panes", "totals", "sketches")
"""What a partition counted itself; the rest of a row is links, estimates, and what others said."""
BESIDES = (slots.OLDER, slots.NEWER, slots.EPOCH, slots.OTHERS_MS)
STEP_BYTES = 1 << 24

Rows = dict[tuple[str, int], dict[str, NDArray[Any]]]
"""What was counted, by store and key."""


def rows_in(blocks: Iterable[Any], partition: int) -> Rows:
    """Every row of a partition in blocks of a sweep, or in the rows of a snapshot."""
    found: Rows = {}
    for block in blocks:
        mine = block.arrays["state"][:, slots.PARTITION] == partition
        state = block.arrays["state"][mine]
        present = {name: block.arrays[name][mine] for name in COUNTED if name in block.arrays}
        present["state"] = np.delete(state, BESIDES, axis=1)
        for row, key in enumerate(state[:, slots.KEY].tolist()):
            found[block.store, key] = {name: array[row] for name, array in present.items()}
    return found


def rows_of(engine: WindowEngine, partition: int) -> Rows:
    """Every row that an engine has of a partition now."""
    sweep = engine.sweep()
    blocks: list[Any] = []
    while not sweep.is_done:
        blocks += sweep.step(STEP_BYTES)
    return rows_in(blocks, partition)


def differences(expected: Rows, found: Rows) -> list[str]:
    """One line for each key that only one side has, or that both have with different counts."""
    lines = [f"{key} is missing" for key in expected.keys() - found.keys()]
    lines += [f"{key} should not be there" for key in found.keys() - expected.keys()]
    for key in expected.keys() & found.keys():
        unequal = [
            name for name, array in expected[key].items() if not np.array_equal(array, found[key].get(name, array[:0]))
        ]
        if unequal:
            lines.append(f"{key} differs in {', '.join(unequal)}")
    return sorted(lines)
