"""Rows of busy keys: no part of a row lies on another one, and counts are where the words of the layout say."""

import pytest

from detector.features import window_constants
from detector.windows import layout
from detector.windows.layout import PLANS, WORD, columns_of, pane_starts

FAMILIES = sorted(window_constants.SHAPES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: window_constants.FAMILIES[family])
def test_no_part_of_a_row_lies_on_another(family: int) -> None:
    """Head, exact calls, others' time and estimates, panes, sketches, then the same once more for others."""
    plan, shape = PLANS[family], window_constants.SHAPES[family]
    size = 4 if plan.is_wide else 2
    panes_bytes = size * window_constants.N_PANES * sum(len(columns_of(shape, window)) for window in range(5))
    sketch_bytes = sum(sketch.rows * sketch.levels for sketch in shape.sketches)
    parts = [
        (0, layout.HEAD_BYTES),
        (4 * layout.R_SETUP, 4 * layout.RING_COLUMNS * window_constants.RING),
        (WORD * layout.OTHERS_MS, WORD * plan.is_shared),
        (WORD * plan.estimates, WORD * 2 * (2 + plan.items) * plan.is_wide),
        (size * plan.panes, panes_bytes),
        (plan.sketch_0, sketch_bytes),
    ]
    if plan.is_shared:
        parts += [
            (size * (plan.panes + plan.other_panes), panes_bytes),
            (plan.sketch_0 + plan.other_sketches, sketch_bytes),
        ]

    for (start, length), (after, _) in zip(parts, [*parts[1:], (plan.row_bytes, 0)], strict=True):
        assert start + length <= after
    assert plan.row_bytes % WORD == 0


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: window_constants.FAMILIES[family])
def test_panes_of_one_window_end_where_those_of_the_next_begin(family: int) -> None:
    shape, starts = window_constants.SHAPES[family], pane_starts(family)

    assert starts[0] == PLANS[family].panes
    for window in range(4):
        width = len(columns_of(shape, window))
        assert starts[window + 1] - starts[window] == window_constants.N_PANES * width


def test_talk_time_of_narrow_panes_takes_two_columns() -> None:
    """16 bits hold 18 hours of talk, and a busy number has more in a day."""
    narrow = columns_of(window_constants.SHAPES[window_constants.NUMBER], window_constants.W24H)
    wide = columns_of(window_constants.SHAPES[window_constants.TRUNK], window_constants.W24H)

    assert narrow[-2:] == [window_constants.TALK_S] * 2
    assert wide.count(window_constants.TALK_S) == 1


def test_fields_of_the_head_are_apart() -> None:
    """In bytes: where each field of a busy row begins, and how long it is."""
    fields = {
        "key": (8 * layout.KEY, 8),
        "latest": (8 * layout.LATEST_MS, 8),
        "older": (4 * layout.OLDER, 4),
        "newer": (4 * layout.NEWER, 4),
        "partition": (2 * layout.PARTITION, 2),
        "epoch": (2 * layout.EPOCH, 2),
        "held": (layout.HELD, 1),
        "is_paned": (layout.IS_PANED, 1),
        "astray": (2 * layout.ASTRAY, 2),
        **{
            name: (4 * column, 4)
            for name, column in (
                ("first", layout.FIRST_AGE),
                ("last_setup", layout.LAST_SETUP_AGE),
                ("evicted_setup", layout.EVICTED_SETUP_AGE),
                ("evicted_end", layout.EVICTED_END_AGE),
                ("last_called", layout.LAST_CALLED),
                ("origin", layout.ORIGIN),
            )
        },
    }
    taken = [byte for start, length in fields.values() for byte in range(start, start + length)]

    assert len(taken) == len(set(taken)) == layout.HEAD_BYTES
    assert set(taken) == set(range(layout.HEAD_BYTES))
