"""The sink: the archived topics to files, every record once, whatever happens to the process and when.

It goes on where the files of a partition end, never where the group committed: a file appears whole or not at all, so a
record is in a file or is read again. The commits only show the lag to the tools of Kafka. A partition that was taken
away is forgotten with what it had in memory; its next owner reads that again. Two sinks that both believe to own a
partition write the same offsets twice, of which readers take one (`streams.archive.files.chosen`).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.archive.files import ArchiveFile, ArchiveStore, ArchiveUnusable, day_of
from streams.archive.numbers import NumberKey
from streams.archive.schema import SCHEMAS, Record, schema_id, to_table
from streams.archive.settings import ARCHIVED, ArchiveSettings
from streams.errors import ClusterRefused, KafkaUnreachable
from streams.kafka.client import make_consumer
from streams.kafka.fetch.fetcher import Reading, fetch_batches
from streams.kafka.fetched import Rows
from streams.running.clock import wall_clock_ms
from streams.settings import Settings

POLL_MS = 200
MAX_FETCH_BYTES = 8 * 1024 * 1024
RECORDS_AT_A_TIME = 25_000
"""Records that are decoded at a time, and rows of a row group: bounds the memory of writing a file."""
NUMBERS = b"robocall_numbers"
"""Metadata key of a file: the identity of the key its numbers are digested with, or `plain`."""
PLAIN = "plain"
REFUSED = b"robocall_refused"
"""Metadata key of a file: how many records of its offsets the contract refused."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Buffer:
    """Records of one partition that are in no file yet; all of one day.

    `first` is the offset after the last file's, `position` the offset that is read next.
    """

    first: int
    position: int
    day: str
    records: list[Record] = field(default_factory=list)
    size_bytes: int = 0
    since_s: float = 0.0

    def add(self, record: Record, now_s: float) -> None:
        """Keep a record, the next one by offset; `now_s` is a monotonic clock, seconds."""
        if not self.records:
            self.since_s = now_s
        self.records.append(record)
        self.size_bytes += len(record.value or b"") + 64
        self.position = record.offset + 1


@dataclass(slots=True)
class Tally:
    """What this sink did since it started, and where it is.

    Attributes:
        records: Rows in files.
        refused: Records that the contract refuses.
        files: Files written.
        lag: Records in Kafka that are not read yet, of the partitions that it has.
        partitions: How many it has.
        waiting: Records in memory.
    """

    records: int = 0
    refused: int = 0
    unreadable: int = 0
    files: int = 0
    lag: int = 0
    partitions: int = 0
    waiting: int = 0


def numbers_identity(key: NumberKey | None) -> str:
    """What a file's metadata says about its numbers."""
    return PLAIN if key is None else key.identity


def write_file(
    store: ArchiveStore, topic: str, partition: int, buffer: Buffer, key: NumberKey | None
) -> tuple[int, int]:
    """Write what a buffer holds as one file. It blocks for decoding and for the store: called in a thread.

    Args:
        store: The archive.
        topic: One of `SCHEMAS`.
        partition: Where the records stood.
        buffer: At least one record; left as it is.
        key: Replaces numbers; None keeps them.

    Returns:
        Rows written, records that the contract refuses.

    Raises:
        StorageError: the store does not answer or refuses; no file has appeared.
        ArchiveUnusable: pyarrow cannot write the records.
    """
    schema = SCHEMAS[topic]
    file = ArchiveFile(topic, partition, buffer.first, buffer.position - 1, buffer.day, schema_id(schema))
    written = refused = 0
    with store.create(file, schema) as writer:
        for start in range(0, len(buffer.records), RECORDS_AT_A_TIME):
            made = to_table(topic, partition, buffer.records[start : start + RECORDS_AT_A_TIME], key)
            writer.write_table(made.table)
            written += made.table.num_rows
            refused += made.refused
        writer.add_key_value_metadata(file_metadata(file, numbers_identity(key), refused))
    return written, refused


def file_metadata(file: ArchiveFile, numbers: str, refused: int) -> dict[bytes, bytes]:
    """Metadata of a file: the same as in its name, how its numbers are kept, how many records were refused."""
    return {
        b"robocall_topic": file.topic.encode(),
        b"robocall_partition": str(file.partition).encode(),
        b"robocall_first_offset": str(file.first).encode(),
        b"robocall_last_offset": str(file.last).encode(),
        NUMBERS: numbers.encode(),
        REFUSED: str(refused).encode(),
    }


class Sink(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Reads the archived topics and writes files until told to stop.

    Args:
        settings: where Kafka is.
        archive: where files go, and when.
        on_change: told after each round, some times a second, what was done so far. It is called on the event loop, so
            it must not block.

    Raises:
        StorageError: nobody knows such an address of the archive.
        OSError: a file of the TLS settings cannot be read.
    """

    def __init__(self, settings: Settings, archive: ArchiveSettings, on_change: Callable[[Tally], None]) -> None:
        self._settings = settings
        self._archive = archive
        self._on_change = on_change
        self._store = ArchiveStore(archive.url)
        self._key = None if archive.key is None else NumberKey(archive.key)
        self._buffers: dict[TopicPartition, Buffer] = {}
        self._changes = 0  # how often partitions came or went
        self._failure: Exception | None = None
        self.tally = Tally()
        self._consumer = make_consumer(
            settings,
            group_id=archive.consumer_group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(settings.session_timeout_s * 1_000),
            max_poll_interval_ms=600_000,
            fetch_max_bytes=MAX_FETCH_BYTES,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Archive until `stop` is set; then write what is in memory, which may take as long as the store does.

        Awaited once. Files are written in threads, so the event loop is not blocked.

        Raises:
            KafkaUnreachable: no broker answers at the start.
            ClusterRefused: this user may not read the topics.
            StorageError: the archive cannot be read or written.
            ArchiveUnusable: it belongs to other topics or to another number key.
        """
        try:
            await self._consumer.start()
            await fetch_batches(self._consumer, Reading.of(self._settings).limits)
            self._consumer.subscribe(topics=ARCHIVED, listener=self)
            while not stop.is_set():
                await self._round()
            await self._write(list(self._buffers))
        except KafkaConnectionError as error:
            raise KafkaUnreachable(self._settings.kafka_bootstrap_servers) from error
        except KafkaError as error:
            needs = f"Read on the archived topics and on the group {self._archive.consumer_group}"
            raise ClusterRefused("to read", needs, error) from error
        finally:
            await self._consumer.stop()

    async def _round(self) -> None:
        changes = self._changes
        batches = await self._consumer.getmany(timeout_ms=POLL_MS)
        if self._failure is not None:
            raise self._failure
        for place, rows in batches.items():
            if place not in self._buffers:  # being assigned: it is read again from where its files end
                continue
            self._note(place, rows)
            left = _records(rows)
            while left and changes == self._changes:
                left = self._take(place, left)
                if left:  # of the day after
                    await self._write([place])
            if changes == self._changes:
                self._buffers[place].position = rows.end
        if changes == self._changes:
            await self._write(self._due())
        else:
            # What was polled may be of before or after the change: read again from where the buffers are.
            self._seek(self._buffers)
        self.tally.partitions = len(self._buffers)
        self.tally.waiting = sum(len(buffer.records) for buffer in self._buffers.values())
        self.tally.lag = sum(self._lag(place) for place in self._buffers)
        self._on_change(self.tally)

    def _lag(self, place: TopicPartition) -> int:
        end = self._consumer.highwater(place)
        return 0 if end is None else max(0, end - self._buffers[place].position)

    def _note(self, place: TopicPartition, rows: Rows) -> None:
        """Count a batch that was stepped over, and say which."""
        if rows.unreadable is None:
            return
        self.tally.unreadable += 1
        what = rows.unreadable
        log.error(
            "records are not archived, their batch cannot be read",
            place=f"{place.topic}/{place.partition}",
            first=what.first,
            last=what.last,
            cause=what.message,
        )

    def _take(self, place: TopicPartition, records: list[Record]) -> list[Record]:
        """Keep records of one day; return those from the first one on that belongs to a later day than what is kept."""
        now_ms = wall_clock_ms()
        buffer = self._buffers[place]
        for index, record in enumerate(records):
            # A day never goes back within a partition, and never ahead of the clock here: each file is of one day.
            day = max(buffer.day, day_of(max(0, min(record.timestamp_ms, now_ms))))
            if day != buffer.day and buffer.records:
                return records[index:]
            buffer.day = day
            buffer.add(record, time.monotonic())
        return []

    def _due(self) -> list[TopicPartition]:
        """Partitions whose oldest record waited long enough; the fullest ones when memory is used up."""
        now_s = time.monotonic()
        held = [(place, buffer) for place, buffer in self._buffers.items() if buffer.records]
        due = [place for place, buffer in held if now_s - buffer.since_s >= self._archive.flush_s]
        left_bytes = sum(buffer.size_bytes for _, buffer in held)
        for place, buffer in sorted(held, key=lambda one: -one[1].size_bytes):
            if left_bytes <= self._archive.flush_bytes:
                break
            left_bytes -= buffer.size_bytes
            due.append(place)
        return list(dict.fromkeys(due))

    async def _write(self, places: Iterable[TopicPartition]) -> None:
        for place in places:
            buffer = self._buffers.get(place)
            if buffer is None or not buffer.records:
                continue
            rows, refused = await asyncio.to_thread(
                write_file, self._store, place.topic, place.partition, buffer, self._key
            )
            self.tally.files += 1
            self.tally.records += rows
            self.tally.refused += refused
            if self._buffers.get(place) is buffer:
                self._buffers[place] = Buffer(buffer.position, buffer.position, buffer.day)
                with contextlib.suppress(KafkaError):  # only shown to people; the files are what counts
                    await self._consumer.commit({place: buffer.position})

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Forget the partitions; their next owner reads again what is in no file. aiokafka awaits it in a rebalance."""
        self._changes += 1
        for place in revoked:
            self._buffers.pop(place, None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Go on where the files of each partition end. aiokafka awaits it in a rebalance, until the archive is listed.

        It raises nothing: what goes wrong ends `run`.
        """
        self._changes += 1
        places = sorted(assigned)
        try:
            found = await asyncio.to_thread(latest_files, self._store, {place.topic for place in places})
            await asyncio.to_thread(require_same_numbers, self._store, found.values(), numbers_identity(self._key))
            begins = await self._consumer.beginning_offsets(places)
            ends = await self._consumer.end_offsets(places)
            for place in places:
                last = found.get((place.topic, place.partition))
                self._buffers[place] = _resume(place, last, begins[place], ends[place])
            self._seek(places)
        except Exception as error:  # noqa: BLE001 - aiokafka would log and go on from the commits; the loop raises it
            self._failure = error
        self._changes += 1

    def _seek(self, places: Iterable[TopicPartition]) -> None:
        for place in places:
            self._consumer.seek(place, self._buffers[place].position)


def _records(rows: Rows) -> list[Record]:
    columns = rows.offsets(), rows.arrivals_ms().tolist(), rows.values()
    return [Record(*one) for one in zip(*columns, strict=True)]


def latest_files(store: ArchiveStore, topics: Iterable[str]) -> dict[tuple[str, int], ArchiveFile]:
    """The file with the highest last offset of each topic and partition; of several the longest, which stays.

    It blocks for listing the topics.

    Raises:
        StorageError: the archive cannot be listed.
    """
    latest: dict[tuple[str, int], ArchiveFile] = {}
    for topic in topics:
        for file in store.files(topic):
            known = latest.get((topic, file.partition))
            if known is None or (file.last, -file.first) > (known.last, -known.first):
                latest[topic, file.partition] = file
    return latest


def require_same_numbers(store: ArchiveStore, files: Iterable[ArchiveFile], numbers: str) -> None:
    """Check that numbers are kept as they were before, by the newest file of each topic. It blocks for opening those.

    Args:
        store: The archive.
        files: Of any topics.
        numbers: How they would be kept now (`numbers_identity`).

    Raises:
        ArchiveUnusable: they are not; the same number would have two forms in one archive. Or a file cannot be read.
        StorageError: the archive does not answer or refuses.
    """
    newest: Mapping[str, ArchiveFile] = {
        file.topic: file for file in sorted(files, key=lambda one: (one.day, one.last))
    }
    for file in newest.values():
        with store.open(file) as parquet:
            found = (parquet.metadata.metadata or {}).get(NUMBERS, PLAIN.encode()).decode()
        if found != numbers:
            raise ArchiveUnusable(
                f"{file.topic} in {store.url} keeps numbers as {found}, now they would be {numbers}: "
                "set the ROBOCALL_ARCHIVE_NUMBER_KEY of before, or a new ROBOCALL_ARCHIVE_URL"
            )


def _resume(place: TopicPartition, last: ArchiveFile | None, begin: int, end: int) -> Buffer:
    """Where a partition goes on: after its newest file, or at the beginning of what Kafka still has."""
    name = f"{place.topic}/{place.partition}"
    position = 0 if last is None else last.last + 1
    if position > end:
        raise ArchiveUnusable(
            f"{name} ends at offset {end}, the archive has it up to {position - 1}: the topic was created anew, "
            "so set a new ROBOCALL_ARCHIVE_URL"
        )
    if position < begin:
        if last is not None:
            log.warning("records were deleted before they were archived", place=name, records=begin - position)
        position = begin
    return Buffer(position, position, "0000-00-00" if last is None else last.day)
