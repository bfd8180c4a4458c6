"""Find repeated keys and excessive depth in JSON, which the decoder accepts in silence (RFC 8259 section 4).

Two readers of one record must not see two different calling numbers, so a repeated key at any level refuses the record.
One compiled pass over the joined bytes of a batch; it is safe on any bytes and exact on valid JSON.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.columns.compiled import compiled

MAX_DEPTH = 64
CLEAN, DUPLICATE, TOO_DEEP, ESCAPED_KEY = 0, 1, 2, 3

_QUOTE, _BACKSLASH, _COMMA = 0x22, 0x5C, 0x2C
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = 0x7B, 0x7D, 0x5B, 0x5D
_FNV_OFFSET, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)  # FNV alone leaves keys that differ in their last byte in neighbouring slots
_ONE = np.uint64(1)
_SLOTS_AT_LEAST = 64
_BYTES_A_KEY = 5  # the shortest member is `"":1,`

# Positions are unsigned: a signed index costs numba a test for wrap-around, which made the scan five times slower.
Bytes = NDArray[np.uint8]
Positions = NDArray[np.uint64]
Integers = NDArray[np.int64]


@compiled
def _same(data: Bytes, first: np.uint64, second: np.uint64, length: np.uint64) -> bool:
    i = np.uint64(0)
    while i < length:
        if data[first + i] != data[second + i]:
            return False
        i += _ONE
    return True


@compiled
def _hash(data: Bytes, first: np.uint64, end: np.uint64) -> np.uint64:
    hashed = _FNV_OFFSET
    i = first
    while i < end:
        hashed = (hashed ^ np.uint64(data[i])) * _FNV_PRIME
        i += _ONE
    return hashed


@compiled
def _seen(data: Bytes, first: np.uint64, end: np.uint64, mark: tuple[np.uint64, np.uint64], table: Positions) -> bool:
    """Look a key up in the open-addressed table, and put it in when it is new. `mark` is its record and its object."""
    record, owner = mark
    mask = np.uint64(table.shape[0] - 1)
    hashed = _hash(data, first, end) + owner
    slot = (((hashed ^ (hashed >> np.uint64(32))) * _MIX) >> np.uint64(40)) & mask
    while table[slot, 0] == record:
        is_as_long = table[slot, 1] == owner and table[slot, 3] - table[slot, 2] == end - first
        if is_as_long and _same(data, table[slot, 2], first, end - first):
            return True
        slot = (slot + _ONE) & mask
    table[slot, 0], table[slot, 1], table[slot, 2], table[slot, 3] = record, owner, first, end
    return False


@compiled
def _string_end(data: Bytes, first: np.uint64, end: np.uint64) -> tuple[np.uint64, bool]:
    """Find the closing quote of a string, and whether the string holds an escape."""
    is_escaped = False
    i = first
    while i < end:
        byte = data[i]
        if byte == _QUOTE:
            break
        if byte == _BACKSLASH:
            is_escaped = True
            i += _ONE
        i += _ONE
    return min(i, end), is_escaped


@compiled
def _scan(
    data: Bytes, bounds: tuple[np.uint64, np.uint64], record: np.uint64, table: Positions, owners: Positions
) -> int:
    """Scan one record. `owners[d]` is the serial number of the object open at depth d, 0 for an array."""
    i, end = bounds
    depth, verdict, expects_key = 0, CLEAN, False
    objects, nothing = np.uint64(0), np.uint64(0)
    while i < end:
        byte = data[i]
        if byte == _QUOTE:
            first = i + _ONE
            i, is_escaped = _string_end(data, first, end)
            if expects_key:
                expects_key = False
                if is_escaped:
                    verdict = ESCAPED_KEY
                elif _seen(data, first, i, (record, owners[depth]), table):
                    return DUPLICATE
        elif byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            depth += 1
            if depth > MAX_DEPTH:
                return TOO_DEEP
            objects += _ONE
            expects_key = byte == _OPEN_OBJECT
            owners[depth] = objects if expects_key else nothing
        elif byte in (_CLOSE_OBJECT, _CLOSE_ARRAY):
            depth = max(depth - 1, 0)
            expects_key = False
        elif byte == _COMMA:
            expects_key = depth > 0 and owners[depth] != nothing
        i += _ONE
    return verdict


@compiled
def _scan_all(data: Bytes, ends: Positions, table: Positions, owners: Positions, verdicts: Integers) -> None:
    start = np.uint64(0)
    for position in range(ends.shape[0]):
        verdicts[position] = _scan(data, (start, ends[position]), np.uint64(position + 1), table, owners)
        start = ends[position]


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise KeyError


def has_repeated_key(record: bytes) -> bool:
    """Say whether any object of a JSON record repeats a key, by decoding it: exact, and slow."""
    try:
        # Integers are not converted: Python refuses those of more than 4,300 digits.
        json.loads(record, object_pairs_hook=_refuse_repeats, parse_int=len)
    except KeyError:
        return True
    except (ValueError, RecursionError):
        return False  # not JSON, or too deep: said elsewhere
    return False


def scan(records: Sequence[bytes]) -> list[int]:
    """Give for each record CLEAN, DUPLICATE or TOO_DEEP (deeper than `MAX_DEPTH`).

    Linear in the bytes. A key written with an escape is compared after decoding, off the compiled path.
    """
    if not records:
        return []
    lengths = np.fromiter(map(len, records), np.uint64, len(records))
    slots = _SLOTS_AT_LEAST
    while slots * _BYTES_A_KEY < 2 * int(lengths.max()):
        slots *= 2
    table = np.zeros((slots, 4), np.uint64)
    verdicts = np.zeros(len(records), np.int64)
    owners = np.zeros(MAX_DEPTH + 1, np.uint64)
    _scan_all(np.frombuffer(b"".join(records), np.uint8), lengths.cumsum(), table, owners, verdicts)
    found: list[int] = verdicts.tolist()
    for position, verdict in enumerate(found):
        if verdict == ESCAPED_KEY:
            found[position] = DUPLICATE if has_repeated_key(records[position]) else CLEAN
    return found
