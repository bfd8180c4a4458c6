"""What the features read and the windows do not keep is named."""

from dataclasses import replace

from detector.features import coverage, window_constants
from detector.features.window_constants import FamilyShape, Sketch

NUMBER, W1H, ANSWERED = window_constants.NUMBER, window_constants.W1H, window_constants.ANSWERED


def shapes_with(shape: FamilyShape) -> dict[int, FamilyShape]:
    """The shapes with another one for the calling number."""
    return {**window_constants.SHAPES, NUMBER: shape}


def test_a_count_that_is_not_kept_is_named() -> None:
    """Without the answered calls of a number's hour every feature on them would be wrong for busy numbers."""
    shape = window_constants.SHAPES[NUMBER]
    pairs = tuple(
        tuple(measure for measure in measures if (window, measure) != (W1H, ANSWERED))
        for window, measures in enumerate(shape.pairs)
    )

    assert coverage.missing(window_constants.SHAPES) == []
    assert coverage.missing(shapes_with(replace(shape, pairs=pairs))) == ["answered of number in 1h"]  # type: ignore[arg-type]


def test_a_distinct_count_that_is_not_kept_is_named() -> None:
    """Once for each feature that reads it."""
    shape = window_constants.SHAPES[NUMBER]
    other = tuple(sketch for sketch in shape.sketches if sketch.item != window_constants.OTHER)

    lines = coverage.missing(shapes_with(replace(shape, sketches=other)))

    assert set(lines) == {"distinct other of number"}
    assert coverage.missing(shapes_with(replace(shape, sketches=(*other, Sketch(window_constants.OTHER, 8, 1))))) == []


def test_a_distinct_count_of_another_window_is_named() -> None:
    shape = window_constants.SHAPES[NUMBER]

    lines = coverage.missing(shapes_with(replace(shape, distinct_windows=(window_constants.W5M, W1H))))

    assert lines == ["distinct counts of number in 24h"]
