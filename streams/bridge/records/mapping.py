"""A table of calls into `call_end`: a YAML file says which column is which field, and how it is written.

```yaml
csv: {delimiter: ";"}
only: {leg: A}                         # rows in which the column has this value; others are left out
fields:
  call_id: Call-ID                     # a column
  trunk_group_id: {constant: tg-7}
  calling_number: ANI
  called_number: DNIS
  end_time_ms: {column: stop, time: "%Y-%m-%d %H:%M:%S", zone: America/Chicago}
  answer_time_ms: {column: answer, time: epoch_s}
  sip_status: {column: cause, values: {"16": 200, "17": 486}, otherwise: 480}
```
"""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from detector.contract.errors import RobocallError
from detector.contract.events import CallEnd
from streams.bridge.events import Fields, without_nothing
from streams.yaml_files import read_yaml

MOST_BYTES = 256 * 1024
WHOLE = ("setup_time_ms", "end_time_ms", "answer_time_ms", "ring_time_ms", "sip_status", "q850_cause")
NAMES = tuple(field.name for field in fields(CallEnd))
IN_ORDER = ("setup_time_ms", "answer_time_ms", "end_time_ms")
"""Instants of a call; none comes before one that stands before it."""
EPOCHS = {"epoch_s": 1_000.0, "epoch_ms": 1.0, "epoch_us": 0.001}
"""Milliseconds in each unit since 1970."""


class MappingInvalid(RobocallError):
    """A mapping file cannot be read, or says what makes no sense."""


class RowInvalid(RobocallError):
    """A row cannot be read. Its text names columns, never their values."""


class Source(BaseModel):
    """Where a field comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str | None = None
    constant: str | int | None = None
    time: str | None = None
    """`iso`, `epoch_s`, `epoch_ms`, `epoch_us`, or a format of strptime."""
    scale: float | None = None
    """What a number is multiplied by: 1000 for seconds that are to be milliseconds."""
    zone: str = "UTC"
    """Of a time that does not say its own."""
    values: dict[str, str | int] | None = None
    otherwise: str | int | None = None
    """For a value that `values` does not have; without it such a row is refused."""

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"no time zone {value!r}") from error
        return value

    @model_validator(mode="after")
    def _one(self) -> "Source":
        if (self.column is None) == (self.constant is None):
            raise ValueError("give it a column or a constant")
        return self


class Csv(BaseModel):
    """How the file is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: str = Field(",", min_length=1, max_length=1)
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252"] = "utf-8"


class Columns(BaseModel):
    """A mapping file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: dict[str, Source]
    only: dict[str, str] = {}
    csv: Csv = Field(default_factory=lambda: Csv.model_validate({}))

    @field_validator("fields", mode="before")
    @classmethod
    def _columns(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: {"column": source} if isinstance(source, str) else source for name, source in value.items()}

    @field_validator("fields")
    @classmethod
    def _names(cls, value: dict[str, Source]) -> dict[str, Source]:
        strangers = sorted(set(value) - set(NAMES))
        if strangers:
            raise ValueError(f"{', '.join(strangers)}: no field of call_end; they are {', '.join(NAMES)}")
        return value


def load_columns(path: Path) -> Columns:
    """Read a mapping file. It blocks for the disk.

    Raises:
        MappingInvalid: one line, with the place and what is wrong there.
    """
    found = read_yaml(path, MOST_BYTES, MappingInvalid, "write one (docs/bridge-http.md)")
    try:
        return Columns.model_validate(found)
    except ValidationError as error:
        items = error.errors(include_url=False, include_input=False)
        said = [f"{'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg']}" for item in items]
        raise MappingInvalid(f"{path}: {'; '.join(said)}") from error


def row_fields(columns: Columns, row: Mapping[str, str | None]) -> Fields | None:
    """Read a row. Pure.

    Args:
        columns: which column is which field.
        row: values by column; an empty one is none.

    Returns:
        Fields of a `call_end`, not yet looked at (`streams.bridge.events.event_fields`); None for a row left out.

    Raises:
        RowInvalid: a column is missing, or a value is not written as the mapping says.
    """
    if any(_value(row, column) != wanted for column, wanted in columns.only.items()):
        return None
    found = without_nothing({name: _field(name, source, row) for name, source in columns.fields.items()})
    _put_in_order(found, columns, row)
    return found | {"type": "call_end"}


def _put_in_order(found: Fields, columns: Columns, row: Mapping[str, str | None]) -> None:
    """Take the second of the two hours that a clock shows at the end of summer time, where the first is too early."""
    latest_ms = 0
    for name in IN_ORDER:
        if name in found and found[name] < latest_ms and columns.fields[name].time is not None:
            found[name] = max(found[name], _field(name, columns.fields[name], row, fold=1))
        latest_ms = max(latest_ms, found.get(name, 0))


def _value(row: Mapping[str, str | None], column: str) -> str | None:
    if column not in row:
        raise RowInvalid(f"there is no column {column!r}")
    return (row[column] or "").strip() or None


def _field(name: str, source: Source, row: Mapping[str, str | None], fold: int = 0) -> Any:
    if source.column is None:
        return source.constant
    text = _value(row, source.column)
    if text is None:
        return None
    if source.values is not None:
        found = source.values.get(text, source.otherwise)
        if found is None:
            raise RowInvalid(f"the value of {source.column!r} is none of its `values`")
        return found
    try:
        if source.time is not None:
            return _instant_ms(text, source.time, source.zone, fold)
        return _whole(float(text) * (source.scale or 1)) if name in WHOLE else text
    except (ValueError, OverflowError) as error:
        raise RowInvalid(f"the value of {source.column!r} is not written as the mapping says") from error


def _whole(number: float) -> int:
    if not math.isfinite(number):
        raise ValueError(number)
    return round(number)


def _instant_ms(text: str, written: str, zone: str, fold: int) -> int | None:
    """An instant, epoch milliseconds; 0 since 1970 is never, as switches write it.

    Args:
        text: of the table.
        written: as `Source.time` has it.
        zone: of a time that does not say its own.
        fold: which of two such times it is, where clocks were set back: 0 is the first, 1 the second.
    """
    if written in EPOCHS:
        return _whole(float(text) * EPOCHS[written]) or None
    found = dt.datetime.fromisoformat(text) if written == "iso" else dt.datetime.strptime(text, written)  # noqa: DTZ007
    aware = found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(zone), fold=fold)
    return _whole(aware.timestamp() * 1_000)
