"""Features and labels are joined, ordered and counted right."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import assemble, read, trailing_counts
from models.errors import TrainingDataInvalid
from models.traffic.truth import Truth


def _write_features(path: Path, call_ids: list[str], times: list[int]) -> Path:
    columns = {
        "call_id": call_ids,
        "setup_time_ms": pa.array(times, pa.int64()),
        "calling_number": ["+1"] * len(times),
        "calls": pa.array([float(time) for time in times], pa.float32()),
    }
    pq.write_table(pa.table(columns), path, row_group_size=64)
    return path


def test_reading_joins_by_call_id_and_leaves_out_unlabelled_calls(tmp_path: Path) -> None:
    """A call without a label teaches nothing and is no error."""
    features = _write_features(tmp_path / "f.parquet", ["a", "b", "c"], [30, 20, 10])
    labels = tmp_path / "l.csv"
    labels.write_text("call_id,label,campaign,kind\nc,legitimate,,person\na,robocall,x,flood\nz,robocall,x,flood\n")

    data = read(features, labels)

    assert data.rows[:, 0].tolist() == [10.0, 30.0]
    assert data.is_robocall.tolist() == [False, True]
    assert [data.kinds[kind] for kind in data.kind] == ["person", "flood"]
    assert data.campaign.tolist()[0] == -1
    assert data.campaign.tolist()[1] >= 0


def test_labels_of_other_traffic_are_refused(tmp_path: Path) -> None:
    """Two files that share no call belong to different runs."""
    features = _write_features(tmp_path / "f.parquet", ["a"], [1])
    labels = tmp_path / "l.csv"
    labels.write_text("call_id,label\nb,robocall\n")

    with pytest.raises(TrainingDataInvalid, match="same traffic"):
        read(features, labels)


def test_assembling_orders_by_time_and_codes_equal_numbers_alike() -> None:
    """Rows, numbers and labels move together."""
    truths = [Truth(True, "x", "flood"), Truth(False, "", "person"), Truth(True, "x", "flood")]

    data = assemble(["f"], np.array([[3], [1], [2]], np.float32), np.array([3, 1, 2]), ["p", "q", "p"], truths)

    assert data.rows[:, 0].tolist() == [1, 2, 3]
    assert data.is_robocall.tolist() == [False, True, True]
    assert data.number[1] == data.number[2] != data.number[0]
    assert data.campaign[1] == data.campaign[2] != data.campaign[0]


def test_the_digest_tells_data_apart() -> None:
    """One changed label is another data set."""
    rows, times = np.zeros((2, 1), np.float32), np.array([1, 2])
    one = assemble(["f"], rows, times, ["p", "q"], [Truth(False, "", "k"), Truth(False, "", "k")])
    other = assemble(["f"], rows, times, ["p", "q"], [Truth(False, "", "k"), Truth(True, "", "k")])

    assert one.digest() != other.digest()
    assert one.digest() == one.take(np.array([0, 1])).digest()


def test_rows_that_are_read_group_by_group_come_to_their_places(tmp_path: Path) -> None:
    """As by joining everything at once, whatever the order of the file; the end of the progress is the whole file."""
    random = np.random.default_rng(5)
    times = random.permutation(500).tolist()
    features = _write_features(tmp_path / "f.parquet", [f"c{time}" for time in times], times)
    labelled = sorted(random.choice(500, 300, replace=False).tolist())
    (tmp_path / "l.csv").write_text("call_id,label\n" + "".join(f"c{time},robocall\n" for time in labelled))
    told: list[tuple[int, int]] = []

    data = read(features, tmp_path / "l.csv", lambda done, of: told.append((done, of)))

    assert data.rows[:, 0].tolist() == labelled
    assert data.setup_time_ms.tolist() == labelled
    assert told[-1] == (500, 500)
    assert len(told) > 5


def test_a_file_that_is_no_parquet_is_refused_by_name(tmp_path: Path) -> None:
    """One line, not the library's own error."""
    (tmp_path / "f.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "l.csv").write_text("call_id,label\na,robocall\n")

    with pytest.raises(TrainingDataInvalid, match=r"f\.parquet is no whole Parquet file"):
        read(tmp_path / "f.parquet", tmp_path / "l.csv")


@given(
    calls=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3)), max_size=60),
    window_ms=st.integers(1, 100),
)
def test_trailing_counts_are_those_of_a_loop(calls: list[tuple[int, int]], window_ms: int) -> None:
    """The window is (now - length, now]; of calls of the same instant, earlier ones and the call itself count."""
    calls.sort(key=lambda call: call[0])
    times = np.array([time for time, _ in calls], np.int64)
    numbers = np.array([number for _, number in calls], np.int64)

    expected = [
        sum(numbers[j] == numbers[i] and times[j] > times[i] - window_ms for j in range(i + 1))
        for i in range(len(calls))
    ]

    assert trailing_counts(times, numbers, window_ms).tolist() == expected


LABELS = "call_id,label,source,weight\na,robocall,analyst,0.7\nb,legitimate,redress,0.5\n"


def test_labels_keep_their_source_and_weight(tmp_path: Path) -> None:
    """Through joining, ordering and taking; calls come in order of time: b, then a."""
    features = _write_features(tmp_path / "f.parquet", ["a", "b", "c"], [30, 20, 10])
    (tmp_path / "l.csv").write_text(LABELS)

    data = read(features, tmp_path / "l.csv")

    assert data.weight.tolist() == [0.5, 0.7]
    assert [data.sources[code] for code in data.source] == ["redress", "analyst"]
    assert data.take(np.array([1])).weight.tolist() == [0.7]
    assert data.labels_by_source() == [
        {"source": "analyst", "robocalls": 1, "lawful": 0, "weight": pytest.approx(0.7)},
        {"source": "redress", "robocalls": 0, "lawful": 1, "weight": pytest.approx(0.5)},
    ]


def test_calls_that_nobody_spoke_of_count_as_lawful_where_that_is_wanted(tmp_path: Path) -> None:
    """C has no label: left out, or lawful with the weight that was given, by nobody."""
    features = _write_features(tmp_path / "f.parquet", ["a", "b", "c"], [30, 20, 10])
    (tmp_path / "l.csv").write_text(LABELS)

    data = read(features, tmp_path / "l.csv", assumed_weight=0.1)

    assert data.is_robocall.tolist() == [False, False, True]
    assert data.weight.tolist() == [0.1, 0.5, 0.7]
    assert data.sources[data.source[0]] == "assumed"


def test_assuming_does_not_make_two_files_of_different_traffic_fit(tmp_path: Path) -> None:
    """Else every call would be lawful, and nobody would notice."""
    features = _write_features(tmp_path / "f.parquet", ["x", "y"], [1, 2])
    (tmp_path / "l.csv").write_text(LABELS)

    with pytest.raises(TrainingDataInvalid, match="same traffic"):
        read(features, tmp_path / "l.csv", assumed_weight=0.1)


def test_weights_are_part_of_the_digest_where_there_are_any() -> None:
    """The same labels trusted otherwise are other data."""
    rows, times = np.zeros((2, 1), np.float32), np.array([1, 2])
    doubted = Truth(True, "", "k", "analyst", 0.5)
    one = assemble(["f"], rows, times, ["p", "q"], [Truth(False, "", "k"), Truth(True, "", "k")])
    other = assemble(["f"], rows, times, ["p", "q"], [Truth(False, "", "k"), doubted])

    assert one.digest() != other.digest()
