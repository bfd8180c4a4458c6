"""The file of a measure: read back as it was written, bounded, signed, and refused when it is anything else."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from detector.policy.budgets import DAY_MS, Cut
from models.budgets.measure import (
    MAX_BYTES,
    Traffic,
    decode,
    encode,
    file_name,
    measured_elsewhere,
    read_beside,
    traffic_of,
)
from models.errors import ArtifactCorrupt
from models.serve.reference import Reference
from models.serve.signing import Signing
from tests.models.budgets.measures import END_MS, measure_of

KEY, OTHER = Signing(b"k" * 32), Signing(b"o" * 32)
MEASURE = measure_of("gbt-0123456789ab")


def read(content: bytes, signing: Signing = Signing()) -> object:  # noqa: B008 - immutable
    return decode(content, "measure-12.json", partitions=12, signing=signing)


@pytest.mark.parametrize("signing", [Signing(), KEY])
def test_it_is_read_as_it_was_written(signing: Signing, tmp_path: Path) -> None:
    (tmp_path / file_name(12)).write_bytes(encode(MEASURE, signing))

    assert read_beside(tmp_path, partitions=12, signing=signing) == MEASURE
    assert read_beside(tmp_path, partitions=4, signing=signing) is None


def test_it_is_said_for_which_other_numbers_of_partitions_a_model_was_measured(tmp_path: Path) -> None:
    """Neither by a measure of another model, nor by one that cannot be used."""
    version = MEASURE.model_version
    (tmp_path / "measure-x.json").write_bytes(b"")
    (tmp_path / file_name(2)).write_bytes(b"{")
    (tmp_path / file_name(3)).write_bytes(encode(measure_of("gbt-000000000000", partitions=3)))
    assert not measured_elsewhere(tmp_path, version, partitions=1)
    for partitions in (12, 4):
        (tmp_path / file_name(partitions)).write_bytes(encode(measure_of(version, partitions=partitions)))

    said = measured_elsewhere(tmp_path, version, partitions=1)

    todo = "run `robocall budgets measure --partitions 1`"
    assert said == f"measured for 4 and 12 partition(s), not for 1: {todo}"
    assert not measured_elsewhere(tmp_path, version, partitions=1, signing=KEY)


def test_one_that_was_signed_before_there_were_answers_is_taken() -> None:
    """The signature is over the fields that it has, and `answers` is none of them where there are none."""
    assert b"answers" not in encode(MEASURE, KEY)
    assert MEASURE.label is not None
    by_answers = msgspec.structs.replace(MEASURE, label=msgspec.structs.replace(MEASURE.label, answers=43))
    assert read(encode(by_answers, KEY), KEY) == by_answers


def test_deciding_calls_needs_its_cuts_and_what_they_rest_on() -> None:
    measured = MEASURE.measured()

    assert (measured.label, measured.block) == (Cut(2.0, 0.9, 900.0), Cut(5.0, 0.9, 95.0))
    assert (measured.calls, measured.callers, measured.measured_ms) == (10_000, 40, END_MS)


@pytest.mark.parametrize(("days", "expected"), [(0.0, 30_000), (0.5, 30_000), (1.0, 30_000), (3.0, 10_000)])
def test_calls_a_day_are_those_of_the_span_and_of_a_short_one_no_more_than_were_seen(
    days: float, expected: int
) -> None:
    span = msgspec.structs.replace(MEASURE, scored=30_000, begin_ms=MEASURE.end_ms - int(days * DAY_MS))

    assert span.measured().calls_a_day == expected


def test_each_cut_says_whether_it_is_a_share_of_all_calls() -> None:
    """By answers it is one, too."""
    assert MEASURE.label is not None
    assert MEASURE.block is not None
    label = msgspec.structs.replace(MEASURE.label, answers=43)
    block = msgspec.structs.replace(MEASURE.block, is_of_all=True)

    one, other = (msgspec.structs.replace(MEASURE, label=label).measured(),
                  msgspec.structs.replace(MEASURE, block=block).measured())  # fmt: skip

    cuts = [one.label, one.block, other.label, other.block]
    assert [cut is not None and cut.is_of_all for cut in cuts] == [True, False, False, True]


def test_a_threshold_that_does_not_keep_its_budget_yet_is_none() -> None:
    """It is kept in the file all the same: the next measure moves it on from there."""
    measured = measure_of("gbt-0123456789ab", most=(900.0, 100.5)).measured()

    assert measured.block is None
    assert measured.label is not None


@pytest.mark.parametrize("signing", [KEY, OTHER])
def test_one_that_was_not_signed_or_with_another_key_is_refused(signing: Signing) -> None:
    content = encode(MEASURE, Signing() if signing is KEY else KEY)

    with pytest.raises(ArtifactCorrupt, match="is refused"):
        read(content, signing)


def test_one_that_was_altered_is_refused() -> None:
    content = encode(MEASURE, KEY).replace(b'"label_per_million":1000', b'"label_per_million":1001')

    with pytest.raises(ArtifactCorrupt, match="was changed"):
        read(content, KEY)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        encode(MEASURE)[:-20],
        encode(MEASURE).replace(b'"margin":2.0', b'"margin":null'),
        encode(MEASURE).replace(b'"margin":2.0', b'"margin":1e9'),
        encode(MEASURE).replace(b'"score":0.9', b'"score":1.5'),
        encode(MEASURE).replace(b'"format":1', b'"format":2'),
        encode(MEASURE).replace(b'"end_ms":', b'"end_ms":-'),
        encode(MEASURE).replace(b'"signature":null', b'"signature":"x"'),
    ],
)
def test_anything_else_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ArtifactCorrupt) as refusal:
        read(content)

    assert "\n" not in str(refusal.value)
    assert "budgets measure" in str(refusal.value)


def test_one_of_another_number_of_partitions_is_refused() -> None:
    with pytest.raises(ArtifactCorrupt, match="measured in 12 partitions"):
        decode(encode(MEASURE), "measure-4.json", partitions=4)


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / file_name(12)).write_bytes(b" " * (MAX_BYTES + 1))

    with pytest.raises(ArtifactCorrupt, match="larger than"):
        read_beside(tmp_path, partitions=12)


def test_its_traffic_is_what_later_traffic_is_compared_with() -> None:
    """In the bins and with the weights of the model; a file has room for it."""
    random = np.random.default_rng(1)
    rows, scores = random.random((500, 187)).astype(np.float32), random.random(500)
    of_model = Reference.measure(rows, scores, random.random((500, 187)))
    counted = of_model.counted(rows[:100], scores[:100]).added(of_model.counted(rows[100:], scores[100:]))
    kept = msgspec.structs.replace(MEASURE, traffic=traffic_of(counted))
    content = encode(kept)

    found = decode(content, "", partitions=12).reference(of_model)

    assert len(content) < MAX_BYTES // 4
    assert found is not None
    np.testing.assert_array_equal(found.counts, of_model.counts)
    np.testing.assert_array_equal(found.scores, of_model.scores)
    assert found.edges is of_model.edges
    assert kept.reference(None) is None


@pytest.mark.parametrize("traffic", [Traffic([[1]], {"0": 1}), Traffic([[1], [1, 2]], {}), Traffic([], {"1000": 1})])
def test_traffic_that_is_no_set_of_histograms_is_refused(traffic: Traffic) -> None:
    of_model = Reference.measure(np.zeros((10, 2), np.float32), np.zeros(10), np.ones((1, 2)))

    with pytest.raises(ArtifactCorrupt):
        msgspec.structs.replace(MEASURE, traffic=traffic).reference(of_model)
