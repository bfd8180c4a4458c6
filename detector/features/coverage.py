"""Whether the windows keep everything that the features read: asked when the engine is imported."""

from collections.abc import Mapping

from detector.features.operations import operands_of
from detector.features.table import FEATURES, wanted_counts, wanted_distinct
from detector.features.window_constants import (
    CALLED,
    FAMILIES,
    ITEMS,
    MEASURES,
    N_FAMILIES,
    N_MEASURES,
    RECEIVED,
    SHAPES,
    WINDOW_NAMES,
    FamilyShape,
)


def missing(shapes: Mapping[int, FamilyShape]) -> list[str]:
    """What the features read and `shapes` do not keep, a line each."""
    counts, distinct = wanted_counts(), wanted_distinct()
    lines = []
    for family in range(N_FAMILIES):
        shape = shapes[CALLED if family == RECEIVED else family]
        for window, name in enumerate(WINDOW_NAMES):
            wanted = [measure for measure in range(N_MEASURES) if counts[family, window, measure]]
            lines += [
                f"{MEASURES[measure]} of {FAMILIES[family]} in {name}"
                for measure in wanted
                if measure not in shape.pairs[window]
            ]
            if distinct[family, window] and window not in shape.distinct_windows:
                lines.append(f"distinct counts of {FAMILIES[family]} in {name}")
    for item in (operands_of(feature.instruction).item for feature in FEATURES):
        if item is not None and item.item not in [sketch.item for sketch in shapes[item.family].sketches]:
            lines.append(f"distinct {ITEMS[item.item]} of {FAMILIES[item.family]}")
    return lines


def check() -> None:
    """Refuse a feature table that reads what is not kept: it would be right for idle keys and zero for busy ones.

    Raises:
        ValueError: Something is missing in `detector.features.window_constants.SHAPES`.
    """
    lines = missing(SHAPES)
    if lines:
        raise ValueError(f"features read {'; '.join(lines)}: add it to SHAPES in detector/features/window_constants.py")
