"""Which texts of a batch may be in a set: said of all of them at once, without making a string of any.

A `MembershipFilter` counts the texts of a set in a table, by their hashes (a counting Bloom filter with one hash). A
text whose place counts nothing is not in the set. Any other nearly always is, and whoever asks looks for itself. The
seed of the hashes is drawn anew in each process, so nobody can choose texts that are looked for in vain.
"""

import secrets
from collections.abc import Collection
from itertools import islice

import numpy as np

from detector.columns.arrays import Bytes, Flags, Ints
from detector.columns.compiled import compiled_borrowing
from detector.columns.hashing import hash_bytes, hash_text

SEED = secrets.randbits(62)
FEWEST_PLACES = 4_096
PLACES_A_TEXT = 16
"""Of a full table; one text in so many that are not in the set is looked for in vain."""
_FULL = 255
"""A count that reaches this stays: nobody knows any more how many there are."""
_PLACES_OF_SOME = 8_192
_PIECE = 10_000
"""So many lengths are read without giving the interpreter lock back: half a millisecond."""


class MembershipFilter:
    """Says which texts may be in a set of texts, which stands elsewhere.

    The table has its full size from the start, so that no text ever pays for all that came before it. Places that were
    never counted take no memory until then: the system gives zeroed pages when they are first written to.

    Args:
        most: Texts that the set may come to hold.
    """

    __slots__ = ("_counts", "_texts")

    def __init__(self, most: int) -> None:
        places = FEWEST_PLACES
        while places < PLACES_A_TEXT * most:
            places *= 2
        self._counts: Bytes = np.zeros(places, np.uint8)
        self._texts = 0

    @classmethod
    def of(cls, texts: Collection[str]) -> "MembershipFilter":
        """Make the filter of a set that stays as it is."""
        made = cls(len(texts))
        made.add_all(texts)
        return made

    def add(self, text: str) -> None:
        """Take in a text that has just come into the set; it must not have been in it."""
        place = self._place(text)
        self._counts[place] += self._counts[place] < _FULL
        self._texts += 1

    def add_all(self, texts: Collection[str]) -> None:
        """Take in texts that have just come into the set; a thousand take a fifth of a millisecond."""
        waiting = iter(texts)
        while piece := list(islice(waiting, _PIECE)):
            _count(hash_texts(piece), self._counts)
        self._texts += len(texts)

    def discard(self, text: str) -> None:
        """Take out a text that has just left the set; it must have been in it."""
        place = self._place(text)
        self._counts[place] -= 0 < self._counts[place] < _FULL
        self._texts -= 1

    def _place(self, text: str) -> int:
        return hash_text(text, seed=SEED) & (len(self._counts) - 1)

    def may_have(self, hashes: Ints) -> Flags:
        """Which texts may be in the set, shape (n,); all that are in it are among them.

        Args:
            hashes: Of the texts (`hash_spans`), shape (n,).
        """
        if not self._texts:
            return np.zeros(len(hashes), np.bool_)
        found: Flags = self._counts[hashes & (len(self._counts) - 1)] > 0
        return found


def hash_texts(texts: Collection[str], seed: int = SEED) -> Ints:
    """Hashes of strings, shape (n,), in their order; lone surrogates are allowed."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    spans = np.zeros((len(encoded), 2), np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=spans[:, 1])
    spans[1:, 0] = spans[:-1, 1]
    return hash_spans(np.frombuffer(b"".join(encoded), np.uint8), spans, seed)


def hash_spans(data: Bytes, spans: Ints, seed: int = SEED) -> Ints:
    """Hashes of texts where they stand, as `hash_texts` gives them for plain ones, shape (n,).

    Args:
        data: Shape (bytes,) uint8, the texts in UTF-8.
        spans: Start and stop of each text, shape (n, 2); of one that is absent both are the same, and it hashes as the
            empty one.
        seed: Of the hashes; without it they are of this process alone.
    """
    hashes = np.empty(len(spans), np.int64)
    spans = np.ascontiguousarray(spans)  # one layout, so that one function is compiled
    _hash(data, spans, seed, hashes)
    return hashes


def like_any(hashes: Ints, is_one: Flags) -> Flags:
    """Which texts may be equal to one of some among them, shape (n,); all that are equal are among them.

    Args:
        hashes: Of all texts, shape (n,).
        is_one: Which are the ones to compare with, shape (n,).
    """
    places = hashes & (_PLACES_OF_SOME - 1)
    is_place_of_one = np.zeros(_PLACES_OF_SOME, np.bool_)
    is_place_of_one[places[is_one]] = True
    found: Flags = is_place_of_one[places]
    return found


@compiled_borrowing
def _hash(data: Bytes, spans: Ints, seed: int, hashes: Ints) -> None:
    for row in range(len(spans)):
        hashes[row] = hash_bytes(data, spans[row, 0], spans[row, 1], seed)


@compiled_borrowing
def _count(hashes: Ints, counts: Bytes) -> None:
    for row in range(len(hashes)):
        place = hashes[row] & (len(counts) - 1)
        if counts[place] < _FULL:
            counts[place] += 1
