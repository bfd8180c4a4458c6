"""What would be hit at other thresholds, worked out by hand."""

from streams.console.scores import EDGES, SCORES_S, SHOWN, SLICE_S, ScoreSketch
from streams.wire.records import DECISION_DECODER
from tests.streams.console.console_case import decided
from tests.streams.console.test_live import Clock


def sketch_of(*scores: float | None, clock: Clock) -> ScoreSketch:
    made = ScoreSketch(clock)
    for score in scores:
        made.take(DECISION_DECODER.decode(decided(0, score=score)))
    return made


def test_calls_are_counted_from_each_threshold_on() -> None:
    """A score that is a threshold reaches it; a call without a score is none."""
    sketch = sketch_of(0.0, 0.4, 0.5, 0.97, 0.99, 0.995, 1.0, None, clock=Clock())

    assert sketch.total() == 7
    assert {row.threshold: row.calls for row in sketch.table()} == {
        0.5: 5, 0.9: 4, 0.95: 4, 0.98: 3, 0.99: 3, 0.997: 1, 0.999: 1, 0.9999: 1,
    }  # fmt: skip
    assert sketch.table()[0].share == 5 / 7
    curve = sketch.curve()
    assert dict(zip(curve["threshold"], curve["calls"], strict=True))[0.99] == 3
    assert curve["calls"] == sorted(curve["calls"], reverse=True)


def test_every_shown_threshold_is_the_end_of_a_class() -> None:
    """So the table is exact."""
    assert set(SHOWN) <= set(EDGES)
    assert list(EDGES) == sorted(set(EDGES))


def test_scores_are_forgotten_by_the_slice_and_memory_is_bounded() -> None:
    """What came in the first half minute is gone once the whole of it is too old."""
    clock = Clock()
    sketch = sketch_of(0.9, clock=clock)
    clock.now_s = clock.now_s // SLICE_S * SLICE_S + SCORES_S + SLICE_S - 1
    assert sketch.total() == 1
    clock.now_s += 1
    assert sketch.total() == 0
    assert sketch.table() == []
    for _ in range(100):
        clock.now_s += SLICE_S
        sketch.take(DECISION_DECODER.decode(decided(0, score=0.9)))
    assert sketch.total() == SCORES_S // SLICE_S + 1
