"""What one partition counted for one trunk group, in a form that other partitions can add to their own.

A share carries absolute values aligned by absolute pane number, so writing or importing one again changes nothing. Sums
of panes and maxima of time-stamped sketch registers give what a single counter of all partitions would hold.

As bytes a share is packed: most panes and registers of most trunk groups are zero. After the header and the name come
all counts (oldest pane first) and then all registers, in words of eight. A word is a byte whose bits say which of the
eight are not zero, and those: a count as a varint (LEB128), a register as a byte. Zero words in a row are a zero byte
and their number. `detector.windows.trunk_rows` reads and writes these bytes in no time; here it is done plainly.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector.columns.hashing import PUBLIC_SEED, name_of
from detector.columns.integers import LOW_32
from detector.features import window_constants
from detector.windows.layout import PLANS, WORD
from detector.windows.sketches import LAST_STAMP, base_of

_FAMILY = b"RTS"
_MAGIC = _FAMILY + b"4"
HEADER = struct.Struct("<4sq8s8sIH")
_SHAPE = window_constants.SHAPES[window_constants.TRUNK]
_PLAN = PLANS[window_constants.TRUNK]
REGISTERS = sum(sketch.rows * sketch.levels for sketch in _SHAPE.sketches)
_MEANING = hashlib.blake2b(
    repr((window_constants.WINDOW_MS, window_constants.N_PANES, _SHAPE)).encode(), digest_size=8
).digest()
"""Shares of trunk groups that are counted in another way are not added up."""
PANES_SHAPE = (window_constants.N_WINDOWS, window_constants.N_PANES, window_constants.N_MEASURES)
COUNTS = window_constants.N_PANES * sum(map(len, _SHAPE.pairs))
COUNT_WORDS = -(-COUNTS // WORD)
WORDS = COUNT_WORDS + REGISTERS // WORD
VARINT_BITS, VARINT_MASK, VARINT_MORE, LONGEST_VARINT = 7, 0x7F, 0x80, 5
LONGEST_BODY = WORDS + LONGEST_VARINT * COUNTS + REGISTERS
"""Bytes after the name, at most: a word has one byte more than its values, and a zero word is shorter than that."""
LONGEST_RUN = 255
UNIT_MS = _PLAN.unit_ms
LONGEST_NAME_BYTES = 1_024
"""256 characters (the contract's limit) of at most 4 bytes each."""
LONGEST_SHARE = HEADER.size + LONGEST_NAME_BYTES + LONGEST_BODY


class AnotherVersion(ValueError):
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
        """Encode; slow, `detector.windows.trunk_rows.pack` does it to many rows. `seed` is that of the engine."""
        counts = np.zeros(WORD * COUNT_WORDS, dtype=np.uint32)
        kept = [self.panes[window][:, measures].ravel() for window, measures in enumerate(_SHAPE.pairs)]
        counts[:COUNTS] = np.concatenate(kept)
        values = [*counts.tolist(), *_stamps(self.sketches, self.latest_ms).tolist()]
        return header_of(self.trunk_group_id, self.latest_ms, seed) + _packed(values)

    @classmethod
    def from_bytes(cls, data: bytes, *, seed: int | None = PUBLIC_SEED) -> Self:
        """Decode; slow, but for `robocall lookup` and tests it will do.

        Args:
            data: Of any size and content.
            seed: That of the engine which is to be told; None takes any, for whoever adds up panes alone: the registers
                of another seed stand for other items.

        Raises:
            AnotherVersion: Another version, other dimensions, or counted under another seed.
            ValueError: It is damaged.
        """
        name, latest_ms = read_header(data, seed)
        values = _unpacked(data[HEADER.size + len(name) :])
        panes, start = np.zeros(PANES_SHAPE, dtype=np.uint32), 0
        for window, measures in enumerate(_SHAPE.pairs):
            count = window_constants.N_PANES * len(measures)
            panes[window][:, measures] = values[start : start + count].reshape(window_constants.N_PANES, -1)
            start += count
        stamps = values[WORD * COUNT_WORDS :].astype(np.uint8)
        return cls(name.decode("utf-8", "surrogatepass"), latest_ms, panes, _times(stamps, latest_ms))


@cache
def _seed_name(seed: int) -> bytes:
    return bytes.fromhex(name_of(seed))


def header_of(trunk_group_id: str, latest_ms: int, seed: int) -> bytes:
    """What a share begins with, its name included."""
    name = trunk_group_id.encode("utf-8", "surrogatepass")
    return HEADER.pack(_MAGIC, latest_ms, _MEANING, _seed_name(seed), REGISTERS, len(name)) + name


def read_header(data: bytes, seed: int | None) -> tuple[bytes, int]:
    """Name and time of the latest event of a share; what follows the name is not looked at. `seed`: see `TrunkShare`.

    Raises:
        AnotherVersion: Another version, other dimensions, or counted under another seed.
        ValueError: It is damaged.
    """
    if not data.startswith(_FAMILY):
        raise ValueError("this is no trunk share")
    if len(data) < HEADER.size:
        raise ValueError(f"a trunk share has at least {HEADER.size} bytes, this one {len(data)}")
    magic, latest_ms, meaning, seed_name, registers, name_bytes = HEADER.unpack_from(data)
    is_other_seed = seed is not None and seed_name != _seed_name(seed)
    if (magic, meaning, registers) != (_MAGIC, _MEANING, REGISTERS) or is_other_seed:
        raise AnotherVersion("the trunk share comes from another version or has another seed: restart all workers")
    body = len(data) - HEADER.size - name_bytes
    if name_bytes > LONGEST_NAME_BYTES or not 0 <= body <= LONGEST_BODY:
        raise ValueError(f"a trunk share of {len(data)} bytes is cut short or too long")
    if not 0 <= latest_ms < 1 << 43:
        raise ValueError("the time of the trunk share is out of range")
    return data[HEADER.size : HEADER.size + name_bytes], latest_ms


def _packed(values: list[int]) -> bytes:
    """Pack counts and registers, a whole number of words of each."""
    body = bytearray()
    run = 0
    for word in range(WORDS + 1):
        part = values[WORD * word : WORD * (word + 1)]
        if part and not any(part) and run < LONGEST_RUN:
            run += 1
            continue
        if run:
            body += bytes((0, run))
        run = int(bool(part) and not any(part))
        if any(part):
            body.append(sum(1 << bit for bit, value in enumerate(part) if value))
            for value in filter(None, part):
                body += _varint(value) if word < COUNT_WORDS else bytes((value,))
    return bytes(body)


def _varint(value: int) -> bytes:
    """LEB128: seven bits a byte, the lowest first, the highest bit set where more follow."""
    body = bytearray()
    while value > VARINT_MASK:
        body.append(VARINT_MORE | (value & VARINT_MASK))
        value >>= VARINT_BITS
    return bytes((*body, value))


def _read_varint(rest: Iterator[int]) -> int:
    """Undo `_varint`; raises StopIteration where too few bytes are left, OverflowError where it is too long."""
    value = 0
    for place in range(LONGEST_VARINT):
        byte = next(rest)
        value |= (byte & VARINT_MASK) << (VARINT_BITS * place)
        if byte <= VARINT_MASK:
            return value
    raise OverflowError


def _unpacked(body: bytes) -> NDArray[np.uint32]:
    """Undo `_packed`.

    Raises:
        ValueError: It is damaged.
    """
    values, word, rest = np.zeros(WORD * WORDS, dtype=np.uint32), 0, iter(body)
    try:
        while word < WORDS:
            mask = next(rest)
            if mask == 0:
                word += next(rest) or WORDS + 1
                continue
            for bit in (bit for bit in range(WORD) if mask >> bit & 1):
                values[WORD * word + bit] = _read_varint(rest) if word < COUNT_WORDS else next(rest)
                if values[WORD * word + bit] == 0:  # it would not stand there
                    word = WORDS + 1
            word += 1
    except (IndexError, StopIteration, OverflowError):
        word = WORDS + 1
    if word != WORDS or next(rest, None) is not None:
        raise ValueError(f"a trunk share with {len(body)} bytes of counts is damaged")
    return values


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
    sketches = np.zeros(REGISTERS, dtype=np.uint32)
    for share in shares:
        np.maximum(sketches, share.sketches, out=sketches)
        for window, pane_ms in enumerate(window_constants.PANE_MS):
            behind = latest_ms // pane_ms - share.latest_ms // pane_ms
            if behind < window_constants.N_PANES:
                panes[window, : window_constants.N_PANES - behind] += share.panes[window, behind:]
    capped = np.minimum(panes, np.uint64(LOW_32)).astype(np.uint32)
    return TrunkShare(shares[0].trunk_group_id, latest_ms, capped, sketches)
