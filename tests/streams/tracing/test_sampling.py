"""Which calls are traced: the same wherever the key is known, as many as were asked for, and never too many."""

import hashlib

import numpy as np
import pytest

from detector.columns.arrays import Bytes
from streams.tracing.sampling import MOST_PER_S, Sampling

CALLS = 50_000


def digests(calls: int = CALLS) -> Bytes:
    """Decision ids of so many calls."""
    made = b"".join(hashlib.blake2b(str(number).encode(), digest_size=16).digest() for number in range(calls))
    return np.frombuffer(made, np.uint8).reshape(-1, 16)


class Unbounded(Sampling):
    """One that chooses however many."""

    def _bounded(self, rows: list[int]) -> list[int]:
        return rows


@pytest.mark.parametrize("ratio", [0.001, 0.01, 0.5])
def test_the_share_is_kept(ratio: float) -> None:
    """Within five standard deviations; all calls where all are wanted."""
    found = len(Unbounded("key", ratio).chosen(digests()))

    assert abs(found - ratio * CALLS) < 5 * (CALLS * ratio * (1 - ratio)) ** 0.5
    assert len(Unbounded("key", 1.0).chosen(digests())) == CALLS


def test_all_processes_with_the_key_choose_the_same_calls() -> None:
    """In a batch, or one by one; who wants fewer chooses some of these."""
    ids = digests(2_000)
    one, other = Unbounded("key", 0.1), Unbounded("key", 0.1)

    assert one.chosen(ids) == [row for row in range(len(ids)) if other.chosen(ids[row : row + 1])]
    assert set(Unbounded("key", 0.05).chosen(ids)) < set(one.chosen(ids))


def test_without_the_key_nobody_knows_which_calls_are_chosen_and_whose_a_trace_is() -> None:
    """Another key chooses other calls, and gives other ids."""
    ids = digests(2_000)
    one, other = Unbounded("key", 0.1), Unbounded("another", 0.1)

    assert len({*one.chosen(ids)} & {*other.chosen(ids)}) < 60  # 20 of 2,000 are in both by chance
    assert one.trace_id(bytes(ids[0])) != other.trace_id(bytes(ids[0]))


def test_a_process_traces_so_many_calls_a_second_and_no_more() -> None:
    """However many are chosen: the first ones; in the next second there is room again."""
    now_s = 100.2
    sampling = Sampling("key", 1.0, lambda: now_s)

    assert sampling.chosen(digests(60)) == list(range(60))
    assert sampling.chosen(digests(60)) == list(range(MOST_PER_S - 60))
    assert sampling.chosen(digests(60)) == []
    now_s = 101.0
    assert sampling.chosen(digests(60)) == list(range(60))


def test_trace_ids_are_of_the_call_alone() -> None:
    """128 bits, never 0, and no two alike."""
    sampling = Sampling("key", 0.1)
    found = [sampling.trace_id(bytes(one)) for one in digests(1_000)]

    assert found == [Sampling("key", 0.5).trace_id(bytes(one)) for one in digests(1_000)]
    assert len(set(found)) == 1_000
    assert all(0 < one < 2**128 for one in found)
    assert max(found) > 2**120
