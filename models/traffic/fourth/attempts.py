"""Calls as columns: what a caller decides before the network and the called have their say."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from models.traffic.fourth.arrays import Bools, Floats, Ints

OWN, BORROWED, SPOOFED = range(3)
"""The right to the number that is shown: of the caller's provider, of another one, of somebody else."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """Calls that somebody is about to make; one element of each column is a call. Columns are never changed.

    Attributes:
        setup_ms: when, epoch milliseconds.
        calling: number shown, see `network.numbers`.
        called: number dialled, likewise.
        customer: whose customer makes it, an index into `network.providers.Providers`.
        right: to the number shown.
        behaviour: index into `network.outcomes.BEHAVIOURS`: how such calls go.
        answer_shift: added to the log-odds that somebody answers.
        talk_factor: by which talks are longer.
        kind: index into the carrier's kinds of caller.
        campaign: number of the campaign, 0 for a lawful call.
    """

    setup_ms: Ints
    calling: Ints
    called: Ints
    customer: Ints
    right: Ints
    behaviour: Ints
    answer_shift: Floats
    talk_factor: Floats
    kind: Ints
    campaign: Ints

    def __len__(self) -> int:
        """How many calls."""
        return len(self.setup_ms)

    def take(self, chosen: Ints | Bools) -> "Attempts":
        """Those calls alone, in the order given."""
        return Attempts(*(getattr(self, one.name)[chosen] for one in fields(self)))


def make(
    setup_ms: Ints,
    calling: ArrayLike,
    called: ArrayLike,
    *,
    customer: ArrayLike,
    behaviour: ArrayLike,
    kind: ArrayLike,
    right: ArrayLike = OWN,
    answer_shift: ArrayLike = 0.0,
    talk_factor: ArrayLike = 1.0,
    campaign: ArrayLike = 0,
) -> Attempts:
    """Calls of these columns; a single value stands for all calls.

    Args:
        setup_ms: one for each call; the others are as long, or one value.
        calling: see `Attempts` for all of them.
        called: see there.
        customer: see there.
        behaviour: see there.
        kind: see there.
        right: see there.
        answer_shift: see there.
        talk_factor: see there.
        campaign: see there.
    """
    integers = [_column(one, len(setup_ms), np.int64) for one in (calling, called, customer, right, behaviour)]
    floats = [_column(one, len(setup_ms), np.float64) for one in (answer_shift, talk_factor)]
    last = [_column(one, len(setup_ms), np.int64) for one in (kind, campaign)]
    return Attempts(setup_ms, *integers, *floats, *last)


def _column(value: ArrayLike, size: int, kind: type) -> np.ndarray:
    return np.broadcast_to(np.asarray(value, dtype=kind), (size,))


def join(parts: Iterable[Attempts]) -> Attempts:
    """All calls, one part behind the other."""
    every = list(parts) or [nothing()]
    return Attempts(*(np.concatenate([getattr(part, one.name) for part in every]) for one in fields(Attempts)))


def nothing() -> Attempts:
    """No calls."""
    return make(np.empty(0, dtype=np.int64), 0, 0, customer=0, behaviour=0, kind=0)
