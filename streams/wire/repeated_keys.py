"""Find repeated keys and excessive depth in JSON, which the decoder accepts in silence (RFC 8259 section 4).

Two readers of one record must not see two different calling numbers, so a repeated key at any level refuses the record.
Only records that the scan left to the decoder are asked about here: the scan takes none that repeats a key. One
compiled pass: names are written without escapes side by side, and looked up in a table under a seed of this process,
so that nobody can choose names that collide.
"""

import secrets
from typing import NamedTuple

import numpy as np

from detector.columns.arrays import Bytes, Ints
from detector.columns.compiled import compiled_borrowing
from detector.columns.hashing import hash_bytes, mix

MAX_DEPTH = 64
NOTHING, TOO_DEEP, REPEATED = range(3)

_QUOTE, _BACKSLASH, _COMMA, _LOWER_U = 0x22, 0x5C, 0x2C, 0x75
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = 0x7B, 0x7D, 0x5B, 0x5D
_HIGH, _LOW, _SURROGATES_END, _ASTRAL = 0xD800, 0xDC00, 0xE000, 0x10000
_TWO_BYTES, _THREE_BYTES = 0x80, 0x800
_UNICODE_BYTES = 6
_SEED = secrets.randbits(62)
_MEANT = np.arange(256, dtype=np.uint8)
_MEANT[list(b"bfnrt")] = list(b"\b\f\n\r\t")
_DIGITS = np.zeros(256, np.int64)
for _digit in "0123456789abcdefABCDEF":
    _DIGITS[ord(_digit)] = int(_digit, 16)


class _Scratch(NamedTuple):
    """Where the pass writes.

    Attributes:
        texts: Shape (bytes of the record,) uint8: the names met so far, one behind the other.
        names: Shape (names, 3) int64: object, start and stop in `texts` of each name.
        slots: Shape (power of two,) int64: number of a name by its hash, counted from 1; 0 where there is none.
        owners: Shape (MAX_DEPTH + 1,) int64: serial number of the object open at each depth, 0 of an array.
    """

    texts: Bytes
    names: Ints
    slots: Ints
    owners: Ints


@compiled_borrowing
def _unit(data: Bytes, i: int) -> int:
    """Value of four hexadecimal digits."""
    return int(_DIGITS[data[i]] << 12 | _DIGITS[data[i + 1]] << 8 | _DIGITS[data[i + 2]] << 4 | _DIGITS[data[i + 3]])


@compiled_borrowing
def _put(character: int, texts: Bytes, at: int) -> int:
    """Write a character as UTF-8, a lone surrogate too; returns where the next one stands."""
    if character < _TWO_BYTES:
        texts[at] = character
        return at + 1
    if character < _THREE_BYTES:
        texts[at] = 0xC0 | character >> 6
    elif character < _ASTRAL:
        texts[at] = 0xE0 | character >> 12
    else:
        texts[at] = 0xF0 | character >> 18
        at += 1
        texts[at] = 0x80 | character >> 12 & 0x3F
    if character >= _THREE_BYTES:
        at += 1
        texts[at] = 0x80 | character >> 6 & 0x3F
    texts[at + 1] = 0x80 | character & 0x3F
    return at + 2


@compiled_borrowing
def _escaped(data: Bytes, i: int, texts: Bytes, at: int) -> tuple[int, int]:
    """Write what the escape at `i` means, a pair of surrogates as one character; returns what follows, twice."""
    last = len(data) - _UNICODE_BYTES
    if i > last or data[i + 1] != _LOWER_U:
        if i + 1 < len(data):
            texts[at] = _MEANT[data[i + 1]]
        return i + 2, at + 1
    character, i = _unit(data, i + 2), i + _UNICODE_BYTES
    if _HIGH <= character < _LOW and i <= last and data[i] == _BACKSLASH and data[i + 1] == _LOWER_U:
        second = _unit(data, i + 2)
        if _LOW <= second < _SURROGATES_END:
            character = _ASTRAL + ((character - _HIGH) << 10) + second - _LOW
            i += _UNICODE_BYTES
    return i, _put(character, texts, at)


@compiled_borrowing
def _name(data: Bytes, i: int, texts: Bytes, at: int) -> tuple[int, int]:
    """Write the string that begins at `i` without its escapes; returns where its quote is, and where the text ends."""
    while i < len(data) and data[i] != _QUOTE:
        if data[i] == _BACKSLASH:
            i, at = _escaped(data, i, texts, at)
        else:
            texts[at] = data[i]
            i += 1
            at += 1
    return i, at


@compiled_borrowing
def _text(data: Bytes, i: int) -> int:
    """Find the quote that ends the string that begins at `i`."""
    while i < len(data) and data[i] != _QUOTE:
        i += 2 if data[i] == _BACKSLASH else 1
    return i


@compiled_borrowing
def _is_known(scratch: _Scratch, count: int, seed: int) -> bool:
    """Tell whether the object of the name numbered `count` has it already, and remember it."""
    texts, names, slots, _ = scratch
    owner, start, stop = names[count - 1]
    mask = len(slots) - 1
    slot = mix(seed, hash_bytes(texts, start, stop, seed), owner) & mask
    while slots[slot]:
        other = names[slots[slot] - 1]
        if other[0] == owner and other[2] - other[1] == stop - start:
            at = start
            while at < stop and texts[at] == texts[other[1] + at - start]:
                at += 1
            if at == stop:
                return True
        slot = (slot + 1) & mask
    slots[slot] = count
    return False


@compiled_borrowing
def _pass(data: Bytes, scratch: _Scratch, seed: int) -> int:
    texts, names, _, owners = scratch
    depth = objects = count = at = i = 0
    is_name = is_repeated = False
    while i < len(data):
        byte = data[i]
        if byte == _QUOTE and is_name and count < len(names):
            start = at
            i, at = _name(data, i + 1, texts, at)
            names[count, 0], names[count, 1], names[count, 2] = owners[depth], start, at
            count += 1
            is_name = False
            is_repeated |= i < len(data) and _is_known(scratch, count, seed)
        elif byte == _QUOTE:
            i = _text(data, i + 1)
        elif byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            depth += 1
            if depth > MAX_DEPTH:
                return TOO_DEEP
            is_name = byte == _OPEN_OBJECT
            objects += is_name
            owners[depth] = objects if is_name else 0
        elif byte in (_CLOSE_OBJECT, _CLOSE_ARRAY):
            depth = max(depth - 1, 0)
        elif byte == _COMMA:
            is_name = owners[depth] > 0
        i += 1
    return REPEATED if is_repeated else NOTHING


def look(record: bytes) -> int:
    """Say whether JSON nests deeper than `MAX_DEPTH`, or an object of it repeats a key, however it is written.

    Linear in the bytes: 16 KiB take some tens of microseconds, whatever they hold. Never raises.

    Args:
        record: UTF-8. Of what is not JSON nothing certain is said.

    Returns:
        `TOO_DEEP`, which goes before, `REPEATED` or `NOTHING`.
    """
    if not record:
        return NOTHING
    most = record.count(b":") + 1
    texts, names = np.empty(len(record), np.uint8), np.empty((most, 3), np.int64)
    slots, owners = np.zeros(1 << (2 * most).bit_length(), np.int64), np.zeros(MAX_DEPTH + 1, np.int64)
    return _pass(np.frombuffer(record, np.uint8), _Scratch(texts, names, slots, owners), _SEED)
