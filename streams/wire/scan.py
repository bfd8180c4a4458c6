"""One compiled pass over the bytes of a batch of call events: from records to facts, without an object a record.

The scan takes only what it is certain of: plain JSON (ASCII, no escapes in names and in texts that are read, plain
integers) that keeps the contract, repeats no key and needs no repair. All else is `ODD`, for the decoder to judge
(`streams.wire.decoder`): the scan refuses nothing by itself, so what is accepted, and why something is not, is the
decoder's word alone.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detector.columns.arrays import Bytes, Ints, Words
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.facts import (
    ABSENT,
    ANSWER_TIME,
    CALLED,
    CALLING,
    FROM,
    NUMBER_FIELDS,
    PRESENCE,
    SETUP_TIME,
    SPAN_FIELDS,
    TEXT_FIELDS,
    Facts,
    Texts,
)
from detector.columns.hashing import load
from detector.contract.events import MAX_RECORD_BYTES
from detector.contract.numbers import FORMATTING
from streams.wire.record_columns import Records
from streams.wire.scan_json import (
    MOST_NAMES,
    MOST_NESTED,
    ODD_AT,
    Position,
    first_mark,
    is_null,
    is_true,
    read_integer,
    read_literal,
    read_text,
    read_value,
    remember_name,
    skip_space,
    special,
    text_end,
)
from streams.wire.scan_tables import (
    BOOLEAN,
    CHOICE,
    FOLD,
    INTEGER,
    KEY_WORDS,
    LIST,
    N_COLUMNS,
    ODD,
    SETUP,
    SLOT_BITS,
    TEXT,
    TYPE,
    Tables,
    make_tables,
)

_QUOTE, _COMMA, _COLON, _OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST, _LOWER_N = (
    0x22,
    0x2C,
    0x3A,
    0x7B,
    0x7D,
    0x5B,
    0x5D,
    0x6E,
)
_ONE, _SEVEN, _EIGHT = np.uint64(1), np.uint64(7), np.uint64(8)
_SLOT_SHIFT = np.uint64(64 - SLOT_BITS)
_UNKNOWN = -1
_N_SPANS, _N_NUMBERS, _N_TEXTS = len(SPAN_FIELDS), len(NUMBER_FIELDS), len(TEXT_FIELDS)
_IS_FORMATTING = np.zeros(256, np.bool_)
_IS_FORMATTING[[ord(character) for character in FORMATTING]] = True
_SCRATCH_ROWS = MOST_NAMES + MOST_NESTED + 1
_TABLES = make_tables()

# Columns, unsigned: a signed index costs numba a test for wrap-around, which makes the scan five times slower.
_START, _STOP = np.uint64(0), np.uint64(1)
_PRESENCE, _ANSWER_TIME, _SETUP_TIME = np.uint64(PRESENCE), np.uint64(ANSWER_TIME), np.uint64(SETUP_TIME)
_KIND, _IS_OPTIONAL, _LOW, _HIGH, _MOST_ITEMS, _SPAN, _NUMBER, _PRESENCE_BIT, _FIRST_CHOICE, _N_CHOICES, _LENGTH = (
    np.uint64(column) for column in range(N_COLUMNS)
)
_W0, _W1, _W2, _CHOICE_LENGTH, _CHOICE_CODE = (np.uint64(column) for column in range(KEY_WORDS + 2))


class Found(NamedTuple):
    """Where the scan writes: one row a record, and scratch for names (see `streams.wire.scan_json.remember_name`)."""

    verdicts: Ints
    spans: Ints
    numbers: Ints
    names: Words


@compiled_inline
def _below(marks: Position) -> Position:
    """Mask of the bytes below the lowest mark; without the shift, 7 bits of its own byte would be in it, too."""
    return ((marks & (~marks + _ONE)) - _ONE) >> _SEVEN


@compiled_inline
def _words(data: Bytes, i: Position) -> tuple[Position, Position, Position, Position]:
    """Read plain text of up to 24 bytes that a quote ends: its words, zeros behind, and where the quote is."""
    one, two, three = load(data, i), ODD_AT, ODD_AT
    marks = special(one)
    if marks != ODD_AT:
        one &= _below(marks)
    else:
        i += _EIGHT
        two = load(data, i)
        marks = special(two)
        if marks != ODD_AT:
            two &= _below(marks)
        else:
            i += _EIGHT
            three = load(data, i)
            marks = special(three)
            if marks == ODD_AT:
                return one, two, three, ODD_AT
            three &= _below(marks)
    stop = i + first_mark(marks)
    return one, two, three, stop if data[stop] == _QUOTE else ODD_AT


@compiled_inline
def _field(words: tuple[Position, Position, Position], length: Position, tables: Tables) -> int:
    """Find the field of a name."""
    one, two, three = words
    slot = ((one ^ (two * FOLD) ^ length) * tables.multiplier[0]) >> _SLOT_SHIFT
    field = tables.slots[slot]
    at = np.uint64(max(field, 0))
    is_same = tables.keys[at, 0] == one and tables.keys[at, 1] == two and tables.keys[at, 2] == three
    return field if is_same and tables.fields[at, _LENGTH] == np.int64(length) else _UNKNOWN


@compiled_borrowing
def _choice(data: Bytes, i: Position, field: Position, tables: Tables) -> tuple[Position, int]:
    """Read one of the permitted texts; returns also its code."""
    if data[i] != _QUOTE:
        return ODD_AT, 0
    one, two, three, stop = _words(data, i + _ONE)
    if stop == ODD_AT:
        return ODD_AT, 0
    at = np.uint64(tables.fields[field, _FIRST_CHOICE])
    last = at + np.uint64(tables.fields[field, _N_CHOICES])
    while at < last:
        is_same = tables.choices[at, _W0] == one and tables.choices[at, _W1] == two and tables.choices[at, _W2] == three
        if is_same and tables.choices[at, _CHOICE_LENGTH] == stop - i - _ONE:
            return stop + _ONE, int(tables.choices[at, _CHOICE_CODE])
        at += _ONE
    return ODD_AT, 0


@compiled_borrowing
def _list(data: Bytes, i: Position, field: Position, tables: Tables) -> tuple[Position, int]:
    """Read a list of texts; returns also how many there are."""
    if data[i] != _OPEN_LIST:
        return ODD_AT, 0
    i = skip_space(data, i + _ONE)
    if data[i] == _CLOSE_LIST:
        return i + _ONE, 0
    low, high, most = tables.fields[field, _LOW], tables.fields[field, _HIGH], tables.fields[field, _MOST_ITEMS]
    count = 0
    while True:
        i, length = read_text(data, i)
        count += 1
        if i == ODD_AT or not low <= np.int64(length) <= high or count > most:
            return ODD_AT, 0
        i = skip_space(data, i)
        if data[i] == _CLOSE_LIST:
            return i + _ONE, count
        if data[i] != _COMMA:
            return ODD_AT, 0
        i = skip_space(data, i + _ONE)


@compiled_inline
def _text(data: Bytes, i: Position, field: Position, tables: Tables, found: Found, row: Position) -> Position:
    """Read a text whose quote stands at `i`."""
    span = tables.fields[field, _SPAN]
    if span < 0:
        i, characters = read_text(data, i)
        length = np.int64(characters)
    else:
        start = i + _ONE
        i = text_end(data, start)
        if data[i] != _QUOTE:
            return ODD_AT
        length = np.int64(i - start)
        found.spans[row, np.uint64(span), _START] = np.int64(start)
        found.spans[row, np.uint64(span), _STOP] = np.int64(i)
        i += _ONE
    if not tables.fields[field, _LOW] <= length <= tables.fields[field, _HIGH]:
        return ODD_AT
    if length > 0:
        found.numbers[row, _PRESENCE] |= tables.fields[field, _PRESENCE_BIT]
    return i


@compiled_inline
def _integer(data: Bytes, i: Position, field: Position, tables: Tables, found: Found, row: Position) -> Position:
    i, value = read_integer(data, i)
    if not tables.fields[field, _LOW] <= value <= tables.fields[field, _HIGH]:
        return ODD_AT
    number = tables.fields[field, _NUMBER]
    if number >= 0:
        found.numbers[row, np.uint64(number)] = value
    return i


@compiled_borrowing
def _rare(data: Bytes, i: Position, field: Position, tables: Tables, found: Found, row: Position) -> Position:
    """Read a value that is neither text nor integer, or null."""
    if tables.fields[field, _IS_OPTIONAL] != 0 and is_null(data, i):
        return read_literal(data, i)
    kind, is_there = tables.fields[field, _KIND], False
    if kind == TYPE:
        i, found.verdicts[row] = _choice(data, i, field, tables)
    elif kind == CHOICE:
        i, code = _choice(data, i, field, tables)
        number = tables.fields[field, _NUMBER]
        if number >= 0:
            found.numbers[row, np.uint64(number)] = code
    elif kind == LIST:
        i, count = _list(data, i, field, tables)
        is_there = count > 0
    elif kind == BOOLEAN and not is_null(data, i):
        is_there = is_true(data, i)
        i = read_literal(data, i)
    else:
        return ODD_AT
    if is_there:
        found.numbers[row, _PRESENCE] |= tables.fields[field, _PRESENCE_BIT]
    return i


@compiled_inline
def _value(data: Bytes, i: Position, field: Position, tables: Tables, found: Found, row: Position) -> Position:
    kind = tables.fields[field, _KIND]
    if kind == TEXT and data[i] == _QUOTE:
        return _text(data, i, field, tables, found, row)
    if kind == INTEGER and data[i] != _LOWER_N:
        return _integer(data, i, field, tables, found, row)
    return _rare(data, i, field, tables, found, row)


@compiled_inline
def _member(
    data: Bytes, i: Position, seen: Position, tables: Tables, found: Found, row: Position
) -> tuple[Position, Position]:
    """Read a name and its value; returns also the bits of the fields seen so far."""
    if data[i] != _QUOTE:
        return ODD_AT, seen
    first = i + _ONE
    one, two, three, stop = _words(data, first)
    field = _UNKNOWN
    if stop == ODD_AT:
        stop = text_end(data, first)
    else:
        field = _field((one, two, three), stop - first, tables)
    if data[stop] != _QUOTE:
        return ODD_AT, seen
    i = skip_space(data, stop + _ONE)
    if data[i] != _COLON:
        return ODD_AT, seen
    i = skip_space(data, i + _ONE)
    if field == _UNKNOWN:
        is_new = remember_name(data, first, stop, ODD_AT, found.names)
        return read_value(data, i, found.names) if is_new else ODD_AT, seen
    bit = _ONE << np.uint64(field)
    if seen & bit != ODD_AT:
        return ODD_AT, seen
    return _value(data, i, np.uint64(field), tables, found, row), seen | bit


@compiled_inline
def _is_formatted(data: Bytes, found: Found, row: Position) -> bool:
    """Tell whether a number of the record may have another form than its normal one."""
    is_formatted = False
    for span in (CALLING, CALLED, FROM):
        i = np.uint64(found.spans[row, np.uint64(span), _START])
        stop = np.uint64(found.spans[row, np.uint64(span), _STOP])
        while i < stop:
            is_formatted |= _IS_FORMATTING[data[i]]
            i += _ONE
    return is_formatted


@compiled_borrowing
def _record(data: Bytes, start: Position, end: Position, tables: Tables, found: Found, row: Position) -> bool:
    """Scan one record; True when it is certain."""
    for span in range(_N_SPANS):
        found.spans[row, np.uint64(span), _START] = ABSENT
        found.spans[row, np.uint64(span), _STOP] = ABSENT
    for number in range(_N_NUMBERS):
        found.numbers[row, np.uint64(number)] = 0
    found.numbers[row, _ANSWER_TIME] = found.numbers[row, _SETUP_TIME] = ABSENT
    found.names[0, 0] = found.names[0, 1] = ODD_AT
    found.verdicts[row] = ODD
    i = skip_space(data, start)
    if data[i] != _OPEN:
        return False
    i = skip_space(data, i + _ONE)
    seen = np.uint64(0)
    while True:
        i, seen = _member(data, i, seen, tables, found, row)
        if i == ODD_AT:
            return False
        i = skip_space(data, i)
        if data[i] != _COMMA:
            break
        i = skip_space(data, i + _ONE)
    required = tables.required[np.uint64(found.verdicts[row])]
    if data[i] != _CLOSE or skip_space(data, i + _ONE) != end or seen & required != required:
        return False
    return not _is_formatted(data, found, row)


@compiled_borrowing
def _scan(data: Bytes, records: Ints, tables: Tables, found: Found) -> int:
    """Scan all records, shape (n, 2); returns how many are odd."""
    odd = 0
    for record in range(len(records)):
        row = np.uint64(record)
        start, stop = records[row, _START], records[row, _STOP]
        is_candidate = start >= 0 and stop - start <= MAX_RECORD_BYTES
        if not is_candidate or not _record(data, np.uint64(start), np.uint64(stop), tables, found, row):
            found.verdicts[row] = ODD
            odd += 1
    return odd


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the scan has found.

    Attributes:
        verdicts: Shape (n,) int64: `SETUP`, `END`, or `ODD`.
        odd: How many are odd.
        facts: Of all records; those of the odd ones mean nothing.
    """

    verdicts: Ints
    odd: int
    facts: Facts


def scan(records: Records) -> Scanned:
    """Scan the records of a batch. Linear in the bytes; never raises for what a record holds, never blocks."""
    count = len(records)
    verdicts = np.empty(count, np.int64)
    spans = np.empty((count, _N_SPANS, 2), np.int64)
    numbers = np.empty((count, _N_NUMBERS), np.int64)
    names = np.empty((_SCRATCH_ROWS, 3), np.uint64)
    odd = _scan(records.data, records.spans, _TABLES, Found(verdicts, spans, numbers, names))
    texts = Texts(records.data, spans[:, :_N_TEXTS].copy())
    return Scanned(verdicts, odd, Facts(verdicts == SETUP, records.data, spans, numbers, texts))
