"""What is said of the calls of a made-up span: complaints, an analyst's answers, and what is learnt from them."""

from collections.abc import Iterable

import numpy as np

from models.adapt.adapting import is_learnt_from
from models.adapt.calls import Mask, lawful_in
from models.adapt.labels import labels_of
from models.adapt.rounds import Material
from models.traffic.truth import UNKNOWN_KIND, Truth
from tests.models.adapt.spans import NAMES, Made


def complaints(span: Made, share: float, wrong: float = 0.0, *, where: Mask | None = None) -> dict[int, Truth]:
    """Labels on a share of the robocalls, and on that share of as many lawful calls times `wrong`."""
    random = np.random.default_rng(4)
    may = np.ones(len(span.calls), np.bool_) if where is None else where
    right = may & span.is_robocall & (random.random(len(may)) < share)
    false = may & ~span.is_robocall & (random.random(len(may)) < share * wrong * 0.06)
    return {
        int(key): Truth(True, "", UNKNOWN_KIND, "subscriber_report", 0.4)
        for key in span.calls.call[right | false].tolist()
    }


def looked_at(span: Made, where: Mask, robocallers: int, lawful: int = 0) -> dict[int, Truth]:
    """An analyst's answers about so many callers of either kind, those of the lowest origins: a block is one caller."""
    found: dict[int, Truth] = {}
    for is_robocall, most in ((True, robocallers), (False, lawful)):
        its = np.flatnonzero(where & (span.is_robocall == is_robocall))
        its = its[np.argsort(span.calls.origin[its], kind="stable")]
        blocks = list(dict.fromkeys(span.calls.block[its].tolist()))[:most]
        calls = span.calls.call[its[np.isin(span.calls.block[its], blocks)]].tolist()
        found |= dict.fromkeys(calls, Truth(is_robocall, "", UNKNOWN_KIND, "analyst", 0.9))
    return found


def early(span: Made) -> Mask:
    """Calls that trees are fitted to."""
    return material_of(span, {}).is_early


def few(span: Made) -> Mask:
    """Of what trees are fitted to the calls of one number in ten, and all others: too few are accused to presume."""
    found: Mask = ~early(span) | (span.calls.number % 10 == 0)
    return found


def taught(span: Made, said: dict[int, Truth]) -> dict[int, Truth]:
    """The same with an analyst's answers about twenty callers, in what trees are fitted to."""
    return said | looked_at(span, early(span), 20)


def material_of(span: Made, said: dict[int, Truth], registered: Iterable[int] = ()) -> Material:
    lawful = lawful_in(span.calls, np.array([*registered], np.int64))
    labels = labels_of(span.calls, lawful, said)
    return Material(span.calls, labels, lawful, is_learnt_from(span.calls), NAMES, 1)
