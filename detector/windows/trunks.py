"""What one partition counted for one trunk group, in a form that other partitions can add to their own.

A share carries absolute values aligned by absolute pane number, so writing or importing one again changes nothing. Sums
of panes and maxima of time-stamped sketch registers give what a single counter of all partitions would hold.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector.windows import slots
from detector.windows.layout import LATEST_MS, OTHERS_MS, PLANS, pane_starts
from detector.windows.sketches import LAST_STAMP, base_of
from detector.windows.slots import Store

_FAMILY = b"RTS"
_MAGIC = _FAMILY + b"2"
_HEADER = struct.Struct("<4sq8sIH")
_SHAPE = spec.SHAPES[spec.TRUNK]
_PLAN = PLANS[spec.TRUNK]
_REGISTERS = sum(sketch.rows * sketch.levels for sketch in _SHAPE.sketches)
_COLUMNS = tuple(map(len, _SHAPE.pairs))
_MEANING = hashlib.blake2b(repr((spec.WINDOW_MS, spec.N_PANES, _SHAPE)).encode(), digest_size=8).digest()
"""Shares of trunk groups that are counted in another way are not added up."""
PANES_SHAPE = (spec.N_WINDOWS, spec.N_PANES, spec.N_MEASURES)
_PANES_BYTES = 4 * spec.N_PANES * sum(_COLUMNS)
UNIT_MS = _PLAN.unit_ms
LONGEST_NAME_BYTES = 1_024
"""256 characters (the contract's limit) of at most 4 bytes each."""


class AnotherVersion(ValueError):  # noqa: N818 - says what the share is
    """A share that another version of the detector made: it counts otherwise, so the two cannot be added up."""


@dataclass(frozen=True, slots=True, eq=False)
class TrunkShare:
    """Counts of one trunk group.

    Attributes:
        trunk_group_id: The trunk group, as in the events.
        latest_ms: Latest event time counted; the last pane of each window is the one that holds it.
        panes: `PANES_SHAPE` uint32, oldest pane first, measures in the order of `detector.measures.MEASURES`; 0 where
            `detector.measures.SHAPES` keeps none.
        sketches: (registers,) uint32, all sketches: when an item last fell there, in units of `UNIT_MS` since 1970.
    """

    trunk_group_id: str
    latest_ms: int
    panes: NDArray[np.uint32]
    sketches: NDArray[np.uint32]

    def to_bytes(self) -> bytes:
        """Encode: header, name, panes, sketches, little-endian."""
        name = self.trunk_group_id.encode("utf-8", "surrogatepass")
        header = _HEADER.pack(_MAGIC, self.latest_ms, _MEANING, _REGISTERS, len(name))
        kept = [self.panes[window][:, measures] for window, measures in enumerate(_SHAPE.pairs)]
        panes = b"".join(part.astype("<u4").tobytes() for part in kept)
        return header + name + panes + _stamps(self.sketches, self.latest_ms).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Decode what `to_bytes` made.

        Raises:
            AnotherVersion: Another version, or other dimensions.
            ValueError: It is damaged.
        """
        if not data.startswith(_FAMILY):
            raise ValueError("this is no trunk share")
        if len(data) < _HEADER.size:
            raise ValueError(f"a trunk share has at least {_HEADER.size} bytes, this one {len(data)}")
        magic, latest_ms, meaning, registers, name_bytes = _HEADER.unpack_from(data)
        if (magic, meaning, registers) != (_MAGIC, _MEANING, _REGISTERS):
            raise AnotherVersion("the trunk share comes from another version of the detector: upgrade all workers")
        start = _HEADER.size + name_bytes
        if name_bytes > LONGEST_NAME_BYTES or len(data) != start + _PANES_BYTES + _REGISTERS:
            raise ValueError(f"a trunk share of {len(data)} bytes is cut short or too long")
        if not 0 <= latest_ms < 1 << 43:
            raise ValueError("the time of the trunk share is out of range")
        name = data[_HEADER.size : start].decode("utf-8", "surrogatepass")
        panes = np.zeros(PANES_SHAPE, dtype=np.uint32)
        for window, measures in enumerate(_SHAPE.pairs):
            count = spec.N_PANES * len(measures)
            panes[window][:, measures] = np.frombuffer(data, "<u4", count, start).reshape(spec.N_PANES, -1)
            start += 4 * count
        return cls(name, latest_ms, panes, _times(np.frombuffer(data, np.uint8, _REGISTERS, start), latest_ms))


def _stamps(times: NDArray[np.uint32], latest_ms: int) -> NDArray[np.uint8]:
    """Register values of a row whose latest event was at `latest_ms`, from absolute times."""
    since_base = times.astype(np.int64) - base_of(latest_ms // UNIT_MS)
    return np.asarray(np.clip(since_base, 0, LAST_STAMP), dtype=np.uint8)


def _times(stamps: NDArray[np.uint8], latest_ms: int) -> NDArray[np.uint32]:
    """Undo `_stamps`."""
    times = np.where(stamps > 0, stamps + np.int64(base_of(latest_ms // UNIT_MS)), 0)
    return np.maximum(times, 0).astype(np.uint32)  # nothing was before 1970, whatever a damaged share says


def merge(shares: Sequence[TrunkShare]) -> TrunkShare:
    """Add the shares of one trunk group up; panes that the latest share no longer holds are dropped.

    Raises:
        ValueError: No share, or shares of different trunk groups.
    """
    if len({share.trunk_group_id for share in shares}) != 1:
        raise ValueError("merge needs at least one share, all of one trunk group")
    latest_ms = max(share.latest_ms for share in shares)
    panes = np.zeros(PANES_SHAPE, dtype=np.uint64)
    sketches = np.zeros(_REGISTERS, dtype=np.uint32)
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


def _window(store: Store, slot: int, window: int, *, others: bool) -> NDArray[np.uint32]:
    """The panes of one window of a row as they lie there, a view of shape (N_PANES, kept measures)."""
    start = pane_starts(spec.TRUNK)[window] + others * _PLAN.other_panes
    width = _COLUMNS[window]
    panes = store.w32[slot, start : start + spec.N_PANES * width].view(np.uint32)
    return panes.reshape(spec.N_PANES, width)


def _registers(store: Store, slot: int, *, others: bool) -> NDArray[np.uint8]:
    start = _PLAN.sketch_0 + others * _PLAN.other_sketches
    return store.w8[slot, start : start + _REGISTERS]


def export_share(store: Store, slot: int, trunk_group_id: str) -> TrunkShare:
    """Copy what `slot` itself counted, without what others did."""
    latest_ms = int(store.w64[slot, LATEST_MS])
    panes = np.zeros(PANES_SHAPE, dtype=np.uint32)
    for window, (measures, pane_ms) in enumerate(zip(_SHAPE.pairs, spec.PANE_MS, strict=True)):
        panes[window][:, measures] = _window(store, slot, window, others=False)[_places(latest_ms, pane_ms)]
    return TrunkShare(trunk_group_id, latest_ms, panes, _times(_registers(store, slot, others=False), latest_ms))


def import_others(store: Store, slot: int, share: TrunkShare | None) -> None:
    """Replace what is known of other partitions' counts for `slot`; None = nothing."""
    slots.keep(store, slot)
    store.w64[slot, OTHERS_MS] = 0 if share is None else share.latest_ms
    store.w64[slot, _PLAN.estimates : _PLAN.panes // 2] = 0
    _registers(store, slot, others=True)[:] = 0 if share is None else _stamps(share.sketches, share.latest_ms)
    for window, (measures, pane_ms) in enumerate(zip(_SHAPE.pairs, spec.PANE_MS, strict=True)):
        panes = _window(store, slot, window, others=True)
        panes[:] = 0
        if share is not None:
            panes[_places(share.latest_ms, pane_ms)] = share.panes[window][:, measures]
