"""Label files: what calls were, by call id, as CSV or JSON lines; who says so, and how far that is to be trusted."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO, cast

import msgspec

from models.data.cells import as_it_was, inert
from models.data.files import DAMAGED, open_packed
from models.errors import TrainingDataInvalid
from models.traffic.truth import LEGITIMATE, ROBOCALL, UNKNOWN_KIND, Truth

COLUMNS = ("call_id", "label", "campaign", "kind", "source", "weight")
WEIGHT_DIGITS = 4


class _Label(msgspec.Struct):
    """One line of a label file."""

    call_id: str
    label: Literal["robocall", "legitimate"]
    campaign: str | None = None
    kind: str | None = None
    source: str | None = None
    weight: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None


def read_labels(path: Path) -> dict[str, Truth]:
    """Labels by call id from CSV or JSON lines, `.gz` or `.zst` unpacked.

    Columns or members are `call_id`, `label` and optionally `campaign`, `kind`, `source`, `weight` (above 0, at most 1;
    1 where there is none). Which of the two formats it is shows in the first character. It blocks for the disk, and all
    labels are held; of a call named twice the later label counts.

    Raises:
        TrainingDataInvalid: the file is damaged, or does not say of every call what it was.
        OSError: it cannot be read.
    """
    with ExitStack() as stack:
        lines = io.TextIOWrapper(open_packed(path, stack), encoding="utf-8", newline="")
        try:
            first = lines.readline()
            rows = (_json_rows if first.lstrip().startswith("{") else _csv_rows)(path, chain([first], lines))
            once: dict[Truth, Truth] = {}  # a few thousand are different, of millions
            made = ((row.call_id, _truth(row)) for row in rows)
            return {call_id: once.setdefault(truth, truth) for call_id, truth in made}
        except DAMAGED as error:
            raise TrainingDataInvalid(f"{path} is damaged or truncated") from error
        except UnicodeDecodeError as error:
            raise TrainingDataInvalid(f"{path} is not UTF-8 text") from error


def write_labels(labels: Iterable[tuple[str, Truth]], out: TextIO) -> int:
    """Write labels as CSV with the columns `COLUMNS`, a line each as they come; returns how many.

    Callers write their call ids, so no cell is a formula (`models.data.cells`); `read_labels` reads what was meant.

    Args:
        labels: Call ids and what the calls were.
        out: Where the CSV goes; writing blocks.

    Raises:
        OSError: `out` cannot be written.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for call_id, truth in labels:
        label = ROBOCALL if truth.is_robocall else LEGITIMATE
        weight = max(round(truth.weight, WEIGHT_DIGITS), 10**-WEIGHT_DIGITS)
        kind = "" if truth.kind == UNKNOWN_KIND else truth.kind
        cells = map(inert, (call_id, label, truth.campaign, kind, truth.source))
        writer.writerow((*cells, weight))
        count += 1
    return count


def _truth(row: _Label) -> Truth:
    return Truth(
        row.label == ROBOCALL, row.campaign or "", row.kind or UNKNOWN_KIND, row.source or "", row.weight or 1.0
    )


def _json_rows(path: Path, lines: Iterable[str]) -> Iterator[_Label]:
    decoder = msgspec.json.Decoder(_Label)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise TrainingDataInvalid(f"{path} line {number}: {error}") from error


def _csv_rows(path: Path, lines: Iterable[str]) -> Iterator[_Label]:
    reader = csv.DictReader(lines)
    if not {"call_id", "label"} <= set(reader.fieldnames or ()):
        raise TrainingDataInvalid(f"{path} needs a header line with call_id and label")
    for row in _csv_lines(path, reader):
        label = row["label"]
        if label not in {ROBOCALL, LEGITIMATE}:
            raise TrainingDataInvalid(f"{path} line {reader.line_num}: label is neither {ROBOCALL} nor {LEGITIMATE}")
        weight = _weight(path, reader.line_num, row.get("weight"))
        campaign, kind, source = (as_it_was(row.get(name) or "") for name in ("campaign", "kind", "source"))
        yield _Label(as_it_was(row["call_id"] or ""), cast("Any", label), campaign, kind, source, weight)


def _csv_lines(path: Path, reader: "csv.DictReader[str]") -> Iterator[dict[str, str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise TrainingDataInvalid(f"{path} line {reader.line_num}: {error}: is a quote left open?") from error


def _weight(path: Path, line: int, text: str | None) -> float | None:
    if not text:
        return None
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not 0.0 < weight <= 1.0:
        raise TrainingDataInvalid(f"{path} line {line}: weight is no number above 0 and at most 1")
    return weight
