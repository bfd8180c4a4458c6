"""The carrier's own lists: who always passes, who never does, and which numbers never originate a call.

A `Lists` is a value: whoever keeps the lists (Redis, a file) builds a new one and puts it in the place of the old one
between two batches. Matching is by the exact text of the event, except for the do-not-originate prefixes
(`detector.numbers.do_not_originate`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from detector.columns.arrays import Flags, Ints
from detector.columns.membership import MembershipFilter
from detector.contract.numbers import is_e164
from detector.numbers.do_not_originate import DnoList, DnoTable, dno_digits

LISTS = ("emergency", "opt_out", "allow", "block", "dno")

NUMBER_ENTITY = "number:"
TRUNK_ENTITY = "trunk:"
DIRECTED_TO = "/"
"""Between calling and called number of a block that the called subscriber asked for."""


class Basis(StrEnum):
    """What a block of the list rests on. It decides how the call is answered, and what may come before it."""

    ANALYTICS = "analytics"
    COURT_ORDER = "court_order"
    FCC_ORDER = "fcc_order"
    SUBSCRIBER = "subscriber"
    REGISTRATION = "registration"


ORDERS = (Basis.COURT_ORDER, Basis.FCC_ORDER)
LISTED = (Basis.ANALYTICS, *ORDERS, Basis.SUBSCRIBER)
"""What an entry of the list may rest on."""
DEMANDS = (*ORDERS, Basis.REGISTRATION)
"""What is no analytics. `registration`: of who is not in the Robocall Mitigation Database (47 CFR 64.6305) nobody may
take calls; it is about a trunk group, so it stands in the policy and in no list."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Five lists. Entries of `allow` and `block` are calling numbers or trunk groups, bare or as `number:`, `trunk:`.

    Attributes:
        emergency: Calling or called numbers that are never blocked (public-safety answering points, hospitals).
        opt_out: Called numbers whose subscriber does not want calls to be judged.
        allow: Calling numbers and trunk groups that pass before any analytics is looked at.
        block: Calling numbers and trunk groups that the carrier blocks; and `+CALLING/+CALLED`, calls that the called
            subscriber wants blocked.
        dno: Do-not-originate prefixes of 3, 6, 7 or 10 national digits; `+1` and punctuation may be in them.
        audited: Those numbers of `allow` of which is known who allowed them and why: they pass before anything but
            emergencies is looked at.
        orders: Those entries of `block` that a court or the FCC ordered, and which of both it was.
        directed: Calling numbers that a subscriber wants blocked, by called number; made of `block`.
        dno_table: The do-not-originate entries made ready for batches.

    Raises:
        ListEntryInvalid: A do-not-originate entry has another number of digits.
    """

    emergency: frozenset[str] = frozenset()
    opt_out: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    block: frozenset[str] = frozenset()
    dno: frozenset[str] = frozenset()
    audited: frozenset[str] = frozenset()
    orders: Mapping[str, Basis] = field(default_factory=dict)
    directed: Mapping[str, frozenset[str]] = field(init=False, default_factory=dict, compare=False, repr=False)
    dno_table: DnoTable = field(init=False, compare=False, repr=False)
    _filters: dict[str, MembershipFilter] = field(init=False, default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Bring entries to the form that events are compared with, and make filters of them, once for all look-ups."""
        for name in ("emergency", "opt_out", "allow", "block", "audited"):
            object.__setattr__(self, name, frozenset(map(_bare, getattr(self, name))))
        object.__setattr__(self, "orders", {_bare(entry): basis for entry, basis in self.orders.items()})
        object.__setattr__(self, "directed", _directed(self.block))
        object.__setattr__(self, "dno", frozenset(map(dno_digits, self.dno)))
        object.__setattr__(self, "dno_table", DnoTable([DnoList.of(self.dno)]))
        named = ("emergency", "opt_out", "allow", "block", "audited", "orders", "directed")
        self._filters.update({name: MembershipFilter.of(texts) for name in named if (texts := getattr(self, name))})

    def may_have(self, name: str, hashes: Ints) -> Flags:
        """Which texts may be on a list, shape (n,); all that are on it are among them.

        Args:
            name: `emergency`, `opt_out`, `allow`, `audited`, `block`, `orders` or `directed` (of called numbers).
            hashes: Of the texts (`detector.columns.membership`), shape (n,).
        """
        known = self._filters.get(name)
        return np.zeros(len(hashes), np.bool_) if known is None else known.may_have(hashes)


def directed_parts(entry: str) -> tuple[str, str] | None:
    """Calling and called number of a block that a subscriber asked for; None of any other entry."""
    calling, sign, called = entry.partition(DIRECTED_TO)
    return (calling, called) if sign and is_e164(calling) and is_e164(called) else None


def _directed(block: frozenset[str]) -> dict[str, frozenset[str]]:
    """Numbers that each subscriber wants blocked."""
    found: dict[str, set[str]] = {}
    for parts in map(directed_parts, block):
        if parts is not None:
            found.setdefault(parts[1], set()).add(parts[0])
    return {called: frozenset(calling) for called, calling in found.items()}


def _bare(entry: str) -> str:
    return entry.removeprefix(NUMBER_ENTITY).removeprefix(TRUNK_ENTITY)
