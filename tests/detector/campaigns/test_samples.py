"""Samples: exact while small, an estimate beyond, comparable with each other."""

import pytest

from detector.campaigns.samples import MOST, Sample


def _sample(texts: range, times: int = 1) -> Sample:
    made = Sample()
    for text in texts:
        for _ in range(times):
            made.add(f"+1212{text:07d}")
    return made


def test_few_texts_are_counted_exactly() -> None:
    sample = _sample(range(MOST), 3)
    assert sample.distinct() == MOST
    assert set(sample.counts.values()) == {3}


def test_many_texts_are_estimated_in_the_same_memory() -> None:
    sample = _sample(range(20_000))
    assert len(sample.counts) == MOST
    assert sample.distinct() == pytest.approx(20_000, rel=0.4)  # three deviations of 1 / sqrt(64)


def test_only_a_text_that_is_new_in_the_sample_is_told() -> None:
    sample = Sample()
    assert sample.add("a")
    assert not sample.add("a")


def test_what_is_shared_is_the_smaller_share_of_both() -> None:
    one, other = _sample(range(10)), _sample(range(8, 28))
    assert one.shared(other) == pytest.approx(0.1)
    assert other.shared(one) == pytest.approx(0.1)
    assert one.shared(_sample(range(100, 110))) == 0.0


def test_what_is_shared_is_estimated_of_large_ones() -> None:
    one, other = _sample(range(10_000)), _sample(range(5_000, 15_000))
    assert one.shared(other) == pytest.approx(0.5, abs=0.2)


def test_merging_is_as_counting_all_in_one() -> None:
    together, one = _sample(range(3_000)), _sample(range(2_000))
    one.merge(_sample(range(2_000, 3_000)))
    assert (one.counts, one.border) == (together.counts, together.border)


def test_a_sample_that_was_written_down_goes_on() -> None:
    sample = _sample(range(3_000))
    again = Sample(dict(sample.counts), sample.border)
    for one in (sample, again):
        for text in range(3_000, 4_000):
            one.add(f"+1212{text:07d}")
    assert (again.counts, again.border) == (sample.counts, sample.border)


def test_a_text_that_was_taken_out_is_new_again() -> None:
    sample = _sample(range(2), 4)
    assert sample.take_out("+12120000001") == 4
    assert sample.take_out("+12120000001") == 0
    assert sample.add("+12120000001")
