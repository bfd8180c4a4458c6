"""What would be hit at other thresholds, worked out by hand."""

from typing import Any

from detector.contract.decisions import Action
from streams.console.scores import EDGES, MOST_REACHED, SCORES_S, SHOWN, SLICE_S, Reached, ScoreSketch
from streams.wire.records import DECISION_DECODER
from tests.streams.console.console_case import decided
from tests.streams.manual_seconds import ManualSeconds


def sketch_of(*scores: float | None, clock: ManualSeconds) -> ScoreSketch:
    made = ScoreSketch(clock)
    for score in scores:
        made.take(DECISION_DECODER.decode(decided(0, score=score)))
    return made


def test_calls_are_counted_from_each_threshold_on() -> None:
    """A score that is a threshold reaches it; a call without a score is none."""
    sketch = sketch_of(0.0, 0.4, 0.5, 0.97, 0.99, 0.995, 1.0, None, clock=ManualSeconds())

    assert sketch.total() == 7
    assert {row.threshold: row.calls for row in sketch.table()} == {
        0.5: 5, 0.9: 4, 0.95: 4, 0.98: 3, 0.99: 3, 0.997: 1, 0.999: 1, 0.9999: 1,
    }  # fmt: skip
    assert sketch.table()[0].share == 5 / 7
    curve = sketch.curve()
    assert dict(zip(curve["threshold"], curve["calls"], strict=True))[0.99] == 3
    assert curve["calls"] == sorted(curve["calls"], reverse=True)


def test_thresholds_that_decisions_name_stand_in_the_row_that_they_lie_in() -> None:
    """One below the first row stands there. Those of a rule, and of calls that nothing objected to, are none."""
    clock = ManualSeconds()
    sketch = ScoreSketch(clock)
    named: list[tuple[float | None, dict[str, Any]]] = [
        (0.99, {"action": "label"}),
        (0.9951, {"action": "block"}),
        (0.9951, {"action": "allow", "mode": "shadow", "would_be": "block"}),
        (0.02, {"action": "label"}),
        (0.9, {"action": "block", "decided_by": "rule"}),
        (0.9, {"action": "allow"}),
        (None, {"action": "label"}),
    ]
    for threshold, more in named:
        reason = {"code": "model", "text": "", "value": 0.999, "threshold": threshold}
        fields = {"decided_by": "model", "score": 0.999, "reasons": [reason], **more}
        sketch.take(DECISION_DECODER.decode(decided(0, **fields)))

    assert {row.threshold: row.reached for row in sketch.table() if row.reached} == {
        0.5: (Reached(0.02, Action.LABEL, is_tried=False),),
        0.99: (
            Reached(0.99, Action.LABEL, is_tried=False),
            Reached(0.9951, Action.BLOCK, is_tried=False),
            Reached(0.9951, Action.BLOCK, is_tried=True),
        ),
    }
    clock.advance(SCORES_S + SLICE_S)
    sketch.take(DECISION_DECODER.decode(decided(0, score=0.999)))
    assert not any(row.reached for row in sketch.table())


def test_every_shown_threshold_is_the_end_of_a_class() -> None:
    """So the table is exact."""
    assert set(SHOWN) <= set(EDGES)
    assert list(EDGES) == sorted(set(EDGES))


def test_scores_are_forgotten_by_the_slice_and_memory_is_bounded() -> None:
    """What came in the first half minute is gone once the whole of it is too old."""
    clock = ManualSeconds()
    sketch = sketch_of(0.9, clock=clock)
    clock.advance(SCORES_S + SLICE_S - 1 - clock() % SLICE_S)
    assert sketch.total() == 1
    clock.advance(1)
    assert sketch.total() == 0
    assert sketch.table() == []
    for _ in range(100):
        clock.advance(SLICE_S)
        sketch.take(DECISION_DECODER.decode(decided(0, score=0.9)))
    assert sketch.total() == SCORES_S // SLICE_S + 1


def test_of_many_thresholds_some_are_kept() -> None:
    """Whatever is published."""
    sketch = ScoreSketch(ManualSeconds())
    for number in range(2 * MOST_REACHED):
        reason = {"code": "model", "text": "", "value": 1.0, "threshold": number / 100}
        sketch.take(DECISION_DECODER.decode(decided(0, "label", decided_by="model", score=1.0, reasons=[reason])))
    assert sum(len(row.reached) for row in sketch.table()) == MOST_REACHED
