"""Feature rows with their labels: read from files, or computed from events by the serving code itself."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.data.label_files import read_labels
from models.data.verdicts import ASSUMED
from models.errors import TrainingDataInvalid
from models.traffic.truth import UNKNOWN_KIND, Truth

NOT_FEATURES = ("call_id", "setup_time_ms", "calling_number")
MARGINS = ("margin", "group_score")
"""What the model of a replay made of each call, beside its features; nothing is learnt from it."""
SCHEMA_KEY = "feature_schema"
"""In the metadata of the Parquet file: id of the feature table that its columns are of."""
COUNTED_IN_KEY = "counted_in"
"""Beside it: number of partitions that windows were counted in."""
ASSIGNED_CODES_KEY = "assigned_codes"
"""Likewise: id of the codes that unassigned ones were told by, empty for none."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labelled calls in order of their setup. All arrays have one entry a call and are not to be changed.

    Attributes:
        feature_names: names of the columns of `rows`.
        rows: feature values, shape (n_calls, n_features) float32, no NaN.
        setup_time_ms: epoch milliseconds UTC, never falling.
        number: code of the calling number; calls of one number have one code.
        is_robocall: else the call is lawful.
        campaign: code of the campaign, -1 for none.
        position: of the call in its campaign, from 1, whether or not the calls before it are here; 0 for none.
        kind: index into `kinds`.
        kinds: names of the kinds of campaign and of lawful caller.
        weight: how far the label is to be trusted, float64, above 0 and at most 1.
        source: index into `sources`.
        sources: who said what the calls were (`models.data.verdicts`); empty where that is not known.
        counted_in: numbers of partitions that the windows of these calls were counted in, rising; empty where that is
            not known.
        assigned_codes: ids of the codes (`detector.columns.code_plan.codes_id`) that these calls were told by, an empty
            text for none; empty where that is not known.
    """

    feature_names: tuple[str, ...]
    rows: NDArray[np.float32]
    setup_time_ms: NDArray[np.int64]
    number: NDArray[np.int64]
    is_robocall: NDArray[np.bool_]
    campaign: NDArray[np.int64]
    position: NDArray[np.int64]
    kind: NDArray[np.int64]
    kinds: tuple[str, ...]
    weight: NDArray[np.float64]
    source: NDArray[np.int64]
    sources: tuple[str, ...]
    counted_in: tuple[int, ...] = ()
    assigned_codes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of calls."""
        return len(self.rows)

    def by_kind(self, wanted: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Names of the kinds that have wanted calls, each with a mask of those calls; masks have shape (n_calls,)."""
        for index, kind in enumerate(self.kinds):
            chosen = (self.kind == index) & wanted
            if chosen.any():
                yield kind, chosen

    def take(self, chosen: NDArray[Any]) -> "Dataset":
        """The chosen calls, by rising index or by mask of shape (n_calls,); their arrays are copies."""
        return Dataset(
            self.feature_names,
            self.rows[chosen],
            self.setup_time_ms[chosen],
            self.number[chosen],
            self.is_robocall[chosen],
            self.campaign[chosen],
            self.position[chosen],
            self.kind[chosen],
            self.kinds,
            self.weight[chosen],
            self.source[chosen],
            self.sources,
            self.counted_in,
            self.assigned_codes,
        )

    def is_of(self, kind: str) -> NDArray[np.bool_]:
        """Which calls are of a kind, shape (n_calls,); none where the kind is not among these calls."""
        found: NDArray[np.bool_] = self.kind == (self.kinds.index(kind) if kind in self.kinds else -1)
        return found

    def labels_by_source(self) -> list[dict[str, Any]]:
        """What the labels rest on, as plain values: a line for each source that has calls here.

        Each has `source`, the numbers of calls `robocalls` and `lawful`, and the mean `weight` of their labels.
        """
        lines = []
        for index, source in enumerate(self.sources):
            chosen = self.source == index
            if chosen.any():
                robocalls = int(self.is_robocall[chosen].sum())
                numbers = {"robocalls": robocalls, "lawful": int(chosen.sum()) - robocalls}
                lines.append({"source": source, **numbers, "weight": float(self.weight[chosen].mean())})
        return lines

    @property
    def has_weights(self) -> bool:
        """Whether any label is trusted less than others."""
        return bool(np.any(self.weight != 1.0))

    def digest(self) -> str:
        """SHA-256 of features and labels, hexadecimal. It reads all of them: some seconds for a million calls."""
        digest = hashlib.sha256("\n".join(self.feature_names).encode())
        labels = (self.is_robocall, self.campaign, *((self.weight,) if self.has_weights else ()))
        for array in (self.rows, self.setup_time_ms, *labels):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def assemble(
    feature_names: Sequence[str],
    rows: NDArray[np.float32],
    setup_time_ms: NDArray[np.int64],
    numbers: Sequence[str],
    truths: Sequence[Truth],
    placed_before: Mapping[str, int] | None = None,
) -> Dataset:
    """Put a data set together, ordered by setup time; calls of the same millisecond keep their order.

    Args:
        feature_names: names of the columns.
        rows: shape (n_calls, n_features) float32; copied.
        setup_time_ms: shape (n_calls,) int64.
        numbers: calling number of each call.
        truths: what each call was.
        placed_before: by campaign, how many calls it placed before all of these.
    """
    order = np.argsort(setup_time_ms, kind="stable")
    ordered = np.ascontiguousarray(rows[order], np.float32)
    return _in_order(feature_names, ordered, order, setup_time_ms, numbers, truths, placed_before)


def _in_order(
    feature_names: Sequence[str],
    rows: NDArray[np.float32],
    order: NDArray[np.int64],
    setup_time_ms: NDArray[np.int64],
    numbers: Sequence[str],
    truths: Sequence[Truth],
    placed_before: Mapping[str, int] | None = None,
) -> Dataset:
    """Put a data set together whose rows are in the order that the rest is to be brought into."""
    campaigns = _codes([truth.campaign for truth in truths])
    campaigns = np.where([truth.campaign == "" for truth in truths], -1, campaigns)[order]
    earlier = placed_before or {}
    before = np.array([earlier.get(truth.campaign, 0) for truth in truths], np.int64)[order]
    kinds = sorted({truth.kind for truth in truths})
    codes = {kind: index for index, kind in enumerate(kinds)}
    sources = sorted({truth.source for truth in truths})
    source_codes = {source: index for index, source in enumerate(sources)}
    return Dataset(
        tuple(feature_names),
        rows,
        setup_time_ms[order],
        _codes(numbers)[order],
        np.array([truth.is_robocall for truth in truths], np.bool_)[order],
        campaigns,
        np.where(campaigns >= 0, before + _nth_of_campaign(campaigns), 0),
        np.array([codes[truth.kind] for truth in truths], np.int64)[order],
        tuple(kinds),
        np.array([truth.weight for truth in truths], np.float64)[order],
        np.array([source_codes[truth.source] for truth in truths], np.int64)[order],
        tuple(sources),
    )


def _codes(values: Sequence[str]) -> NDArray[np.int64]:
    """Number the distinct values in order of appearance."""
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(value, len(seen)) for value in values], np.int64)


def _nth_of_campaign(campaign: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the calls of each campaign from 1, in their order."""
    order = np.argsort(campaign, kind="stable")
    starts = np.flatnonzero(np.diff(campaign[order], prepend=-2))
    found = np.empty(len(campaign), np.int64)
    found[order] = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order))) + 1
    return found


Progress = Callable[[int, int], None]
"""Told how many rows are read, and of how many."""


def read(
    features: Path,
    labels: Path,
    progress: Progress = lambda _done, _of: None,
    assumed_weight: float | None = None,
) -> Dataset:
    """Join the Parquet file of `robocall replay --features` with a label file (`models.data.label_files`).

    Calls without a label are left out, as nobody knows what they were; with `assumed_weight` they count as lawful. The
    rows are in memory once: 2,500,000 calls of 187 features take 1.9 GB. It blocks for the disk.

    Args:
        features: Parquet file.
        labels: CSV or JSON lines.
        progress: told after each part of the file.
        assumed_weight: how far it is to be trusted that a call without a label was lawful, above 0 and at most 1; None
            leaves those calls out.

    Raises:
        TrainingDataInvalid: a file is damaged, lacks a column, or they do not fit together.
        OSError: a file cannot be read, or a page of the Parquet file cannot be unpacked.
    """
    with _opened(features) as file:
        assumed = None if assumed_weight is None else Truth(False, "", UNKNOWN_KIND, ASSUMED, assumed_weight)
        data = _joined(file, features, read_labels(labels), labels, progress, assumed)
        counted_in = _metadata(file, COUNTED_IN_KEY) or ""
        codes = _metadata(file, ASSIGNED_CODES_KEY)
        return replace(
            data,
            counted_in=(int(counted_in),) if counted_in.isdecimal() else (),
            assigned_codes=() if codes is None else (codes,),
        )


def feature_schema(features: Path) -> str | None:
    """Id of the feature table that a Parquet file is of; None where it does not say. It reads the end of the file.

    Raises:
        TrainingDataInvalid: it is no Parquet file.
        OSError: it cannot be read.
    """
    with _opened(features) as file:
        return _metadata(file, SCHEMA_KEY)


def _metadata(file: pq.ParquetFile, key: str) -> str | None:
    named: bytes | None = (file.schema_arrow.metadata or {}).get(key.encode())
    return None if named is None else named.decode("utf-8", "replace")


@contextmanager
def _opened(features: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(features, pre_buffer=False) as file:
            yield file
    except pa.ArrowException as error:
        raise TrainingDataInvalid(f"{features} is no whole Parquet file: write it with replay --features") from error


def _joined(
    file: pq.ParquetFile,
    features: Path,
    truths: Mapping[str, Truth],
    labels: Path,
    progress: Progress,
    assumed: Truth | None,
) -> Dataset:
    """Read what says which calls there are, then their features, each row to its place in order of time.

    `assumed` is what a call without a label was; None = it is left out.
    """
    columns = file.schema_arrow.names
    names = tuple(name for name in columns if name not in {*NOT_FEATURES, *MARGINS})
    missing = [name for name in NOT_FEATURES if name not in columns]
    if missing or not names:
        wanted = ", ".join(missing) or "of a feature"
        raise TrainingDataInvalid(f"{features} has no column {wanted}: write it with replay --features")
    calls = file.read(columns=list(NOT_FEATURES))
    said = [truths.get(call_id) for call_id in calls.column("call_id").to_pylist()]
    found = [truth or assumed for truth in said]
    labelled = np.flatnonzero([truth is not None for truth in found])
    if not any(truth is not None for truth in said):
        raise TrainingDataInvalid(f"no call of {features} has a label in {labels}: are they of the same traffic?")
    times = calls.column("setup_time_ms").to_numpy().astype(np.int64)[labelled]
    numbers = calls.column("calling_number").take(labelled).to_pylist()
    order = np.argsort(times, kind="stable")
    place = np.full(len(found), -1)
    place[labelled[order]] = np.arange(len(order))
    rows = np.empty((len(labelled), len(names)), np.float32)
    done = 0
    for group in range(file.num_row_groups):  # `replay` writes some 100,000 rows a group
        part = file.read_row_group(group, columns=list(names))
        places = place[done : done + len(part)]
        block = np.column_stack([column.to_numpy() for column in part.columns])
        rows[places[places >= 0]] = block[places >= 0]
        done += len(part)
        del part, block
        pa.default_memory_pool().release_unused()  # else it keeps several times what is held
        progress(done, len(place))
    return _in_order(names, rows, order, times, numbers, [truth for truth in found if truth is not None])


def trailing_counts(setup_time_ms: NDArray[np.int64], number: NDArray[np.int64], window_ms: int) -> NDArray[np.int64]:
    """Calls of the same number in `(now - window, now]`, each call counting itself.

    Args:
        setup_time_ms: shape (n_calls,) int64, never falling.
        number: code of the calling number, shape (n_calls,).
        window_ms: length of the window.

    Returns:
        Shape (n_calls,) int64, at least 1.
    """
    group = np.unique(number, return_inverse=True)[1].astype(np.int64)
    since_ms = setup_time_ms - setup_time_ms[0] if len(setup_time_ms) else setup_time_ms
    stride = (int(since_ms[-1]) if len(since_ms) else 0) + window_ms + 1
    key = group * stride + since_ms
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    floor = np.maximum(ordered - window_ms, group[order] * stride - 1)
    counts = np.empty(len(key), np.int64)
    counts[order] = np.arange(len(key)) - np.searchsorted(ordered, floor, side="right") + 1
    return counts
