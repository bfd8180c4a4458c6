"""What the tests of the archive share: records of every topic, and archives made of them without a broker."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streams.archive.files import ArchiveFile, ArchiveStore, chosen, day_of
from streams.archive.numbers import NumberKey
from streams.archive.schema import OFFSET, SCHEMAS, Record, schema_id
from streams.archive.sink import Buffer, write_file
from streams.kafka.topics import CALL_EVENTS

START_MS = 1_780_000_000_000  # 2026-05-28T20:26:40Z
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SECRET = "a secret of the tests"  # noqa: S105 - of the tests


def setup(number: int, **more: Any) -> dict[str, Any]:
    """A call setup, one a second."""
    return {
        "type": "call_setup", "call_id": f"call-{number}", "setup_time_ms": START_MS + 1_000 * number,
        "calling_number": f"+1202555{number % 10_000:04}", "called_number": "+13035550142",
        "trunk_group_id": "nyc-ix-7",
    } | more  # fmt: skip


def encoded(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode()


def put(
    store: ArchiveStore,
    topic: str,
    values: Sequence[bytes],
    *,
    first: int = 0,
    partition: int = 0,
    at_ms: int = START_MS,
    key: NumberKey | None = None,
) -> ArchiveFile:
    """Archive the values as one file, one offset and one second after the other."""
    records = [Record(first + i, at_ms + 1_000 * i, value) for i, value in enumerate(values)]
    buffer = Buffer(first, first + len(records), day_of(at_ms), records)
    write_file(store, topic, partition, buffer, key)
    return ArchiveFile(topic, partition, first, first + len(records) - 1, buffer.day, schema_id(SCHEMAS[topic]))


def put_around(store: ArchiveStore, *, first: int, key: NumberKey | None = None) -> None:
    """Archive a call half a day before and one behind: what is between is whole, if `first` offsets hold it."""
    for offset, at_ms in ((0, START_MS - DAY_MS // 2), (first, START_MS + DAY_MS // 2)):
        call = setup(offset, call_id=f"around-{offset}", setup_time_ms=at_ms, called_number="+13035550199")
        put(store, CALL_EVENTS, [encoded(call)], first=offset, at_ms=at_ms, key=key)


def rows(store: ArchiveStore, topic: str) -> list[dict[str, Any]]:
    """Every row that counts, by partition and offset."""
    found: list[dict[str, Any]] = []
    for part in chosen(store.files(topic)).parts:
        with store.open(part.file) as parquet:
            found += [row for row in parquet.read().to_pylist() if row[OFFSET] >= part.begin]
    return found


def files_in(folder: Path) -> list[str]:
    """Names of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
