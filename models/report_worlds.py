"""The worlds that a model is judged in."""

from models.traffic.spec import TrafficSpec
from models.worlds import central_worlds, held_out_worlds, natural, training_worlds

JUDGED = "held out"
"""The family that aims are about: worlds that no model was trained in, nor in any like them."""
INSIDE = "training ranges"
"""The family of other draws from the ranges that models are trained in."""


def families(worlds: int, calls: int, seed: int) -> dict[str, list[TrafficSpec]]:
    """Specifications of the worlds of each family, at the natural share of robocalls.

    Args:
        worlds: Held-out ones; of the two other families half as many.
        calls: Of each world, about.
        seed: One that no model was trained with.
    """
    others = max(1, worlds // 2)
    found = {
        "central": central_worlds(others, seed, calls=calls),
        INSIDE: training_worlds(others, seed, calls=calls),
        JUDGED: held_out_worlds(worlds, seed, calls=calls),
    }
    return {name: [natural(spec) for spec in specs] for name, specs in found.items()}
