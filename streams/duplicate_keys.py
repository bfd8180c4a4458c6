"""Find repeated keys and excessive depth in JSON, which the decoder accepts in silence (RFC 8259 section 4).

Two readers of one record must not see two different calling numbers, so a repeated key at any level refuses the record.
One compiled pass over the joined bytes of a batch; it is safe on any bytes and exact on valid JSON.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.compiled import compiled

MAX_DEPTH = 64
CLEAN, DUPLICATE, TOO_DEEP, ESCAPED_KEY = 0, 1, 2, 3

_QUOTE, _BACKSLASH, _COMMA = 0x22, 0x5C, 0x2C
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = 0x7B, 0x7D, 0x5B, 0x5D
_FNV_OFFSET, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_SLOTS_AT_LEAST = 64
_BYTES_A_KEY = 5  # the shortest member is `"":1,`

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]


@compiled
def _same(data: Bytes, first: int, second: int, length: int) -> bool:
    for i in range(length):  # noqa: SIM110 - compiled: a loop is what numba makes fast
        if data[first + i] != data[second + i]:
            return False
    return True


@compiled
def _seen(  # noqa: PLR0917 - compiled functions take positions
    data: Bytes, start: int, length: int, owner: int, hashed: np.uint64, generation: int, table: Integers
) -> bool:
    """Look a key of object `owner` up in the open-addressed table, and put it in when it is new."""
    mask = table.shape[0] - 1
    slot = np.int64(hashed >> np.uint64(33)) & mask
    while table[slot, 0] == generation:
        if table[slot, 1] == owner and table[slot, 3] == length and _same(data, table[slot, 2], start, length):
            return True
        slot = (slot + 1) & mask
    table[slot, 0] = generation
    table[slot, 1] = owner
    table[slot, 2] = start
    table[slot, 3] = length
    return False


@compiled
def _scan(  # noqa: PLR0917
    data: Bytes, start: int, end: int, generation: int, table: Integers, owners: Integers
) -> int:
    """Scan one record. `owners[d]` is the serial number of the object open at depth d, 0 for an array."""
    depth, objects = 0, 0
    expects_key, verdict = False, CLEAN
    i = start
    while i < end:
        byte = data[i]
        if byte == _QUOTE:
            i += 1
            first = i
            hashed = _FNV_OFFSET
            escaped = False
            while i < end and data[i] != _QUOTE:
                if data[i] == _BACKSLASH:
                    escaped = True
                    i += 1
                elif expects_key:
                    hashed = (hashed ^ np.uint64(data[i])) * _FNV_PRIME
                i += 1
            if expects_key:
                expects_key = False
                if escaped:
                    verdict = ESCAPED_KEY
                elif _seen(data, first, i - first, owners[depth], hashed + np.uint64(owners[depth]), generation, table):
                    return DUPLICATE
        elif byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            depth += 1
            if depth > MAX_DEPTH:
                return TOO_DEEP
            expects_key = byte == _OPEN_OBJECT
            objects += 1
            owners[depth] = objects if expects_key else 0
        elif byte in (_CLOSE_OBJECT, _CLOSE_ARRAY):
            depth = max(depth - 1, 0)
            expects_key = False
        elif byte == _COMMA:
            expects_key = owners[depth] != 0 and depth > 0
        i += 1
    return verdict


@compiled
def _scan_all(data: Bytes, ends: Integers, table: Integers, owners: Integers, verdicts: Integers) -> None:
    start = 0
    for record in range(ends.shape[0]):
        verdicts[record] = _scan(data, start, ends[record], record + 1, table, owners)
        start = ends[record]


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
    lengths = np.fromiter(map(len, records), np.int64, len(records))
    slots = _SLOTS_AT_LEAST
    while slots * _BYTES_A_KEY < 2 * int(lengths.max()):
        slots *= 2
    table = np.zeros((slots, 4), np.int64)
    verdicts = np.zeros(len(records), np.int64)
    owners = np.zeros(MAX_DEPTH + 1, np.int64)
    _scan_all(np.frombuffer(b"".join(records), np.uint8), lengths.cumsum(), table, owners, verdicts)
    found: list[int] = verdicts.tolist()
    for position, verdict in enumerate(found):
        if verdict == ESCAPED_KEY:
            found[position] = DUPLICATE if has_repeated_key(records[position]) else CLEAN
    return found
