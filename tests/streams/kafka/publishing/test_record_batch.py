"""Record batches that are written at once, beside those of aiokafka's builder: the same bytes."""

from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as Builder
from hypothesis import example, given
from hypothesis import strategies as st

from streams.kafka.publishing.identity import ANONYMOUS, Identity
from streams.kafka.publishing.record_batch import RecordBatch
from streams.kafka.publishing.records import Record, packed

NOW_MS = 1_760_000_000_000
SIZES = (0, 1, 63, 64, 100, 8_191, 8_192, 20_000)
texts = st.none() | st.binary(max_size=20) | st.sampled_from(SIZES).map(lambda size: b"x" * size)
records = st.tuples(texts, texts)
lots = st.lists(st.lists(records, max_size=10), min_size=1, max_size=5)
MANY: list[list[Record]] = [[(b"key", b"%d" % number) for number in range(9_000)], [(None, None)]]


def slowly(some: list[Record], most_bytes: int, identity: Identity, sequence: int) -> tuple[bytearray, int]:
    """The batch of as many records as fit, and how many those are.

    By the builder in Python: the compiled one refuses now and then a record that fits to the byte.
    """
    builder = Builder(2, 0, 0, *identity, sequence, most_bytes)
    for place, (key, value) in enumerate(some):
        if builder.append(place, NOW_MS, key, value, []) is None:
            return builder.build(), place
    return builder.build(), len(some)


@given(lots.filter(any), st.integers(61, 70_000), st.just(ANONYMOUS) | st.just(Identity(2**40, 7)), st.integers(0, 99))
@example(MANY, 1 << 20, ANONYMOUS, 0)
@example([[(b"k", b"x" * 100)], [(b"k", b"y")]], 61, ANONYMOUS, 0)
@example([[(None, None), (None, b"x"), (None, b"x" * 20)]], 103, ANONYMOUS, 0)
def test_the_same_records_fit_and_become_the_same_bytes(
    given_lots: list[list[Record]], most_bytes: int, identity: Identity, sequence: int
) -> None:
    """A first record is taken whatever its size; after one that does not fit nothing is."""
    batch, taken = RecordBatch(most_bytes), 0
    for lot in given_lots:
        fitted = batch.take(packed(lot))
        taken += fitted
        if fitted < len(lot):
            break

    expected, count = slowly([one for lot in given_lots for one in lot], most_bytes, identity, sequence)
    assert (taken, batch.records) == (count, count)
    assert batch.build(NOW_MS, identity, sequence) == expected
