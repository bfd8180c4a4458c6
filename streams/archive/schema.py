"""Columns of the archive: one for each field of the contract, typed from its dataclasses, and where the record stood.

Records come in as the bytes that Kafka had; what the contract refuses is left out and counted. Knows no storage.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pyarrow as pa

from detector.contract.decisions import Decision
from detector.contract.events import CallEnd, CallSetup, Feedback
from streams.archive.numbers import NumberKey, redact
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CALL_FEEDBACK, CASE_RECORDS, SCORED_CALLS
from streams.wire.cases import CASE_DECODER, Case
from streams.wire.reading import read
from streams.wire.record_columns import records_of
from streams.wire.records import DECISION_DECODER, FEEDBACK_DECODER, ScoredCallRecord

OFFSET = "kafka_offset"
PARTITION = "kafka_partition"
TIMESTAMP = "kafka_timestamp_ms"
PLACE = (pa.field(PARTITION, pa.int32()), pa.field(OFFSET, pa.int64()), pa.field(TIMESTAMP, pa.int64()))
"""Columns of every topic: where the record stood in Kafka and when it arrived there."""

_SCALARS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_SCORED_DECODER: Any = msgspec.json.Decoder(ScoredCallRecord)
_REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError, MemoryError)
_UNFIT = (pa.ArrowException, ArithmeticError, ValueError, TypeError)


@dataclass(frozen=True, slots=True)
class Record:
    """One record as Kafka had it."""

    offset: int
    timestamp_ms: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class ArchiveTable:
    """Records of one partition as a table, and how many the contract refused."""

    table: Any
    refused: int


def column_type(hint: Any) -> Any:
    """Arrow type of a field of the contract: lists stay lists, values of several fields become structs."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return column_type(next(argument for argument in arguments if argument is not NoneType))
    if origin in {list, tuple}:
        return pa.list_(column_type(arguments[0]))
    if origin is dict:
        return pa.map_(*map(column_type, arguments))
    if is_dataclass(hint):
        return pa.struct(_columns(hint))
    return _SCALARS[str if issubclass(hint, StrEnum) else hint]


def _columns(domain: Any) -> list[Any]:
    hints = get_type_hints(domain)
    return [pa.field(field.name, column_type(hints[field.name])) for field in fields(domain)]


def _event_columns() -> list[Any]:
    columns = {column.name: column for column in [*_columns(CallSetup), *_columns(CallEnd)]}
    return [pa.field("type", pa.string()), *columns.values()]


SCHEMAS: Mapping[str, Any] = {
    CALL_EVENTS: pa.schema([*PLACE, *_event_columns()]),
    CALL_DECISIONS: pa.schema([*PLACE, *_columns(Decision)]),
    # A map, so that vectors of every feature table fit beside each other: `feature_schema` says of which it is.
    SCORED_CALLS: pa.schema(
        [
            *PLACE,
            *_columns(Decision),
            pa.field("features", pa.map_(pa.string(), pa.float32())),
            pa.field("margin", pa.float64()),
            pa.field("group_score", pa.float64()),
        ]
    ),
    CALL_FEEDBACK: pa.schema([*PLACE, *_columns(Feedback)]),
    CASE_RECORDS: pa.schema([*PLACE, *_columns(Case)]),
}
"""Columns by topic."""


def schema_id(schema: Any) -> str:
    """8 hex digits that change with the names and types of the columns."""
    text = "\n".join(f"{field.name}:{field.type}" for field in schema)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _decode_events(values: Sequence[bytes | None]) -> tuple[list[int], list[Any]]:
    found = read(records_of(values))  # the worker's own: what it refused stands in dead-letters
    return found.positions.tolist(), list(found.events)


def _decode_each(decode: Callable[[bytes], Any]) -> Callable[[Sequence[bytes | None]], tuple[list[int], list[Any]]]:
    def decode_all(values: Sequence[bytes | None]) -> tuple[list[int], list[Any]]:
        positions, records = [], []
        for position, value in enumerate(values):
            try:
                records.append(decode(value or b""))
            except _REFUSALS:
                continue
            positions.append(position)
        return positions, records

    return decode_all


_DECODERS = {
    CALL_EVENTS: _decode_events,
    CALL_DECISIONS: _decode_each(DECISION_DECODER.decode),
    SCORED_CALLS: _decode_each(_SCORED_DECODER.decode),
    CALL_FEEDBACK: _decode_each(FEEDBACK_DECODER.decode),
    CASE_RECORDS: _decode_each(CASE_DECODER.decode),
}


def to_table(topic: str, partition: int, records: Sequence[Record], key: NumberKey | None) -> ArchiveTable:
    """Turn records of one partition to a table with the columns of `SCHEMAS[topic]`, in their order.

    Called in the thread that writes, for `streams.archive.sink.RECORDS_AT_A_TIME` records at most. It takes processor
    time alone. What the contract refuses and what no column can hold is counted, and raises nothing.

    Args:
        topic: one of `SCHEMAS`.
        partition: where the records stood.
        records: by rising offset.
        key: replaces numbers; None keeps them.
    """
    positions, decoded = _DECODERS[topic]([record.value for record in records])
    found = [msgspec.to_builtins(record) for record in decoded]
    for row, position in zip(found, positions, strict=True):
        if key is not None:
            redact(row, key)
        row[PARTITION] = partition
        row[OFFSET] = records[position].offset
        row[TIMESTAMP] = records[position].timestamp_ms
    try:
        table = _table(topic, found)
    except _UNFIT:  # one that the contract lets pass and no column holds, an integer of 80 bits: costs only itself
        table = _table(topic, [row for row in found if _fits(topic, row)])
    deleted = sum(record.value is None for record in records) if topic == CASE_RECORDS else 0
    return ArchiveTable(table, len(records) - deleted - table.num_rows)


def _table(topic: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    schema = SCHEMAS[topic]
    return pa.Table.from_arrays([pa.array(_values(rows, field), field.type) for field in schema], schema=schema)


def _fits(topic: str, row: Mapping[str, Any]) -> bool:
    try:
        _table(topic, [row])
    except _UNFIT:
        return False
    return True


def _values(rows: Iterable[Mapping[str, Any]], field: Any) -> list[Any]:
    if pa.types.is_map(field.type):
        return [list(row[field.name].items()) for row in rows]
    return [row.get(field.name) for row in rows]
