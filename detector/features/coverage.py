"""Whether the windows keep everything that the features read: asked when the engine is imported."""

from collections.abc import Mapping

from detector.features import window_constants as spec
from detector.features.operations import operands_of
from detector.features.table import FEATURES, wanted_counts, wanted_distinct


def missing(shapes: Mapping[int, spec.FamilyShape]) -> list[str]:
    """What the features read and `shapes` do not keep, a line each."""
    counts, distinct = wanted_counts(), wanted_distinct()
    lines = []
    for family in range(spec.N_FAMILIES):
        shape = shapes[spec.CALLED if family == spec.RECEIVED else family]
        for window, name in enumerate(spec.WINDOW_NAMES):
            wanted = [measure for measure in range(spec.N_MEASURES) if counts[family, window, measure]]
            lines += [
                f"{spec.MEASURES[measure]} of {spec.FAMILIES[family]} in {name}"
                for measure in wanted
                if measure not in shape.pairs[window]
            ]
            if distinct[family, window] and window not in shape.distinct_windows:
                lines.append(f"distinct counts of {spec.FAMILIES[family]} in {name}")
    for item in (operands_of(feature.step).item for feature in FEATURES):
        if item is not None and item.item not in [sketch.item for sketch in shapes[item.family].sketches]:
            lines.append(f"distinct {spec.ITEMS[item.item]} of {spec.FAMILIES[item.family]}")
    return lines


def check() -> None:
    """Refuse a feature table that reads what is not kept: it would be right for idle keys and zero for busy ones.

    Raises:
        ValueError: Something is missing in `detector.features.window_constants.SHAPES`.
    """
    lines = missing(spec.SHAPES)
    if lines:
        raise ValueError(f"features read {'; '.join(lines)}: add it to SHAPES in detector/features/window_constants.py")
