"""Whether the archive has anything, and whether it has every call of some time.

Only then does "no such call" follow from not finding one. It has them where each partition of `call-events` begins
before that time and ends behind it, without a hole between.
A day in the name of a file decides it as a rule; only where a partition begins or ends on one of the days that are
asked about are rows read.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from detector.features.window_constants import DAY_MS
from streams.archive.files import ArchiveStore, ArchiveUnusable, day_of
from streams.archive.output import fetched
from streams.archive.query import FILES_VIEW, ask
from streams.archive.settings import ARCHIVED
from streams.kafka.topics import CALL_EVENTS

_FILES = f"""
SELECT kafka_partition, first_offset, last_offset, day FROM {FILES_VIEW}
WHERE topic = '{CALL_EVENTS}' AND counts ORDER BY kafka_partition, first_offset
"""  # noqa: S608 - our own names
# A call that ends here may have begun before there was an archive: only set-ups say when one was.
_SPANS = """
SELECT kafka_partition, min(least(setup_time_ms, kafka_timestamp_ms)), max(greatest(setup_time_ms, kafka_timestamp_ms))
FROM call_events WHERE type = 'call_setup' AND day BETWEEN DATE '{first}' AND DATE '{last}' GROUP BY kafka_partition
"""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A file that counts: its offsets, and its UTC day."""

    first: int
    last: int
    day: str


def require_some(store: ArchiveStore) -> None:
    """Refuse an archive in which nothing is, which would else look like one without calls. It blocks for listing it.

    Raises:
        ArchiveUnusable: nothing is archived there.
        StorageError: it cannot be listed.
    """
    if not any(store.files(topic) for topic in ARCHIVED):
        raise ArchiveUnusable(f"nothing is archived at {store.url}: is ROBOCALL_ARCHIVE_URL right?")


def missing(connection: Any, begin_ms: int, end_ms: int) -> str | None:
    """Say what keeps the archive from having every call of a time; None where nothing does.

    It blocks for a look at the names of the files, and at the edge of the archive for reading three days of it.

    Args:
        connection: Of `streams.archive.query.connected`.
        begin_ms: First instant, epoch milliseconds.
        end_ms: Last one, itself inclusive.

    Raises:
        QueryRefused: DuckDB met a fault, a file that went meanwhile for one.
    """
    partitions: dict[int, list[_Stretch]] = defaultdict(list)
    for partition, *stretch in fetched(ask(connection, _FILES)):
        partitions[partition].append(_Stretch(*stretch))
    if not partitions:
        return "the archive has no call events"
    days = day_of(max(0, begin_ms)), day_of(max(0, end_ms))
    for partition, files in partitions.items():
        if (hole := _hole(files, *days)) is not None:
            return f"partition {partition} of the archive lacks {hole}"
    return _edge(connection, partitions, begin_ms, end_ms)


def _hole(files: Sequence[_Stretch], first_day: str, last_day: str) -> str | None:
    """Records that went before they were archived, perhaps on one of these days."""
    end, day = files[0].last, files[0].day
    for file in files[1:]:
        if file.first > end + 1 and day <= last_day and file.day >= first_day:
            return f"{file.first - end - 1:,} records of {day} to {file.day}"
        end, day = max(end, file.last), max(day, file.day)
    return None


def _edge(connection: Any, partitions: Mapping[int, Sequence[_Stretch]], begin_ms: int, end_ms: int) -> str | None:
    """Whether the archive begins too late or ends too early."""
    first_day, last_day = day_of(max(0, begin_ms)), day_of(max(0, end_ms))
    begun = {number for number, files in partitions.items() if min(file.day for file in files) < first_day}
    passed = {number for number, files in partitions.items() if max(file.day for file in files) > last_day}
    if len(begun) < len(partitions) or len(passed) < len(partitions):
        spans = _SPANS.format(first=day_of(max(0, begin_ms - DAY_MS)), last=day_of(max(0, end_ms) + DAY_MS))
        for number, earliest_ms, latest_ms in fetched(ask(connection, spans)):
            begun |= {number} if earliest_ms <= begin_ms else set()
            passed |= {number} if latest_ms >= end_ms else set()
    # A partition with its very first record lacks nothing, however late that came, once there was an archive.
    whole = {number for number, files in partitions.items() if files[0].first == 0}
    if not begun or set(partitions) - begun - whole:
        return f"the archive begins after {_shown(begin_ms)}"
    if late := sorted(set(partitions) - passed):
        return f"the archive has not reached {_shown(end_ms)} (partition {late[0]}): ask again later"
    return None


def _shown(instant_ms: int) -> str:
    return datetime.fromtimestamp(max(0, instant_ms) / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
