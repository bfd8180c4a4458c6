"""What one partition counted for one trunk group, in a form that other partitions can add to their own.

A share carries absolute values aligned by absolute pane number, so writing or importing one again changes nothing. Sums
of panes and maxima of time-stamped sketch registers give what a single counter of all partitions would hold.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector.windows import slots
from detector.windows.slots import Store

_MAGIC = b"RTS1"
_HEADER = struct.Struct("<4sqHHHHIH")
_SHAPE = spec.SHAPES[spec.TRUNK]
PANES_SHAPE = (spec.N_WINDOWS, spec.N_PANES, len(_SHAPE.measures))
SKETCHES_SHAPE = (_SHAPE.items, _SHAPE.levels * _SHAPE.width)
_PANES_BYTES = 4 * PANES_SHAPE[0] * PANES_SHAPE[1] * PANES_SHAPE[2]
_SKETCHES_BYTES = 4 * SKETCHES_SHAPE[0] * SKETCHES_SHAPE[1]
LONGEST_NAME_BYTES = 1_024
"""256 characters (the contract's limit) of at most 4 bytes each."""


@dataclass(frozen=True, slots=True, eq=False)
class TrunkShare:
    """Counts of one trunk group.

    Attributes:
        trunk_group_id: The trunk group, as in the events.
        latest_ms: Latest event time counted; the last pane of each window is the one that holds it.
        panes: `PANES_SHAPE` uint32, oldest pane first, measures in the order of `detector.measures.MEASURES`.
        sketches: `SKETCHES_SHAPE` uint32, epoch seconds.
    """

    trunk_group_id: str
    latest_ms: int
    panes: NDArray[np.uint32]
    sketches: NDArray[np.uint32]

    def to_bytes(self) -> bytes:
        """Encode: header, name, panes, sketches, little-endian."""
        name = self.trunk_group_id.encode("utf-8", "surrogatepass")
        header = _HEADER.pack(_MAGIC, self.latest_ms, *PANES_SHAPE, *SKETCHES_SHAPE, len(name))
        return header + name + self.panes.astype("<u4").tobytes() + self.sketches.astype("<u4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Decode what `to_bytes` made.

        Raises:
            ValueError: Another version, other dimensions, or a wrong size.
        """
        if len(data) < _HEADER.size:
            raise ValueError(f"a trunk share has at least {_HEADER.size} bytes, this one {len(data)}")
        magic, latest_ms, *shape, name_bytes = _HEADER.unpack_from(data)
        if magic != _MAGIC or tuple(shape) != (*PANES_SHAPE, *SKETCHES_SHAPE):
            raise ValueError("the trunk share comes from another version of the detector: upgrade all workers")
        start = _HEADER.size + name_bytes
        if name_bytes > LONGEST_NAME_BYTES or len(data) != start + _PANES_BYTES + _SKETCHES_BYTES:
            raise ValueError(f"a trunk share of {len(data)} bytes is cut short or too long")
        if not 0 <= latest_ms < 1 << 43:
            raise ValueError("the time of the trunk share is out of range")
        name = data[_HEADER.size : start].decode("utf-8", "surrogatepass")
        panes = np.frombuffer(data, "<u4", _PANES_BYTES // 4, start).reshape(PANES_SHAPE)
        sketches = np.frombuffer(data, "<u4", _SKETCHES_BYTES // 4, start + _PANES_BYTES).reshape(SKETCHES_SHAPE)
        return cls(name, latest_ms, panes.astype(np.uint32), sketches.astype(np.uint32))


def merge(shares: Sequence[TrunkShare]) -> TrunkShare:
    """Add the shares of one trunk group up; panes that the latest share no longer holds are dropped.

    Raises:
        ValueError: No share, or shares of different trunk groups.
    """
    if len({share.trunk_group_id for share in shares}) != 1:
        raise ValueError("merge needs at least one share, all of one trunk group")
    latest_ms = max(share.latest_ms for share in shares)
    panes = np.zeros(PANES_SHAPE, dtype=np.uint64)
    sketches = np.zeros(SKETCHES_SHAPE, dtype=np.uint32)
    for share in shares:
        np.maximum(sketches, share.sketches, out=sketches)
        for window, pane_ms in enumerate(spec.PANE_MS):
            behind = latest_ms // pane_ms - share.latest_ms // pane_ms
            if behind < spec.N_PANES:
                panes[window, : spec.N_PANES - behind] += share.panes[window, behind:]
    capped = np.minimum(panes, np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return TrunkShare(shares[0].trunk_group_id, latest_ms, capped, sketches)


def _places(latest_ms: int, pane_ms: int) -> NDArray[np.int64]:
    """Where the nine panes up to `latest_ms` lie in a store, oldest first."""
    head = latest_ms // pane_ms
    return np.arange(head - spec.PANES_PER_WINDOW, head + 1) % spec.N_PANES


def export_share(store: Store, slot: int, trunk_group_id: str) -> TrunkShare:
    """Copy what `slot` itself counted, without what others did."""
    latest_ms = int(store.state[slot, slots.LATEST_MS])
    panes = np.stack(
        [store.panes[slot, window, _places(latest_ms, pane_ms)] for window, pane_ms in enumerate(spec.PANE_MS)]
    )
    return TrunkShare(trunk_group_id, latest_ms, panes.astype(np.uint32), store.sketches[slot].copy())


def import_others(store: Store, slot: int, share: TrunkShare | None) -> None:
    """Replace what is known of other partitions' counts for `slot`; None = nothing."""
    slots.keep(store, slot)
    store.state[slot, slots.OTHERS_MS] = 0 if share is None else share.latest_ms
    store.other_panes[slot] = 0
    store.other_sketches[slot] = 0
    store.refreshed[slot] = 0
    if share is not None:
        store.other_sketches[slot] = share.sketches
        for window, pane_ms in enumerate(spec.PANE_MS):
            store.other_panes[slot, window, _places(share.latest_ms, pane_ms)] = share.panes[window]
