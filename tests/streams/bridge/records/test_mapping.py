"""Mapping files: which column is which field, times of all kinds, and what is refused in one line."""

from pathlib import Path
from typing import Any

import pytest

from streams.bridge.records.mapping import Columns, MappingInvalid, RowInvalid, load_columns, row_fields


def read(field: str, source: Any, value: str) -> Any:
    """One field of a row whose column `c` has a value."""
    found = row_fields(Columns.model_validate({"fields": {field: source}}), {"c": value})
    assert found is not None
    return found.get(field)


@pytest.mark.parametrize(
    ("source", "value", "expected_ms"),
    [
        ({"column": "c", "time": "epoch_s"}, "1760000009.4", 1_760_000_009_400),
        ({"column": "c", "time": "epoch_ms"}, "1760000009400", 1_760_000_009_400),
        ({"column": "c", "time": "epoch_us"}, "1760000009400123", 1_760_000_009_400),
        ({"column": "c", "time": "iso"}, "2025-10-09T08:53:29.400+00:00", 1_760_000_009_400),
        ({"column": "c", "time": "iso", "zone": "America/Chicago"}, "2025-10-09T03:53:29.4", 1_760_000_009_400),
        (
            {"column": "c", "time": "%d.%m.%Y %H:%M:%S", "zone": "Europe/Berlin"},
            "09.10.2025 10:53:29",
            1_760_000_009_000,
        ),
        ({"column": "c", "time": "epoch_s"}, "0", None),
        ({"column": "c", "time": "epoch_s"}, " ", None),
    ],
)
def test_instants_are_read_as_they_are_written(source: Any, value: str, expected_ms: int | None) -> None:
    """One instant, in six ways; 0 and nothing are never."""
    assert read("answer_time_ms", source, value) == expected_ms


@pytest.mark.parametrize(
    ("field", "source", "value", "expected"),
    [
        ("call_id", "c", " a@b ", "a@b"),
        ("trunk_group_id", {"constant": "tg-7"}, "x", "tg-7"),
        ("sip_status", "c", "486", 486),
        ("ring_time_ms", {"column": "c", "scale": 1000}, "4.6", 4_600),
        ("sip_status", {"column": "c", "values": {"16": 200}, "otherwise": 480}, "16", 200),
        ("sip_status", {"column": "c", "values": {"16": 200}, "otherwise": 480}, "99", 480),
        ("released_by", {"column": "c", "values": {"A": "calling", "B": "called"}}, "B", "called"),
    ],
)
def test_values_are_taken_counted_or_translated(field: str, source: Any, value: str, expected: Any) -> None:
    """A text, a number, one of a list."""
    assert read(field, source, value) == expected


@pytest.mark.parametrize(
    ("field", "source", "value", "complaint"),
    [
        ("call_id", "missing", "x", "no column 'missing'"),
        ("sip_status", "c", "busy", "not written"),
        ("sip_status", "c", "nan", "not written"),
        ("end_time_ms", {"column": "c", "time": "iso"}, "yesterday", "not written"),
        ("end_time_ms", {"column": "c", "time": "epoch_s"}, "1e999", "not written"),
        ("sip_status", {"column": "c", "values": {"16": 200}}, "secret", "none of its `values`"),
    ],
)
def test_a_row_that_is_not_so_is_refused_without_its_value(field: str, source: Any, value: str, complaint: str) -> None:
    """Logs hold no numbers of callers."""
    with pytest.raises(RowInvalid, match=complaint) as refused:
        read(field, source, value)

    assert value == "x" or value not in str(refused.value)


CHICAGO = {"time": "%Y-%m-%d %H:%M:%S", "zone": "America/Chicago"}


@pytest.mark.parametrize(
    ("setup", "answer", "end", "minutes"),
    [
        ("2025-11-02 01:49:00", "2025-11-02 01:50:00", "2025-11-02 01:10:00", [0, 1, 21]),
        ("2025-11-02 01:50:00", "2025-11-02 01:05:00", "2025-11-02 01:10:00", [0, 15, 20]),
        ("2025-11-02 00:50:00", "2025-11-02 01:05:00", "2025-11-02 01:10:00", [0, 15, 20]),
        ("2025-11-02 01:50:00", "", "2025-11-02 02:10:00", [0, None, 80]),
        ("2025-10-02 01:50:00", "2025-10-02 01:51:00", "2025-10-02 01:10:00", [0, 1, -40]),
    ],
)
def test_calls_over_the_end_of_summer_time_end_after_their_answer(
    setup: str, answer: str, end: str, minutes: list[int | None]
) -> None:
    """Clocks show that hour twice; what else is in no order is left as it is written."""
    columns = {"setup_time_ms": "s", "answer_time_ms": "a", "end_time_ms": "e"}
    mapping = Columns.model_validate({"fields": {name: {"column": one} | CHICAGO for name, one in columns.items()}})

    found = row_fields(mapping, {"s": setup, "a": answer, "e": end}) or {}

    since_ms = [found.get(name) and found[name] - found["setup_time_ms"] for name in columns]
    assert since_ms == [None if one is None else one * 60_000 for one in minutes]


def test_rows_of_another_leg_are_left_out() -> None:
    """One call has one end."""
    columns = Columns.model_validate({"fields": {"call_id": "c"}, "only": {"leg": "A"}})

    assert row_fields(columns, {"c": "1", "leg": "B"}) is None
    assert row_fields(columns, {"c": "1", "leg": "A"}) == {"type": "call_end", "call_id": "1"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("fields: {calling: ANI}", "no field of call_end"),
        ("fields: {call_id: {column: a, constant: b}}", "a column or a constant"),
        ("fields: {call_id: {column: a, zone: Mars/Base}}", "no time zone"),
        ("fields: {call_id: {colum: a}}", "colum"),
        ("csv: {delimiter: ';;'}", "delimiter"),
        ("[", "no YAML"),
        ("", "the file"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_one_line(text: str, complaint: str, tmp_path: Path) -> None:
    """With its place."""
    path = tmp_path / "cdr.yaml"
    path.write_text(text)

    with pytest.raises(MappingInvalid, match=complaint) as refused:
        load_columns(path)

    assert "\n" not in str(refused.value)


def test_a_mapping_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    """And where it is described."""
    with pytest.raises(MappingInvalid, match=r"docs/bridge-http\.md"):
        load_columns(tmp_path / "none.yaml")
