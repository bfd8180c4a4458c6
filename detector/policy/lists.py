"""The carrier's own lists: who always passes, who never does, and which numbers never originate a call.

A `Lists` is a value: whoever keeps the lists (Redis, a file) builds a new one and puts it in the place of the old one
between two batches. Matching is by the exact text of the event, except for the do-not-originate prefixes.
"""

from dataclasses import dataclass, field

import numpy as np

from detector.columns.arrays import Flags, Ints
from detector.columns.membership import MembershipFilter
from detector.columns.numbering import COUNTRY_CODE, NANP_LENGTH
from detector.contract.errors import RobocallError

DNO_LENGTHS = (10, 7, 6, 3)
"""Digits of a do-not-originate pattern, longest first: a number, NPA-NXX-X, NPA-NXX, NPA."""

LISTS = ("emergency", "opt_out", "allow", "block", "dno")

NUMBER_ENTITY = "number:"
TRUNK_ENTITY = "trunk:"


class ListEntryInvalid(RobocallError):  # noqa: N818 - the name states what is wrong, not that it is an error
    """A do-not-originate pattern that cannot match any number."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Five lists. Entries of `allow` and `block` are calling numbers or trunk groups, bare or as `number:`, `trunk:`.

    Attributes:
        emergency: Calling or called numbers that are never blocked (public-safety answering points, hospitals).
        opt_out: Called numbers whose subscriber does not want calls to be judged.
        allow: Calling numbers that pass before anything but emergencies is looked at, and trunk groups that pass before
            anything but that, do-not-originate and opt-out.
        block: Calling numbers and trunk groups that the carrier blocks.
        dno: Do-not-originate prefixes of 3, 6, 7 or 10 national digits; `+1` and punctuation may be in them.

    Raises:
        ListEntryInvalid: A do-not-originate entry has another number of digits.
    """

    emergency: frozenset[str] = frozenset()
    opt_out: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    block: frozenset[str] = frozenset()
    dno: frozenset[str] = frozenset()
    dno_lengths: tuple[int, ...] = field(init=False, default=(), compare=False, repr=False)
    _filters: dict[str, MembershipFilter] = field(init=False, default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Bring entries to the form that events are compared with, and make filters of them, once for all look-ups."""
        for name in ("emergency", "opt_out", "allow", "block"):
            object.__setattr__(self, name, frozenset(map(_bare, getattr(self, name))))
        object.__setattr__(self, "dno", frozenset(map(dno_digits, self.dno)))
        lengths = {len(prefix) for prefix in self.dno}
        object.__setattr__(self, "dno_lengths", tuple(length for length in DNO_LENGTHS if length in lengths))
        self._filters.update({name: MembershipFilter.of(texts) for name in LISTS if (texts := getattr(self, name))})

    def may_have(self, name: str, hashes: Ints) -> Flags:
        """Which texts may be on a list, shape (n,); all that are on it are among them.

        Args:
            name: `emergency`, `opt_out`, `allow`, `block` or, of parts of a number, `dno`.
            hashes: Of the texts (`detector.columns.membership`), shape (n,).
        """
        known = self._filters.get(name)
        return np.zeros(len(hashes), np.bool_) if known is None else known.may_have(hashes)

    def dno_match(self, calling_number: str) -> str | None:
        """Longest do-not-originate prefix of a North American calling number, or None; O(1)."""
        if len(calling_number) != NANP_LENGTH or not calling_number.startswith(COUNTRY_CODE):
            return None
        for length in self.dno_lengths:
            prefix = calling_number[2 : 2 + length]
            if prefix in self.dno:
                return prefix
        return None


def dno_digits(entry: str) -> str:
    """National digits of a do-not-originate entry, without `+1` and punctuation.

    Raises:
        ListEntryInvalid: Not 3, 6, 7 or 10 digits.
    """
    digits = "".join(character for character in entry if character.isascii() and character.isdigit())
    if entry.lstrip().startswith(COUNTRY_CODE) or len(digits) == NANP_LENGTH - 1:
        digits = digits.removeprefix("1")
    if len(digits) not in DNO_LENGTHS:
        raise ListEntryInvalid(f"do-not-originate entry {entry!r}: give 3, 6, 7 or 10 national digits")
    return digits


def _bare(entry: str) -> str:
    return entry.removeprefix(NUMBER_ENTITY).removeprefix(TRUNK_ENTITY)
