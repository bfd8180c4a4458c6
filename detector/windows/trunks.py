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

from detector.columns.compiled import compiled_borrowing
from detector.columns.hashing import PUBLIC_SEED, name_of
from detector.columns.integers import LOW_32, as_int, as_unsigned
from detector.features import window_constants
from detector.windows import key_store
from detector.windows.key_store import Store
from detector.windows.layout import AT, FIRST_COLUMN, LATEST_MS, OTHERS_MS, PLANS, START, WIDTH
from detector.windows.sketches import LAST_STAMP, base_of

Panes = NDArray[np.uint32]
Times = NDArray[np.uint32]
Sums = NDArray[np.int64]
Times64 = NDArray[np.int64]

_FAMILY = b"RTS"
_MAGIC = _FAMILY + b"3"
_HEADER = struct.Struct("<4sq8s8sIH")
_SHAPE = window_constants.SHAPES[window_constants.TRUNK]
_PLAN = PLANS[window_constants.TRUNK]
_REGISTERS = sum(sketch.rows * sketch.levels for sketch in _SHAPE.sketches)
_MEANING = hashlib.blake2b(
    repr((window_constants.WINDOW_MS, window_constants.N_PANES, _SHAPE)).encode(), digest_size=8
).digest()
"""Shares of trunk groups that are counted in another way are not added up."""
PANES_SHAPE = (window_constants.N_WINDOWS, window_constants.N_PANES, window_constants.N_MEASURES)
_PANES_BYTES = 4 * window_constants.N_PANES * sum(map(len, _SHAPE.pairs))
UNIT_MS = _PLAN.unit_ms
LONGEST_NAME_BYTES = 1_024
"""256 characters (the contract's limit) of at most 4 bytes each."""


class AnotherVersion(ValueError):  # noqa: N818 - says what the share is
    """A share of another version of the detector, or of another seed: it counts otherwise, the two do not add up."""


@dataclass(frozen=True, slots=True, eq=False)
class TrunkShare:
    """Counts of one trunk group.

    Attributes:
        trunk_group_id: The trunk group, as in the events.
        latest_ms: Latest event time counted; the last pane of each window is the one that holds it.
        panes: `PANES_SHAPE` uint32, oldest pane first, measures in the order of
        `detector.features.window_constants.MEASURES`; 0 where
            `detector.features.window_constants.SHAPES` keeps none.
        sketches: (registers,) uint32, all sketches: when an item last fell there, in units of `UNIT_MS` since 1970.
    """

    trunk_group_id: str
    latest_ms: int
    panes: NDArray[np.uint32]
    sketches: NDArray[np.uint32]

    def to_bytes(self, *, seed: int = PUBLIC_SEED) -> bytes:
        """Encode: header, name, panes, sketches, little-endian; `seed` is that of the engine that counted."""
        name = self.trunk_group_id.encode("utf-8", "surrogatepass")
        header = _HEADER.pack(_MAGIC, self.latest_ms, _MEANING, bytes.fromhex(name_of(seed)), _REGISTERS, len(name))
        kept = [self.panes[window][:, measures] for window, measures in enumerate(_SHAPE.pairs)]
        panes = b"".join(part.astype("<u4").tobytes() for part in kept)
        return header + name + panes + _stamps(self.sketches, self.latest_ms).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, *, seed: int | None = PUBLIC_SEED) -> Self:
        """Decode what `to_bytes` made.

        Args:
            data: Of any size and content.
            seed: That of the engine which is to be told; None takes any, for whoever adds up panes alone: the registers
                of another seed stand for other items.

        Raises:
            AnotherVersion: Another version, other dimensions, or counted under another seed.
            ValueError: It is damaged.
        """
        if not data.startswith(_FAMILY):
            raise ValueError("this is no trunk share")
        if len(data) < _HEADER.size:
            raise ValueError(f"a trunk share has at least {_HEADER.size} bytes, this one {len(data)}")
        magic, latest_ms, meaning, seed_name, registers, name_bytes = _HEADER.unpack_from(data)
        is_other_seed = seed is not None and seed_name.hex() != name_of(seed)
        if (magic, meaning, registers) != (_MAGIC, _MEANING, _REGISTERS) or is_other_seed:
            raise AnotherVersion("the trunk share comes from another version or has another seed: restart all workers")
        start = _HEADER.size + name_bytes
        if name_bytes > LONGEST_NAME_BYTES or len(data) != start + _PANES_BYTES + _REGISTERS:
            raise ValueError(f"a trunk share of {len(data)} bytes is cut short or too long")
        if not 0 <= latest_ms < 1 << 43:
            raise ValueError("the time of the trunk share is out of range")
        name = data[_HEADER.size : start].decode("utf-8", "surrogatepass")
        panes = np.zeros(PANES_SHAPE, dtype=np.uint32)
        for window, measures in enumerate(_SHAPE.pairs):
            count = window_constants.N_PANES * len(measures)
            panes[window][:, measures] = np.frombuffer(data, "<u4", count, start).reshape(window_constants.N_PANES, -1)
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

    It takes no longer for busy trunk groups than for idle ones, and may run in any thread.

    Returns:
        What one engine that saw all calls would have counted, as of the latest of the shares.

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
        for window, pane_ms in enumerate(window_constants.PANE_MS):
            behind = latest_ms // pane_ms - share.latest_ms // pane_ms
            if behind < window_constants.N_PANES:
                panes[window, : window_constants.N_PANES - behind] += share.panes[window, behind:]
    capped = np.minimum(panes, np.uint64(LOW_32)).astype(np.uint32)
    return TrunkShare(shares[0].trunk_group_id, latest_ms, capped, sketches)


@compiled_borrowing
def _first_count(store: Store, window: int, latest_ms: int, place: int) -> int:
    """Where the counts of a pane begin in a row, in units of a count; place 0 is the oldest of those up to a time."""
    index = latest_ms // window_constants.PANE_MS[window] - window_constants.PANES_PER_WINDOW + place
    return int(store.columns[window, START] + index % window_constants.N_PANES * store.columns[window, WIDTH])


@compiled_borrowing
def copy_own(store: Store, key: int, panes: Panes, times: Times) -> int:
    """Copy what the row of a trunk group itself counted, without what others did.

    Args:
        store: of trunk groups.
        key: of the trunk group and its partition.
        panes: `PANES_SHAPE`, zeros; filled as those of a `TrunkShare`.
        times: (registers,); filled.

    Returns:
        The time of its latest event in milliseconds, -1 where it is not tracked.
    """
    slot = key_store.find(store, key)
    if slot < 0:
        return -1
    latest_ms = store.w64[slot, LATEST_MS]
    for window in range(window_constants.N_WINDOWS):
        for place in range(window_constants.N_PANES):
            first = _first_count(store, window, latest_ms, place)
            for column in range(store.columns[window, WIDTH]):
                measure = store.columns[window, FIRST_COLUMN + column]
                panes[window, place, measure] = as_unsigned(store.w32[slot, first + column])
    base = base_of(latest_ms // store.plan[AT.unit_ms])
    for register in range(len(times)):
        stamp = as_int(store.w8[slot, store.plan[AT.sketch_0] + register])
        times[register] = max(0, stamp + base) if stamp > 0 else 0
    return int(latest_ms)


@compiled_borrowing
def _total(
    latest_ms: Times64, panes: Panes, times: Times, left_out: int, newest_ms: int, sums: Sums, tops: Times64
) -> None:
    """Add the panes of all shares but one up, as of `newest_ms`, and find the latest times of each register.

    Args:
        latest_ms: (n,), of the shares.
        panes: (n, *PANES_SHAPE)
        times: (n, registers)
        left_out: Which share is left out, -1 = none.
        newest_ms: The latest event time of the others.
        sums: `PANES_SHAPE`, overwritten.
        tops: (3, registers), overwritten: for each register the latest time, whose it is, and the next latest.
    """
    sums[:] = 0
    tops[:] = 0
    for share in range(len(latest_ms)):
        if share == left_out:
            continue
        for window in range(window_constants.N_WINDOWS):
            behind = (
                newest_ms // window_constants.PANE_MS[window] - latest_ms[share] // window_constants.PANE_MS[window]
            )
            for place in range(window_constants.N_PANES - behind):
                for measure in range(window_constants.N_MEASURES):
                    sums[window, place, measure] += panes[share, window, place + behind, measure]
        for register in range(times.shape[1]):
            time = np.int64(times[share, register])
            if time > tops[0, register]:
                tops[2, register] = tops[0, register]
                tops[0, register], tops[1, register] = time, share
            else:
                tops[2, register] = max(tops[2, register], time)


@compiled_borrowing
def _put_others(
    store: Store, slot: int, own: int, own_ms: int, panes: Panes, newest_ms: int, sums: Sums, tops: Times64
) -> None:
    """Put all sums, less the counts of the share `own` where that is not -1, into a row."""
    key_store.copy_before_write(store, slot)
    plan = store.plan
    store.w64[slot, OTHERS_MS] = newest_ms
    for word in range(plan[AT.estimates], plan[AT.panes] // 2):
        store.w64[slot, word] = 0
    for window in range(window_constants.N_WINDOWS):
        behind = newest_ms // window_constants.PANE_MS[window] - own_ms // window_constants.PANE_MS[window]
        for place in range(window_constants.N_PANES):
            first = _first_count(store, window, newest_ms, place) + plan[AT.other_panes]
            for column in range(store.columns[window, WIDTH]):
                measure = store.columns[window, FIRST_COLUMN + column]
                count = sums[window, place, measure]
                if own >= 0 and place + behind < window_constants.N_PANES:
                    count -= panes[own, window, place + behind, measure]
                store.w32[slot, first + column] = min(count, LOW_32)
    base, start = base_of(newest_ms // plan[AT.unit_ms]), plan[AT.sketch_0] + plan[AT.other_sketches]
    for register in range(tops.shape[1]):
        time = tops[2 if own >= 0 and tops[1, register] == own else 0, register]
        store.w8[slot, start + register] = min(max(time - base, 0), LAST_STAMP) if time > 0 else 0


@compiled_borrowing
def _share_out(
    store: Store, keys: Times64, latest_ms: Times64, panes: Panes, times: Times, sums: Sums, tops: Times64
) -> int:
    newest, next_ms = 0, 0
    for share in range(1, len(latest_ms)):
        if latest_ms[share] > latest_ms[newest]:
            newest, next_ms = share, latest_ms[newest]
        else:
            next_ms = max(next_ms, latest_ms[share])
    newest_ms, told = latest_ms[newest], 0
    _total(latest_ms, panes, times, -1, newest_ms, sums, tops)
    for share in range(len(keys)):
        slot = key_store.find(store, keys[share])
        if slot >= 0 and share != newest:
            _put_others(store, slot, share, latest_ms[share], panes, newest_ms, sums, tops)
        told += slot >= 0
    # Its own clock must not let the others' counts run out: what they add up to ends with the latest of them.
    if newest < len(keys):
        slot = key_store.find(store, keys[newest])
        if slot >= 0:
            _total(latest_ms, panes, times, newest, next_ms, sums, tops)
            _put_others(store, slot, -1, next_ms, panes, next_ms, sums, tops)
    return told


def export_share(store: Store, key: int, trunk_group_id: str) -> TrunkShare | None:
    """What a trunk group's row itself counted, without what others did; None where it is not tracked."""
    panes, times = np.zeros(PANES_SHAPE, dtype=np.uint32), np.zeros(_REGISTERS, dtype=np.uint32)
    latest_ms = copy_own(store, key, panes, times)
    return TrunkShare(trunk_group_id, latest_ms, panes, times) if latest_ms >= 0 else None


def share_out(store: Store, keys: Sequence[int], shares: Sequence[TrunkShare], elsewhere: Sequence[TrunkShare]) -> int:
    """Replace in the row of each key what is known of all but its own share, and of `elsewhere`.

    One sum of all serves every row but that of the latest share, which takes its own share off again: so each pane is
    added once or twice, not once a row. What comes out is the `merge` of the others, to the bit.

    Returns:
        How many of the keys are tracked.
    """
    every = [*shares, *elsewhere]
    panes = np.stack([share.panes for share in every])
    times = np.stack([share.sketches for share in every])
    latest_ms = np.array([share.latest_ms for share in every])
    sums, tops = np.empty(PANES_SHAPE, dtype=np.int64), np.empty((3, _REGISTERS), dtype=np.int64)
    return _share_out(store, np.array(keys), latest_ms, panes, times, sums, tops)
