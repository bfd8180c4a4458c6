"""Windows as plain rows, so that tests can compare what two engines counted: key by key, to the bit."""

from collections.abc import Iterable

from detector.windows import WindowEngine, slots
from detector.windows.sweeping import Block

COUNTED = ("ring", "panes", "totals", "sketches")
"""What a partition counted itself; the rest of a row is links, estimates, and what others said."""
BESIDES = (slots.PARTITION, slots.OLDER, slots.NEWER, slots.EPOCH, slots.OTHERS_MS)

Rows = dict[tuple[str, int], bytes]


def rows_of_blocks(blocks: Iterable[Block], partition: int) -> Rows:
    """Content of every row of a partition, by store and key."""
    found: Rows = {}
    for block in blocks:
        mine = block.of(partition)
        state = mine.arrays["state"].copy()
        keys = state[:, slots.KEY].tolist()
        state[:, BESIDES] = 0
        for row, key in enumerate(keys):
            counted = [mine.arrays[name][row].tobytes() for name in COUNTED if name in mine.arrays]
            found[(mine.store, key)] = b"".join([state[row].tobytes(), *counted])
    return found


def rows_of(engine: WindowEngine, partition: int) -> Rows:
    """Content of every row that an engine has of a partition now."""
    sweep = engine.sweep()
    blocks = []
    while not sweep.is_done:
        blocks += sweep.step(1 << 24)
    return rows_of_blocks(blocks, partition)


def different(one: Rows, other: Rows) -> int:
    """How many keys are in one of them only, or have other content."""
    return sum(one.get(key) != other.get(key) for key in one.keys() | other.keys())
