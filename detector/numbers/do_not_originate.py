"""Do-not-originate entries as packed integers: the longest one that each calling number of a batch begins with.

Entries are numbers, NPA-NXX-X, NPA-NXX or NPA of the North American plan: 10, 7, 6 or 3 national digits. A table has
one place for each NPA-NXX. What stands there says which shorter entries cover it, and where its numbers begin: their
last four digits, sorted, 3 bytes each with the list that they are of. So a look-up costs a read or two of memory,
whatever the number of entries (`docs/decisions/0012-prefixes-by-place.md`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Bytes, Flags, Ints
from detector.columns.compiled import compiled_borrowing
from detector.columns.integers import as_int
from detector.columns.numbering import COUNTRY_CODE, NANP_LENGTH, NATIONAL, SUBSCRIBER_RANGE
from detector.contract.errors import RobocallError

NUMBER, THOUSANDS, EXCHANGE, AREA = 10, 7, 6, 3
DNO_LENGTHS = (NUMBER, THOUSANDS, EXCHANGE, AREA)
"""Digits of a do-not-originate entry, longest first: a number, NPA-NXX-X, NPA-NXX, NPA."""
MOST_LISTS = 64

_BETWEEN = r"[ ().\-/]*"
_WRITTEN = re.compile(rf"{_BETWEEN}([0-9]{{3}}){_BETWEEN}(?:([0-9]{{3}}){_BETWEEN}(?:([0-9]|[0-9]{{4}}){_BETWEEN})?)?")
"""Area code, exchange, and the line or its first digit. What is grouped otherwise is a date, or a row of several."""
_PLACES = 1_000_000
_AREAS = 1_000
_DIGITS = 10
_THOUSAND = 1_000
_HAS_EXCHANGE, _HAS_AREA, _HAS_NUMBERS = 1 << 10, 1 << 11, 1 << 12
"""Marks of a place: bits 0 to 9 say which NPA-NXX-X are listed, these say the rest."""


class ListEntryInvalid(RobocallError):
    """A do-not-originate pattern that cannot match any number."""


@dataclass(frozen=True, slots=True)
class DnoSource:
    """Where entries come from.

    Attributes:
        name: Who says so; empty of the carrier's own list, which is kept by hand.
        date: Day of the list, ISO 8601; empty of the carrier's own.
    """

    name: str = ""
    date: str = ""


OWN = DnoSource()


@dataclass(frozen=True, slots=True)
class DnoEntry:
    """An entry that a number begins with.

    Attributes:
        prefix: Its digits.
        source: Where it comes from.
    """

    prefix: str
    source: DnoSource = OWN


@dataclass(frozen=True, slots=True)
class DnoList:
    """Entries of one source, by number of digits: int64, shape (n,), ascending, each once. Immutable by convention."""

    source: DnoSource
    entries: Mapping[int, Ints] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Iterable[str], source: DnoSource = OWN) -> "DnoList":
        """Make a list of bare national digits, in any order.

        Raises:
            ListEntryInvalid: One has another number of digits, or something else in it.
        """
        found: dict[int, list[int]] = {length: [] for length in DNO_LENGTHS}
        for text in texts:
            if len(text) not in found or not (text.isascii() and text.isdigit()):
                raise _wrong(text)
            found[len(text)].append(int(text))
        return cls(source, {length: ascending(np.array(one, np.int64)) for length, one in found.items() if one})

    @property
    def size(self) -> int:
        """Number of entries."""
        return sum(map(len, self.entries.values()))

    @property
    def size_bytes(self) -> int:
        """Memory that its arrays take."""
        return sum(keys.nbytes for keys in self.entries.values())


class DnoTable:
    """Entries of several lists, made ready for batches; immutable by convention.

    A table without entries takes no memory and is never asked. With n numbers it takes 6 MB and 3 bytes for each.

    Args:
        lists: At most `MOST_LISTS`; of an entry that stands in two, the first one counts.
    """

    __slots__ = ("_keys", "_lines", "_marks", "_sources", "_starts", "_whose", "size")

    def __init__(self, lists: Sequence[DnoList] = ()) -> None:
        self._sources = tuple(one.source for one in lists)
        merged = {length: _merged([one.entries.get(length) for one in lists]) for length in DNO_LENGTHS}
        self.size = sum(len(keys) for keys, _ in merged.values())
        self._whose = {length: whose for length, (_, whose) in merged.items()}
        numbers, _ = merged.pop(NUMBER)
        self._keys: dict[int, NDArray[np.uint32]] = {
            length: keys.astype(np.uint32) for length, (keys, _) in merged.items()
        }
        self._lines: NDArray[np.uint16] = (numbers % SUBSCRIBER_RANGE).astype(np.uint16)
        places = np.arange(_PLACES + 1 if self.size else 0, dtype=np.int64)
        self._starts: NDArray[np.uint32] = np.searchsorted(numbers, places * SUBSCRIBER_RANGE).astype(np.uint32)
        self._marks: NDArray[np.uint16] = _marks(self._keys, self._starts)

    @property
    def size_bytes(self) -> int:
        """Memory that its arrays take."""
        of_places = self._lines.nbytes + self._starts.nbytes + self._marks.nbytes
        of_entries = sum(self._whose[length].nbytes for length in DNO_LENGTHS)
        return of_places + of_entries + sum(keys.nbytes for keys in self._keys.values())

    def lengths(self, digits: Ints) -> Bytes:
        """Digits of the longest entry that each number begins with, shape (n,), 0 of one that begins with none.

        Args:
            digits: 11 digits of NANP numbers, else 0, shape (n,) int64.
        """
        lengths = np.zeros(len(digits), np.uint8)
        if self.size:
            _find(digits, self._marks, self._starts, self._lines, lengths)
        return lengths

    def entry(self, digits: int, length: int) -> DnoEntry:
        """The entry of `length` digits that is known to be there.

        Args:
            digits: 11 digits of a NANP number.
            length: As `lengths` found it for this number.
        """
        found = self._entry(digits - NATIONAL, length)
        if found is None:
            raise LookupError(f"no entry of {length} digits")
        return found

    def match(self, calling_number: str) -> DnoEntry | None:
        """Longest entry that a calling number `+1` and ten characters begins with; None of any other text.

        It is for single texts, also of numbers that nobody can have; O(log n).
        """
        if not self.size or len(calling_number) != NANP_LENGTH or not calling_number.startswith(COUNTRY_CODE):
            return None
        national = calling_number.removeprefix(COUNTRY_CODE)
        for length in DNO_LENGTHS:
            prefix = national[:length]
            if prefix.isascii() and prefix.isdigit():
                found = self._entry(int(prefix.ljust(NUMBER, "0")), length)
                if found is not None:
                    return found
        return None

    def _entry(self, national: int, length: int) -> DnoEntry | None:
        key = national // 10 ** (NUMBER - length)
        if length == NUMBER:
            place, line = divmod(national, SUBSCRIBER_RANGE)
            first, last = self._starts.item(place), self._starts.item(place + 1)
            at = first + int(np.searchsorted(self._lines[first:last], np.uint16(line)))
            is_there = at < last and self._lines.item(at) == line
        else:
            at = int(np.searchsorted(self._keys[length], np.uint32(key)))  # of another type all would be copied
            is_there = at < len(self._keys[length]) and self._keys[length].item(at) == key
        if not is_there:
            return None
        return DnoEntry(f"{key:0{length}}", self._sources[self._whose[length].item(at)])


def ascending(keys: Ints) -> Ints:
    """The same numbers ascending, each once, as a `DnoList` has them; numpy's `unique` takes 200 times as long."""
    keys = np.sort(keys)
    return keys[_is_first(keys)]


def dno_digits(entry: str) -> str:
    """National digits of a do-not-originate entry, without `+1` and punctuation.

    Raises:
        ListEntryInvalid: Not 3, 6, 7 or 10 digits, or something else is in it.
    """
    text = entry.strip()
    if text.startswith(COUNTRY_CODE):
        text = text.removeprefix(COUNTRY_CODE)
    elif sum(map(str.isdigit, text)) == NANP_LENGTH - 1:
        text = text.removeprefix("1")
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise _wrong(entry)
    return "".join(written.groups(""))


def _wrong(entry: str) -> ListEntryInvalid:
    return ListEntryInvalid(f"do-not-originate entry {entry!r}: give 3, 6, 7 or 10 national digits and no words")


def _merged(parts: Sequence[Ints | None]) -> tuple[Ints, Bytes]:
    """Entries of one length of all lists, ascending, each once, and by which list each came first."""
    keys = np.concatenate([np.zeros(0, np.int64), *(part for part in parts if part is not None)])
    sizes = [0 if part is None else len(part) for part in parts]
    whose = np.repeat(np.arange(len(parts), dtype=np.uint8), sizes)
    if sum(size > 0 for size in sizes) > 1:
        order = np.argsort(keys, kind="stable")  # of equal ones the earlier list stays before
        keys, whose = keys[order], whose[order]
        is_first = _is_first(keys)
        keys, whose = keys[is_first], whose[is_first]
    return keys, whose


def _is_first(keys: Ints) -> Flags:
    """Which of some ascending numbers are not the one before once more, shape (n,)."""
    is_first = np.ones(len(keys), np.bool_)
    is_first[1:] = keys[1:] != keys[:-1]
    return is_first


def _marks(keys: Mapping[int, NDArray[np.uint32]], starts: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """What is said of each place, shape (1,000,000,); (0,) where there is nothing to say."""
    if not len(starts):
        return np.zeros(0, np.uint16)
    marks = np.zeros(_PLACES, np.uint16)
    marks[starts[1:] != starts[:-1]] = _HAS_NUMBERS
    marks.reshape(_AREAS, -1)[keys[AREA]] |= _HAS_AREA
    marks[keys[EXCHANGE]] |= _HAS_EXCHANGE
    for digit in range(_DIGITS):
        of_digit = keys[THOUSANDS] % _DIGITS == digit
        marks[keys[THOUSANDS][of_digit] // _DIGITS] |= 1 << digit
    return marks


@compiled_borrowing
def _has_line(lines: NDArray[np.uint16], first: int, last: int, line: int) -> bool:
    while first < last:
        middle = (first + last) // 2
        found = as_int(lines[middle])
        if found == line:
            return True
        if found < line:
            first = middle + 1
        else:
            last = middle
    return False


@compiled_borrowing
def _find(
    digits: Ints, marks: NDArray[np.uint16], starts: NDArray[np.uint32], lines: NDArray[np.uint16], lengths: Bytes
) -> None:
    """Fill `lengths`, of zeros."""
    for row in range(len(digits)):
        if digits[row] == 0:
            continue
        place = (digits[row] - NATIONAL) // SUBSCRIBER_RANGE
        mark = as_int(marks[place])
        if mark == 0:
            continue
        line = digits[row] % SUBSCRIBER_RANGE
        if mark & _HAS_NUMBERS and _has_line(lines, as_int(starts[place]), as_int(starts[place + 1]), line):
            lengths[row] = NUMBER
        elif mark >> (line // _THOUSAND) & 1:
            lengths[row] = THOUSANDS
        elif mark & _HAS_EXCHANGE:
            lengths[row] = EXCHANGE
        elif mark & _HAS_AREA:
            lengths[row] = AREA


NO_ENTRIES = DnoTable()
