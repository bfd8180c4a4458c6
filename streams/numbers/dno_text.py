"""Do-not-originate lists as text, as carriers get them: one entry a line, read in seconds where there are millions.

Lines of bare digits are read many at a time. Every other line is read alone, and decides what is accepted: `+1` and
punctuation may be in an entry, what follows a comma or `#` is left out, and the first line may be a heading. Where the
first column has what numbers begin with and another may be an entry too, the list is refused: the first may be that of
row numbers, and would block whole area codes.
"""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np

from detector.columns.arrays import Bytes, Flags, Ints
from detector.contract.errors import RobocallError
from detector.numbers.do_not_originate import DNO_LENGTHS, NUMBER, ListEntryInvalid, ascending, dno_digits
from streams.running.progress import Say

MAX_ENTRIES = 5_000_000
"""Of all lists of one place together."""
MAX_BYTES = 1 << 30
MAX_LINE_BYTES = 4_096
CHUNK_BYTES = 1 << 22

_AROUND = ' \t\r"\ufeff'
"""What may stand around a column, and says nothing."""
_LINE_FEED, _RETURN, _ZERO, _DIGITS = 10, 13, 48, 10


class DnoTextRefused(RobocallError):
    """A list that cannot be used, or not whole; one sentence with the line."""


def read_entries(source: BinaryIO, name: str, say: Say) -> Mapping[int, Ints]:
    """Read a whole list; blocks for reading, and for about a second a million lines at worst.

    Args:
        source: The text, UTF-8.
        name: Of the file, for errors.
        say: Told how far it is.

    Returns:
        Entries by number of digits, ascending, each once (`DnoList.entries`).

    Raises:
        DnoTextRefused: A line is no entry, there is none, or there are more than `MAX_ENTRIES`.
    """
    parts: dict[int, list[Ints]] = {length: [] for length in DNO_LENGTHS}
    lines = entries = 0
    for chunk in _chunks(source, name):
        found = _Chunk(np.frombuffer(chunk, np.uint8))
        plain = {length: found.plain(length) for length in DNO_LENGTHS}
        odd = _odd(found, name, lines)
        for length in DNO_LENGTHS:
            parts[length] += [plain[length], np.array(odd[length], np.int64)]
            entries += len(plain[length]) + len(odd[length])
        lines += len(found.starts)
        if entries > MAX_ENTRIES:
            raise DnoTextRefused(f"{name} has more than {MAX_ENTRIES:,} entries: list prefixes instead of numbers")
        say(f"{entries:,} entries")
    if not entries:
        raise DnoTextRefused(f"{name} has no entry: give 3, 6, 7 or 10 digits a line")
    whole = {length: ascending(np.concatenate(some)) for length, some in parts.items()}
    return {length: keys for length, keys in whole.items() if len(keys)}


class _Chunk:
    """Whole lines.

    Attributes:
        starts: Where each begins, shape (n,).
        is_read: Which are entries of bare digits that were read, shape (n,).
    """

    def __init__(self, data: Bytes) -> None:
        self._data = data
        line_feeds = (data == _LINE_FEED).nonzero()[0]
        self.starts: Ints = np.concatenate([np.zeros(1, np.int64), line_feeds[:-1] + 1])
        self._ends: Ints = line_feeds - (data[np.maximum(line_feeds - 1, 0)] == _RETURN)
        self.is_read: Flags = np.zeros(len(self.starts), np.bool_)

    def plain(self, length: int) -> Ints:
        """Entries of so many bare digits, in the order of the lines."""
        rows = (self._ends - self.starts == length).nonzero()[0]
        digits = self._data[self.starts[rows, None] + np.arange(length)] - np.uint8(_ZERO)  # others wrap around
        is_plain = (digits < _DIGITS).all(axis=1)
        self.is_read[rows[is_plain]] = True
        numbers = np.zeros(int(is_plain.sum()), np.int64)
        for column in digits[is_plain].T:
            numbers = numbers * _DIGITS + column
        return numbers

    def line(self, row: int) -> bytes:
        """A line without its end."""
        return self._data[self.starts[row] : max(self.starts[row], self._ends[row])].tobytes()


def _chunks(source: BinaryIO, name: str) -> Iterator[bytes]:
    """Pieces of whole lines, the last one ended too."""
    rest, total = b"", 0
    while piece := source.read(CHUNK_BYTES):
        total += len(piece)
        if total > MAX_BYTES:
            raise DnoTextRefused(f"{name} is larger than {MAX_BYTES >> 20:,} MiB")
        whole, line_feed, rest = (rest + piece).rpartition(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise DnoTextRefused(f"{name} has a line of more than {MAX_LINE_BYTES:,} bytes: want one entry a line")
        if line_feed:
            yield whole + line_feed
    if rest:
        yield rest + b"\n"


def _odd(chunk: _Chunk, name: str, lines: int) -> dict[int, list[int]]:
    """Entries of the lines of a chunk that are not bare digits, by number of digits.

    Args:
        chunk: After the plain ones were read.
        name: Of the file.
        lines: How many lines come before.
    """
    odd: dict[int, list[int]] = {length: [] for length in DNO_LENGTHS}
    for row in (~chunk.is_read).nonzero()[0].tolist():
        digits = _entry(chunk.line(row), f"{name} line {lines + row + 1:,}", is_first=lines + row == 0)
        if digits:
            odd[len(digits)].append(int(digits))
    return odd


def _entry(line: bytes, where: str, *, is_first: bool) -> str:
    """Digits of an entry in any form; empty where the line has none."""
    try:
        text, *others = (column.strip(_AROUND) for column in line.decode().partition("#")[0].split(","))
        if not text or (is_first and not any(map(str.isdigit, text))):
            return ""
        digits = dno_digits(text)
    except UnicodeDecodeError as error:
        raise DnoTextRefused(f"{where} is not UTF-8 text") from error
    except ListEntryInvalid as error:
        raise DnoTextRefused(f"{where}: {error}") from error
    if len(digits) < NUMBER and (rival := next((one for one in others if _is_entry(one, len(digits))), None)):
        raise DnoTextRefused(
            f"{where}: {text!r} is what numbers begin with, but {rival!r} beside it may be meant: "
            "leave only the column of the entries"
        )
    return digits


def _is_entry(column: str, shortest: int) -> bool:
    """Whether another column may be the one of the entries: it has one, of as many digits or more."""
    try:
        return len(dno_digits(column)) >= shortest
    except ListEntryInvalid:
        return False
