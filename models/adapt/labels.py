"""What was said of calls, as far as it may teach and judge: joined already, with bounds on what poison can do.

A campaign of complaints can be filed against a bank. So complaints about callers who are known as lawful are left out
and counted, and no number, origin or block has more than a twentieth of the weight of all labelled robocalls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from detector.contract.events import FeedbackSource
from models.adapt.calls import Calls, Lawful, Mask
from models.budgets.bounds import Floats, Ints
from models.data.verdicts import LOOKED
from models.traffic.truth import Truth

MOST_OF_ONE = 0.05
"""Share of the robocalls learnt from that calls of one number, one origin or one block may be."""
CLEAR = frozenset({FeedbackSource.ANALYST, FeedbackSource.REDRESS})
"""Sources whose word makes a caller a registered sender: they looked at who it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels of n calls, shape (n,) each.

    Attributes:
        is_robocall: Of labelled calls.
        weight: How far the label is to be trusted, at most 1; 0 of a call without one.
        source: Index into `sources`.
        sources: Who said what.
        ignored: How many labels were left out, since the caller is known as lawful.
    """

    is_robocall: Mask
    weight: Floats
    source: NDArray[np.int64]
    sources: tuple[str, ...]
    ignored: int

    @property
    def is_positive(self) -> Mask:
        """Calls that are labelled robocalls."""
        return self.is_robocall & (self.weight > 0)

    @property
    def is_looked_at(self) -> Mask:
        """Calls whose label is of somebody who looked."""
        looked = [source in LOOKED for source in self.sources]
        found: Mask = (self.weight > 0) & np.array([*looked, False])[self.source]
        return found

    @property
    def is_negative(self) -> Mask:
        """Calls that are labelled lawful."""
        return ~self.is_robocall & (self.weight > 0)

    def by_source(self, chosen: Mask) -> dict[str, dict[str, int]]:
        """How many robocalls and lawful calls each source labelled among some of the calls."""
        found = {}
        for index, source in enumerate(self.sources):
            here = chosen & (self.weight > 0) & (self.source == index)
            if here.any():
                robocalls = int(self.is_robocall[here].sum())
                found[source] = {"robocalls": robocalls, "lawful": int(here.sum()) - robocalls}
        return found


def labels_of(calls: Calls, lawful: Lawful, said: Mapping[int, Truth]) -> Labels:
    """Put labels to their calls, but for complaints about callers who are known as lawful.

    Args:
        calls: All of the span.
        lawful: The references among them.
        said: Labels by key of the call id; those of other calls are left out.
    """
    keys = np.fromiter(said, np.int64, len(said))
    sources = tuple(sorted({truth.source for truth in said.values()}))
    is_robocall = np.zeros(len(calls), np.bool_)
    weight, source = np.zeros(len(calls)), np.zeros(len(calls), np.int64)
    ignored = 0
    for place in np.flatnonzero(np.isin(calls.call, keys)).tolist():
        truth = said[int(calls.call[place])]
        if truth.is_robocall and lawful.is_vouched[place] and truth.source not in LOOKED:
            ignored += 1
            continue
        is_robocall[place], weight[place] = truth.is_robocall, truth.weight
        source[place] = sources.index(truth.source)
    return Labels(is_robocall, weight, source, sources, ignored)


def cleared_in(calls: Calls, said: Mapping[int, Truth], within: Mask) -> Ints:
    """Keys of calling numbers that an analyst or redress called lawful, in any order: they count as registered senders.

    Args:
        calls: All of the span.
        said: Labels by key of the call id.
        within: Calls whose labels count, shape (n,).
    """
    keys = [key for key, truth in said.items() if not truth.is_robocall and truth.source in CLEAR]
    return np.unique(calls.number[within & calls.is_number & np.isin(calls.call, np.array(keys, np.int64))])


def bounded(weight: Floats, keys: Sequence[Ints], most: float = MOST_OF_ONE) -> Floats:
    """Weights that no key has more than a share of: those of a key with more are scaled down alike.

    Args:
        weight: Of some calls, shape (n,), not negative.
        keys: Of each kind, shape (n,); 0 is no key.
        most: Share of the sum of `weight` as it is given.

    Returns:
        Shape (n,), nowhere above `weight`.
    """
    limit = most * weight.sum()
    found = weight.copy()
    for key in keys:
        _, codes = np.unique(key, return_inverse=True)
        total = np.bincount(codes, weights=found, minlength=1)[codes]
        is_over = (key != 0) & (total > limit)
        found[is_over] *= limit / total[is_over]
    return found


def within(scores: Floats, keys: Sequence[Ints], most: int) -> Mask:
    """Which calls are among the `most` highest scores of each of their keys.

    Args:
        scores: Of some calls, shape (n,).
        keys: Of each kind, shape (n,); 0 is no key and bounds nothing.
        most: At least 1.

    Returns:
        Shape (n,).
    """
    found = np.ones(len(scores), np.bool_)
    for key in keys:
        order = np.lexsort((-scores, key))
        starts = np.flatnonzero(np.append(True, np.diff(key[order]) != 0)) if len(key) else np.zeros(0, np.int64)
        rank = np.arange(len(key)) - np.repeat(starts, np.diff(starts, append=len(key)))
        found[order] &= (rank < most) | (key[order] == 0)
    return found


def sharing(key: Ints, chosen: Mask | Ints) -> Mask:
    """Which calls have a key that one of some calls has, shape (n,).

    Args:
        key: Of each call, shape (n,); 0 is no key.
        chosen: These calls: which, shape (n,), or their places.
    """
    known = np.unique(key[chosen])
    found: Mask = np.isin(key, known[known != 0])
    return found


def clusters_of(number: Ints, block: Ints) -> Ints:
    """Code of the caller of each call, shape (n,): calls that share a number, or a number block in a trunk group.

    A campaign that shows neighbouring numbers is one caller. One that draws any number counts as many.

    Args:
        number: Keys of calling numbers, shape (n,); 0 is none.
        block: Of number blocks in trunk groups, shape (n,); 0 is none.
    """
    n = len(number)
    if not n:
        return np.zeros(0, np.int64)
    calls, nodes, n_nodes = [], [], n
    for key in (number, block):
        found, codes = np.unique(key, return_inverse=True)
        known = np.flatnonzero(key != 0)
        calls.append(known)
        nodes.append(n_nodes + codes[known])
        n_nodes += len(found)
    rows, columns = np.concatenate(calls), np.concatenate(nodes)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(n_nodes, n_nodes))
    _, component = connected_components(graph, directed=False)
    _, codes = np.unique(component[:n], return_inverse=True)
    return np.asarray(codes, np.int64)
