"""What the scan of record bytes needs to know of the event contract, as arrays, made from the domain's dataclasses."""

from dataclasses import MISSING, Field, fields
from enum import StrEnum
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np

from detector.columns.arrays import Ints, Words
from detector.columns.facts import CHOICE_CODES, NUMBER_FIELDS, PRESENCE_BITS, SPAN_FIELDS
from detector.contract.events import CallEnd, CallSetup

ODD, END, SETUP = 0, 1, 2
"""Verdicts of the scan, and codes of the field `type`: SETUP and END are certain, ODD is for the decoder to judge."""

TYPE, TEXT, CHOICE, INTEGER, BOOLEAN, LIST = range(6)
KIND, IS_OPTIONAL, LOW, HIGH, MOST_ITEMS, SPAN, NUMBER, PRESENCE_BIT, FIRST_CHOICE, N_CHOICES, LENGTH = range(11)
N_COLUMNS = LENGTH + 1
"""Columns of `Tables.fields`. `LOW` and `HIGH` bound the length of a text, of each text of a list, or an integer."""

KEY_WORDS = 3
"""Words of 8 bytes that a known key or choice fits in."""
CHOICE_LENGTH, CHOICE_CODE = KEY_WORDS, KEY_WORDS + 1

SLOT_BITS = 8
MULTIPLIERS = np.arange(0x9E3779B97F4A7C15, 0x9E3779B97F4A7C15 + 2000, 2, dtype=np.uint64)
FOLD = np.uint64(0xC2B2AE3D27D4EB4F)
NO_RECORD = (1 << 64) - 1
NO_LIMIT = 1 << 40
"""Longer than any record."""


class Tables(NamedTuple):
    """The contract as arrays.

    Attributes:
        fields: Shape (fields, 11) int64, see `KIND` and following; `SPAN`, `NUMBER` are columns of `Facts` or -1.
        keys: Shape (fields, KEY_WORDS) uint64: their names, little-endian, zeros behind.
        slots: Shape (1 << SLOT_BITS,) int64: field by hash of its name, -1 where there is none.
        choices: Shape (choices, KEY_WORDS + 2) uint64: permitted texts, as `keys`, their lengths and codes.
        required: Shape (3,) uint64: bits of the fields that a record needs, by its type; none has those of `ODD`.
        multiplier: Shape (1,) uint64, of the hash; with it no two names share a slot.
    """

    fields: Ints
    keys: Words
    slots: Ints
    choices: Words
    required: Words
    multiplier: Words


def _words(text: str) -> list[int]:
    raw = text.encode("ascii")
    if len(raw) > 8 * KEY_WORDS:
        raise ValueError(f"{text!r} is longer than {8 * KEY_WORDS} bytes: raise KEY_WORDS and the scan's loads with it")
    return [int.from_bytes(raw[start : start + 8], "little") for start in range(0, 8 * KEY_WORDS, 8)]


def _inner(hint: Any) -> tuple[Any, bool]:
    """Type of a field without its None, and whether it may be null."""
    if get_origin(hint) not in {Union, UnionType}:
        return hint, False
    (inner,) = (argument for argument in get_args(hint) if argument is not type(None))
    return inner, True


def _kind(hint: Any) -> int:
    if get_origin(hint) is list and get_args(hint) == (str,):
        return LIST
    if issubclass(hint, StrEnum):
        return CHOICE
    return {str: TEXT, int: INTEGER, bool: BOOLEAN}[hint]


def _index(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name in names else -1


def _field_row(field: Field[Any], hint: Any, choices: list[list[int]]) -> list[int]:
    inner, is_optional = _inner(hint)
    kind, bounds = _kind(inner), field.metadata["bounds"]
    first = len(choices)
    if kind == CHOICE:
        codes = CHOICE_CODES.get(field.name, {})
        choices += [[*_words(value), len(value), codes.get(value, 0)] for value in inner]
    is_integer = kind == INTEGER
    return [
        kind,
        int(is_optional),
        bounds["ge"] if is_integer else bounds.get("min_length", 0),
        bounds["le"] if is_integer else bounds.get("max_length", NO_LIMIT),
        bounds.get("max_items", NO_LIMIT),
        _index(SPAN_FIELDS, field.name),
        _index(NUMBER_FIELDS, field.name),
        PRESENCE_BITS.get(field.name, 0),
        first if kind == CHOICE else 0,
        len(choices) - first,
        len(field.name),
    ]


def _known(domain: type[Any], choices: list[list[int]]) -> dict[str, list[int]]:
    hints = get_type_hints(domain)
    return {field.name: _field_row(field, hints[field.name], choices) for field in fields(domain)}


def _slots(keys: Words, lengths: Ints) -> tuple[Ints, Words]:
    """Find a multiplier that gives every name a slot of its own, and fill the slots."""
    folded = keys[:, 0] ^ (keys[:, 1] * FOLD) ^ lengths.astype(np.uint64)
    for first in range(len(MULTIPLIERS)):
        multiplier = MULTIPLIERS[first : first + 1]
        slot = (folded * multiplier) >> np.uint64(64 - SLOT_BITS)
        if len(np.unique(slot)) == len(slot):
            slots = np.full(1 << SLOT_BITS, -1, dtype=np.int64)
            slots[slot] = np.arange(len(slot))
            return slots, multiplier
    raise ValueError("no multiplier keeps the names of all fields apart: raise SLOT_BITS")


def _required(names: list[str], domain: type[Any]) -> int:
    needed = ["type", *(field.name for field in fields(domain) if field.default is MISSING)]
    return sum(1 << names.index(name) for name in needed)


def make_tables() -> Tables:
    """Make them from `CallSetup` and `CallEnd`.

    Raises:
        ValueError: The contract has outgrown them; the message says where.
    """
    choices = [[*_words("call_end"), len("call_end"), END], [*_words("call_setup"), len("call_setup"), SETUP]]
    known = {"type": [TYPE, 0, 0, 0, 0, -1, -1, 0, 0, len(choices), len("type")]}
    known |= _known(CallSetup, choices)
    for name, row in _known(CallEnd, choices).items():
        seen = known.setdefault(name, row)
        seen[IS_OPTIONAL] = min(seen[IS_OPTIONAL], row[IS_OPTIONAL])  # null is odd where either kind refuses it
        if seen[:IS_OPTIONAL] != row[:IS_OPTIONAL] or seen[IS_OPTIONAL + 1 :] != row[IS_OPTIONAL + 1 :]:
            raise ValueError(f"{name!r} means different things in a call_setup and a call_end: the scan knows one")
    names = list(known)
    table = np.array(list(known.values()), dtype=np.int64)
    keys = np.array([_words(name) for name in names], dtype=np.uint64)
    slots, multiplier = _slots(keys, table[:, LENGTH])
    required = np.array([NO_RECORD, _required(names, CallEnd), _required(names, CallSetup)], dtype=np.uint64)
    return Tables(table, keys, slots, np.array(choices, dtype=np.uint64), required, multiplier)
