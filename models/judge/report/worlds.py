"""The families of generated worlds that a model is judged in."""

from dataclasses import replace

from models.learn.many_worlds import by_author
from models.traffic.authors import AUTHORS, Traffic
from models.traffic.worlds import NATURAL_SHARE, central_worlds, held_out_worlds, natural, training_worlds

JUDGED = "held out"
"""The family that aims are about: worlds that no model was trained in, nor in any like them."""
INSIDE = "training ranges"
"""The family of other draws from the ranges that models are trained in."""
FIRST = "first"
"""The author of the families above, beside those of `AUTHORS`."""
BY_OTHERS = {author: f"{author} author" for author in AUTHORS}
"""The family of worlds by each of the other authors: other draws than those that models are trained in."""
LEFT_OUT_IN = {FIRST: JUDGED, **BY_OTHERS}
"""By author the family to judge in what has learnt from the other authors only."""


def families(worlds: int, calls: int, seed: int) -> dict[str, list[Traffic]]:
    """Specifications of the worlds of each family, at the natural share of robocalls.

    Args:
        worlds: Held-out ones, at least 1; of the other families half as many, at least 1.
        calls: Of each world, about.
        seed: One that no model was trained with.

    Returns:
        By family, each in order of time and none overlapping; nothing is generated yet.
    """
    others = max(1, worlds // 2)
    found: dict[str, list[Traffic]] = {
        "central": [natural(spec) for spec in central_worlds(others, seed, calls=calls)],
        INSIDE: [natural(spec) for spec in training_worlds(others, seed, calls=calls)],
        JUDGED: [natural(spec) for spec in held_out_worlds(worlds, seed, calls=calls)],
    }
    for author, family in BY_OTHERS.items():
        drawn = (by_author(author, seed, slot, calls) for slot in range(others))
        found[family] = [replace(spec, robocall_share=NATURAL_SHARE) for spec in drawn]
    return found
