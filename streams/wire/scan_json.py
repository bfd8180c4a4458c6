"""JSON as bytes, compiled: strings, numbers and whole values, as far as they are plain.

Every function takes a position in `data` and returns the one behind what it has read, or `ODD_AT` when that is not what
it is certain of. The caller guarantees the layout of `streams.wire.record_columns`: a NUL stands behind every record
and 32 of them behind the last. NUL is no part of plain JSON, so nothing runs past the end of its record, and words may
be loaded anywhere before it.
"""

import numpy as np

from detector.columns.arrays import Bytes, Words
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.hashing import load

Position = np.uint64

ODD_AT = np.uint64(0)
"""No value ends at position 0."""
MOST_NAMES = 32
"""Names of fields that the contract does not know, in one record."""
MOST_NESTED = 16
"""Levels below a field that the contract does not know."""

_ONE, _TWO, _FOUR, _FIVE, _EIGHT = (np.uint64(n) for n in (1, 2, 4, 5, 8))
_QUOTE, _BACKSLASH, _COMMA, _COLON, _MINUS, _POINT = 0x22, 0x5C, 0x2C, 0x3A, 0x2D, 0x2E
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = 0x7B, 0x7D, 0x5B, 0x5D
_ZERO, _NINE, _SPACE, _TAB, _NEWLINE, _RETURN, _LOWER_E = 0x30, 0x39, 0x20, 0x09, 0x0A, 0x0D, 0x65
_ESCAPES = np.zeros(256, dtype=np.bool_)
_ESCAPES[list(b'"\\/bfnrt')] = True

_ONES, _HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_QUOTES, _BACKSLASHES, _SPACES = np.uint64(_QUOTE) * _ONES, np.uint64(_BACKSLASH) * _ONES, np.uint64(_SPACE) * _ONES
_TOP = np.uint64(56)
_HALF_WORD = np.uint64(0xFFFFFFFF)
_TRUE, _FALSE, _NULL = (np.uint64(int.from_bytes(text, "little")) for text in (b"true", b"fals", b"null"))
_LONGEST_NUMBER = np.uint64(18)


@compiled_inline
def special(word: Position) -> Position:
    """Mark the bytes that end plain text: quote, backslash, below space, above 0x7F. The lowest mark is exact.

    A mark is the highest bit of the byte; a borrow may mark a byte above one that is marked rightly (Mycroft 1987).
    """
    quote, backslash = word ^ _QUOTES, word ^ _BACKSLASHES
    return (
        ((quote - _ONES) & ~quote) | ((backslash - _ONES) & ~backslash) | ((word - _SPACES) & ~word) | word
    ) & _HIGHS


@compiled_inline
def first_mark(marks: Position) -> Position:
    """Index of the lowest marked byte; `marks` is not 0."""
    below = (marks & (~marks + _ONE)) - _ONE
    return (((below & _ONES) * _ONES) >> _TOP) - _ONE


@compiled_inline
def skip_space(data: Bytes, i: Position) -> Position:
    """Pass JSON white space."""
    while data[i] <= _SPACE and (data[i] == _SPACE or data[i] == _NEWLINE or data[i] == _RETURN or data[i] == _TAB):
        i += _ONE
    return i


@compiled_inline
def text_end(data: Bytes, i: Position) -> Position:
    """Find the first byte that is not plain text."""
    marks = special(load(data, i))
    while marks == ODD_AT:
        i += _EIGHT
        marks = special(load(data, i))
    return i + first_mark(marks)


@compiled_borrowing
def read_text(data: Bytes, i: Position) -> tuple[Position, Position]:
    """Read a string, simple escapes included; returns also how many characters it has."""
    if data[i] != _QUOTE:
        return ODD_AT, ODD_AT
    start = i + _ONE
    escapes = np.uint64(0)
    i = text_end(data, start)
    while data[i] == _BACKSLASH and _ESCAPES[data[i + _ONE]]:
        escapes += _ONE
        i = text_end(data, i + _TWO)
    if data[i] != _QUOTE:
        return ODD_AT, ODD_AT
    return i + _ONE, i - start - escapes


@compiled_inline
def read_literal(data: Bytes, i: Position) -> Position:
    """Read `true`, `false` or `null`."""
    word = load(data, i) & _HALF_WORD
    if word in (_TRUE, _NULL):
        return i + _FOUR
    return i + _FIVE if word == _FALSE and data[i + _FOUR] == _LOWER_E else ODD_AT


@compiled_inline
def is_null(data: Bytes, i: Position) -> bool:
    """Tell whether a `null` stands here."""
    return bool(load(data, i) & _HALF_WORD == _NULL)


@compiled_inline
def is_true(data: Bytes, i: Position) -> bool:
    """Tell whether a `true` stands here."""
    return bool(load(data, i) & _HALF_WORD == _TRUE)


@compiled_inline
def read_integer(data: Bytes, i: Position) -> tuple[Position, int]:
    """Read an integer of 1 to 18 digits and no sign; returns also its value. What follows is the caller's to judge."""
    first, value = i, 0
    while _ZERO <= data[i] <= _NINE and i - first < _LONGEST_NUMBER:
        value = value * 10 + int(data[i]) - _ZERO
        i += _ONE
    if i == first or (data[first] == _ZERO and i - first > _ONE):
        return ODD_AT, 0
    return i, value


@compiled_borrowing
def _number(data: Bytes, i: Position) -> Position:
    """Read a number without exponent, of up to 18 digits before the point and behind it."""
    if data[i] == _MINUS:
        i += _ONE
    i, _ = read_integer(data, i)
    if i == ODD_AT or data[i] != _POINT:
        return i
    first = i + _ONE
    i = first
    while _ZERO <= data[i] <= _NINE and i - first < _LONGEST_NUMBER:
        i += _ONE
    return i if i > first else ODD_AT


@compiled_borrowing
def remember_name(data: Bytes, first: Position, stop: Position, owner: Position, names: Words) -> bool:
    """Keep the name of a field of the object `owner`; False when it is there already, or there are too many.

    `names[0, 0]` counts those below it; each has its object, start and stop.
    """
    count = names[0, 0]
    if count >= np.uint64(MOST_NAMES):
        return False
    row = _ONE
    while row <= count:
        if names[row, 0] == owner and names[row, 2] - names[row, 1] == stop - first:
            at, other = first, names[row, 1]
            while at < stop and data[at] == data[other]:
                at += _ONE
                other += _ONE
            if at == stop:
                return False
        row += _ONE
    names[0, 0] = count + _ONE
    names[row, 0], names[row, 1], names[row, 2] = owner, first, stop
    return True


@compiled_borrowing
def _name(data: Bytes, i: Position, owner: Position, names: Words) -> Position:
    """Read the name of a nested field and its colon; returns where the value starts."""
    i = skip_space(data, i)
    if data[i] != _QUOTE:
        return ODD_AT
    first = i + _ONE
    stop = text_end(data, first)
    if data[stop] != _QUOTE or not remember_name(data, first, stop, owner, names):
        return ODD_AT
    i = skip_space(data, stop + _ONE)
    return skip_space(data, i + _ONE) if data[i] == _COLON else ODD_AT


@compiled_borrowing
def _scalar(data: Bytes, i: Position) -> Position:
    byte = data[i]
    if byte == _QUOTE:
        return read_text(data, i)[0]
    if byte == _MINUS or _ZERO <= byte <= _NINE:
        return _number(data, i)
    return read_literal(data, i)


@compiled_borrowing
def read_value(data: Bytes, i: Position, names: Words) -> Position:
    """Read any value, as deep as `MOST_NESTED`, no name repeated in any of its objects. Scratch: see `remember_name`.

    `names[MOST_NAMES + 1 + d, 0]` is the serial number of the object open at depth d, 0 for an array.
    """
    depth = np.uint64(MOST_NAMES)
    while True:
        byte = data[i]
        if byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            depth += _ONE
            if depth > np.uint64(MOST_NAMES + MOST_NESTED):
                return ODD_AT
            names[0, 1] += _ONE
            names[depth, 0] = names[0, 1] if byte == _OPEN_OBJECT else ODD_AT
            i = skip_space(data, i + _ONE)
            is_empty = data[i] == byte + _TWO  # `}` is `{` and 2, `]` is `[` and 2
            if not is_empty:
                if byte == _OPEN_OBJECT:
                    i = _name(data, i, names[depth, 0], names)
                if i == ODD_AT:
                    return ODD_AT
                continue
        else:
            i = _scalar(data, i)
            if i == ODD_AT:
                return ODD_AT
        i, depth = _after(data, i, depth, names)
        if i == ODD_AT or depth == np.uint64(MOST_NAMES):
            return i


@compiled_borrowing
def _after(data: Bytes, i: Position, depth: Position, names: Words) -> tuple[Position, Position]:
    """Close what ends behind a value, and pass the comma; returns where the next value starts, and how deep."""
    while depth > np.uint64(MOST_NAMES):
        is_object = names[depth, 0] != ODD_AT
        i = skip_space(data, i)
        if data[i] == _COMMA:
            i = _name(data, i + _ONE, names[depth, 0], names) if is_object else skip_space(data, i + _ONE)
            return i, depth
        if data[i] != (_CLOSE_OBJECT if is_object else _CLOSE_ARRAY):
            return ODD_AT, depth
        i += _ONE
        depth -= _ONE
    return i, depth
