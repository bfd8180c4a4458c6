"""Features and labels are joined, ordered and counted right."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import assemble, read, read_labels, trailing_counts
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


def test_labels_without_campaign_and_kind_are_enough(tmp_path: Path) -> None:
    """Only call_id and label are required."""
    labels = tmp_path / "l.csv"
    labels.write_text("call_id,label\na,robocall\n")

    assert read_labels(labels) == {"a": Truth(True, "", "unknown")}


@pytest.mark.parametrize(
    "text",
    [
        "call_id,label,campaign\na,robocall,x\nb,legitimate,\n",
        '{"call_id":"a","label":"robocall","campaign":"x"}\n\n{"call_id":"b","label":"legitimate","other":1}\n',
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_labels_are_read_from_csv_and_json_lines_packed_or_not(tmp_path: Path, text: str, suffix: str) -> None:
    """All six say the same."""
    raw = text.encode()
    labels = tmp_path / f"labels{suffix}"
    labels.write_bytes({"": raw, ".gz": gzip.compress(raw), ".zst": zstandard.compress(raw)}[suffix])

    assert read_labels(labels) == {"a": Truth(True, "x", "unknown"), "b": Truth(False, "", "unknown")}


@pytest.mark.parametrize("name", ["l.csv.gz", "l.csv.zst"])
def test_a_damaged_label_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """Half of the labels would be worse than none."""
    pack = gzip.compress if name.endswith(".gz") else zstandard.compress
    labels = tmp_path / name
    labels.write_bytes(pack(b"call_id,label\na,robocall\nb,robocall\n")[:-3])

    with pytest.raises(TrainingDataInvalid, match=f"{name} is damaged or truncated"):
        read_labels(labels)


def test_labels_that_are_not_text_are_refused(tmp_path: Path) -> None:
    """Latin-1 would be read as something else."""
    (tmp_path / "l.csv").write_bytes(b"call_id,label\n\xe9,robocall\n")

    with pytest.raises(TrainingDataInvalid, match="UTF-8"):
        read_labels(tmp_path / "l.csv")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "call,label\na,robocall\n",
        "call_id,label\na,spam\n",
        '{"call_id":"a","label":"spam"}\n',
        '{"call_id":"a"}\n',
        '{"call_id":"a","label":"robocall"}\n[]\n',
        '{"call_id":"a",\n',
        'call_id,label\n"a,robocall\n' + "b,robocall\n" * 20_000,
    ],
)
def test_a_label_file_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    """No guess is made about what a label may have meant."""
    labels = tmp_path / "l.csv"
    labels.write_text(text)

    with pytest.raises(TrainingDataInvalid):
        read_labels(labels)


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
