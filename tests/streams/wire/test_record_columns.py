"""Records side by side: the layout that the scan relies on, and values that come out as they went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.wire.record_columns import NULL, PADDING, UNKNOWN, records_of


@given(st.lists(st.none() | st.binary(max_size=20)))
def test_values_come_out_as_they_went_in(values: list[bytes | None]) -> None:
    """A null is no empty value; a NUL stands behind each value, and 32 of them behind the last."""
    records = records_of(values)

    assert [records.value(position) for position in range(len(records))] == values
    data = records.data.tobytes()
    for (start, stop), value in zip(records.spans.tolist(), values, strict=True):
        assert (start == stop == NULL) if value is None else data[stop : stop + 1] == PADDING[:1]
    assert data.endswith(PADDING)
    assert not records.data.flags.writeable


def test_where_nobody_knows_partitions_are_0_and_arrivals_unknown() -> None:
    """As in a replay of one partition."""
    records = records_of([b"a", b"b"])

    assert records.partitions.tolist() == [0, 0]
    assert records.arrivals_ms.tolist() == [UNKNOWN, UNKNOWN]


def test_columns_of_different_lengths_are_refused() -> None:
    """Every column runs beside the values."""
    with pytest.raises(ValueError, match="1 numbers were given for 2 records"):
        records_of([b"a", b"b"], [0])
