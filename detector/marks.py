"""Which texts of a batch may be in a set: said of all of them at once, without making a string of any.

A set is marked in a table of small counts, by the hash of each of its texts. A text whose place has no mark is not in
the set; one that has a mark nearly always is, and whoever asks looks for itself.
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from detector.compiled import compiled_borrowing
from detector.hashing import hash_bytes, hash_text

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SEED = 5
FEWEST_PLACES = 4_096
PLACES_A_TEXT = 16
"""Of a full table; one text in so many that are not in the set is looked for in vain."""
_FULL = 255
"""A count that reaches this stays: nobody knows any more how many there are."""
_PLACES_OF_SOME = 8_192


class Marks:
    """The marks of one set of texts, which stands elsewhere.

    Args:
        members: The set; looked at only when the table has to grow.
    """

    __slots__ = ("_counts", "_members")

    def __init__(self, members: Collection[str]) -> None:
        self._members = members
        self._counts: Bytes = np.zeros(FEWEST_PLACES, np.uint8)
        self._fill()

    def add(self, texts: Sequence[str]) -> None:
        """Mark texts that have just come into the set."""
        if len(self._members) * PLACES_A_TEXT > len(self._counts):
            self._fill()
            return
        for text in texts:
            place = hash_text(text, seed=SEED) & (len(self._counts) - 1)
            self._counts[place] += self._counts[place] < _FULL

    def discard(self, text: str) -> None:
        """Take back the mark of a text that has just left the set."""
        place = hash_text(text, seed=SEED) & (len(self._counts) - 1)
        self._counts[place] -= 0 < self._counts[place] < _FULL

    def may_have(self, hashes: Ints) -> Flags:
        """Which texts may be in the set, shape (n,); all that are in it are among them.

        Args:
            hashes: Of the texts (`hash_spans`), shape (n,).
        """
        if not self._members:
            return np.zeros(len(hashes), np.bool_)
        found: Flags = self._counts[hashes & (len(self._counts) - 1)] > 0
        return found

    def _fill(self) -> None:
        """Make a table with room for twice the set, and mark all of it."""
        places = FEWEST_PLACES
        while places < 2 * PLACES_A_TEXT * len(self._members):
            places *= 2
        self._counts = np.zeros(places, np.uint8)
        _mark(hash_texts(self._members), self._counts)


def hash_texts(texts: Collection[str]) -> Ints:
    """Hashes of strings, shape (n,)."""
    return np.array([hash_text(text, seed=SEED) for text in texts], np.int64)


def hash_spans(data: Bytes, spans: Ints) -> Ints:
    """Hashes of texts where they stand, as `hash_texts` gives them for plain ones, shape (n,).

    Args:
        data: Shape (bytes,).
        spans: Start and stop of each text, shape (n, 2).
    """
    hashes = np.empty(len(spans), np.int64)
    _hash(data, spans, hashes)
    return hashes


def like_any(hashes: Ints, is_one: Flags) -> Flags:
    """Which texts may be equal to one of some among them, shape (n,); all that are equal are among them.

    Args:
        hashes: Of all texts, shape (n,).
        is_one: Which are the ones to compare with, shape (n,).
    """
    places = hashes & (_PLACES_OF_SOME - 1)
    marked = np.zeros(_PLACES_OF_SOME, np.bool_)
    marked[places[is_one]] = True
    found: Flags = marked[places]
    return found


@compiled_borrowing
def _hash(data: Bytes, spans: Ints, hashes: Ints) -> None:
    for row in range(len(spans)):
        hashes[row] = hash_bytes(data, spans[row, 0], spans[row, 1], SEED)


@compiled_borrowing
def _mark(hashes: Ints, counts: Bytes) -> None:
    for row in range(len(hashes)):
        place = hashes[row] & (len(counts) - 1)
        if counts[place] < _FULL:
            counts[place] += 1
