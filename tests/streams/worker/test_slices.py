"""Slices of a poll: no record lost or twice, none too large, and the next one as the last one was."""

from itertools import chain

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.fetched import Rows, rows_of
from streams.kafka.topics import CALL_EVENTS
from streams.settings import load_settings
from streams.worker.slices import DEAR_HOLD_S, FIRST, MAX_BYTES, PLAIN_S, Slices


def part(number: int, count: int, size: int = 4) -> tuple[TP, Rows]:
    """A partition with so many records of a size."""
    return TP(CALL_EVENTS, number), rows_of((n, 0, None, b"%0*d" % (size, n)) for n in range(count))


@given(st.lists(st.integers(0, 300), min_size=1, max_size=5), st.lists(st.sampled_from([0.0, 0.02, 1.0]), min_size=1))
def test_every_record_is_in_one_slice_and_those_of_a_partition_are_in_order(
    counts: list[int], took: list[float]
) -> None:
    """However dear they are, and ends are the offsets up to which all are in slices."""
    slices, costs, found = Slices(256), iter(took * 2_000), list[tuple[int, int]]()
    ends: dict[int, int] = {}
    for fetched in slices.of([part(number, count) for number, count in enumerate(counts)]):
        assert 0 < len(fetched.records) <= 256
        found += [fetched.place(place)[1:] for place in range(len(fetched.records))]
        ends |= dict(fetched.ends)
        slices.took(len(fetched.records), next(costs))

    for number, count in enumerate(counts):
        assert [offset for partition, offset in found if partition == number] == list(range(count))
        assert ends.get(number, 0) == count
    assert len(found) == sum(counts)


def test_a_slice_grows_while_it_is_cheap_and_shrinks_at_once_when_it_is_dear() -> None:
    """A thousand at a time where calls are plain, a few where each takes much."""
    slices, sizes, dear_s = Slices(1_024), list[int](), DEAR_HOLD_S / 20
    for fetched in slices.of([part(0, 8_000)]):
        sizes.append(len(fetched.records))
        slices.took(sizes[-1], sizes[-1] * (PLAIN_S / 2 if sum(sizes) < 4_000 else dear_s))

    assert sizes[:5] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, 16 * FIRST]
    assert sizes[sizes.index(1_024) + 3 :][:3] == [20, 40, 20], "as long as they fit, twice as many are tried"


def test_plain_calls_on_a_slow_machine_are_not_taken_for_dear_ones() -> None:
    """At the default size and twice what a call usually takes: each slice is whole, one partition after the other."""
    slices, most = Slices(load_settings().max_batch_events), load_settings().max_batch_events
    sizes = []
    for fetched in slices.of([part(0, 20_000)]):
        sizes.append(len(fetched.records))
        slices.took(sizes[-1], sizes[-1] * 12e-6)

    assert slices.limit is None
    assert sizes[sizes.index(most) : -1] == [most] * (len(sizes) - 1 - sizes.index(most))


def test_a_slice_of_long_records_has_fewer_of_them() -> None:
    """What they cost is their bytes; one that is longer than a slice may be is a slice by itself."""
    slices = Slices(1_024)
    slices.took(1_024, 0.0)
    parts = [part(0, 300, 16_384), part(1, 1, 2 * MAX_BYTES)]
    sizes = [(len(one.records), len(one.records.data)) for one in slices.of(parts)]

    assert sum(count for count, _ in sizes) == 301
    assert all(size <= MAX_BYTES or count == 1 for count, size in sizes)


def test_a_partition_with_many_records_does_not_stand_before_the_others() -> None:
    """All of those with few are in the first slice, wherever they stand in the poll; it is small, as the first is."""
    first = next(Slices(1_024).of([part(0, 2_000), part(1, 3), part(2, 3), part(3, 900)]))
    partitions = first.records.partitions.tolist()

    assert [partitions.count(number) for number in range(4)] == [29, 3, 3, 29]
    assert list(chain.from_iterable([number] * partitions.count(number) for number in range(4))) == partitions


def test_while_calls_are_plain_a_slice_is_of_one_partition_after_the_other() -> None:
    """Its windows are near then; nothing waits for long, whose turn ever it is."""
    slices = Slices(512)
    slices.took(512, 0.0)
    assert slices.limit is None

    sizes = [one.ends for one in slices.of([part(0, 700), part(1, 300)])]

    assert sizes == [[(0, 512)], [(0, 700), (1, 300)]]
