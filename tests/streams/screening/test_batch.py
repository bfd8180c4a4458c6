"""What a batch says of itself once it has gone through all rooms."""

from streams.screening.batch import Unusable
from streams.wire.record_columns import records_of
from tests.streams.screening.pipeline_case import pipeline, setup


def test_unusable_records_are_listed_in_order_with_their_reasons() -> None:
    """They become dead letters; nothing of what a record holds is said."""
    batch = pipeline(0.0, []).process(records_of([None, setup(1), b"{"]), decided_time_ms=None)

    assert batch.unusable() == [
        Unusable(0, "empty", "The record has no value."),
        Unusable(2, "invalid_json", batch.reading.rejected[1].message),
    ]


def test_parts_of_a_batch_run_beside_each_other() -> None:
    """Answers beside calls, calls beside the setups that were read."""
    batch = pipeline(0.0, []).process(records_of([b"{", setup(1), setup(2)]), decided_time_ms=None)

    assert batch.columns is not None
    assert batch.reading.positions.tolist() == [1, 2]
    assert len(batch.columns.calls) == len(batch.screening.calls) == len(batch.answers.decisions) == 2
    assert batch.skewed == 0
