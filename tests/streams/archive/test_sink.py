"""The sink on a real broker: every record in the archive once, whatever happens to the process."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from confluent_kafka import Producer
from pydantic import SecretStr

from streams.archive.files import ArchiveStore, day_of
from streams.archive.numbers import NumberKey
from streams.archive.schema import OFFSET, PARTITION
from streams.archive.settings import ArchiveSettings
from streams.archive.sink import Sink, Tally
from streams.kafka.topics import CALL_EVENTS, CALL_FEEDBACK
from streams.settings import load_settings
from tests.processes import ROOT, complaints
from tests.streams.archive.archive_case import DAY_MS, SECRET, START_MS, encoded, put, rows, setup
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

FreshTopics = Callable[..., list[str]]
FEEDBACK = {"time_ms": 1_780_000_000_000, "verdict": "robocall", "source": "analyst", "call_id": "call-1"}


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(str(tmp_path / "archive"))


@pytest.fixture
def environment(kafka_bootstrap: str, fresh_topics: FreshTopics, store: ArchiveStore, tmp_path: Path) -> dict[str, str]:
    fresh_topics(3)
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_ARCHIVE_URL": store.url,
        "ROBOCALL_ARCHIVE_FLUSH_S": "0.3",
        "ROBOCALL_ARCHIVE_CONSUMER_GROUP": f"archive-{tmp_path.name}",
        "ROBOCALL_SESSION_TIMEOUT_S": "6",
    }


def produce(bootstrap: str, topic: str, values: list[bytes], times_ms: list[int] | None = None) -> None:
    """Publish, spread over the partitions; with times, to partition 0 with those as the producer's."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    for number, value in enumerate(values):
        if times_ms is None:
            producer.produce(topic, key=str(number), value=value)
        else:
            producer.produce(topic, partition=0, value=value, timestamp=times_ms[number], on_delivery=_must_arrive)
        producer.poll(0)
    assert producer.flush(HANG_S) == 0


def _must_arrive(error: object, _message: object) -> None:
    assert error is None


@contextmanager
def sink(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A sink process; killed at the end where it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.commands.main", "archive", "run"],
        cwd=ROOT, env=os.environ | environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop(process: "subprocess.Popen[str]") -> str:
    """SIGTERM; the process must end cleanly. Returns its standard error."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=HANG_S)
    assert process.returncode == 0, errors
    return errors


def places(store: ArchiveStore, topic: str) -> Counter[tuple[int, int]]:
    return Counter((row[PARTITION], row[OFFSET]) for row in rows(store, topic))


def calls(store: ArchiveStore) -> Counter[str]:
    return Counter(row["call_id"] for row in rows(store, CALL_EVENTS))


async def archive_until(
    claim: Callable[[Tally], bool], environment: dict[str, str], store: ArchiveStore, **archive: Any
) -> Tally:
    """Run a sink in this process until the claim holds, then end it as a signal would."""
    stop = asyncio.Event()

    def look(tally: Tally) -> None:
        if claim(tally):
            stop.set()

    settings = load_settings(kafka_bootstrap_servers=environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"])
    group = environment["ROBOCALL_ARCHIVE_CONSUMER_GROUP"]
    sink = Sink(settings, ArchiveSettings.load(url=store.url, consumer_group=group, **archive), look)
    await asyncio.wait_for(sink.run(stop), HANG_S)
    return sink.tally


def test_every_usable_record_is_archived_once_and_sigterm_ends_cleanly(
    environment: dict[str, str], store: ArchiveStore
) -> None:
    """Refused records are left out and counted; all topics go to folders of their own."""
    bootstrap = environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"]
    events = [encoded(setup(number)) for number in range(200)]
    produce(bootstrap, CALL_EVENTS, [*events, b"{not json", encoded({"type": "call_setup"})])
    produce(bootstrap, CALL_FEEDBACK, [encoded(FEEDBACK), b"null"])
    with sink(environment) as process:
        wait_until(lambda: len(calls(store)) == 200, "the calls are archived")
        wait_until(lambda: len(rows(store, CALL_FEEDBACK)) == 1, "the verdict is archived")
        errors = stop(process)
    assert calls(store) == {f"call-{number}": 1 for number in range(200)}
    assert "201 records" in errors
    assert "3 refused" in errors


def test_what_waits_in_memory_is_written_at_the_end(environment: dict[str, str], store: ArchiveStore) -> None:
    """No flush is due for an hour, so that only the end can have written it."""
    produce(environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"], CALL_EVENTS, [encoded(setup(n)) for n in range(100)])
    tally = asyncio.run(archive_until(lambda tally: tally.waiting == 100, environment, store, flush_s=3_600))
    assert calls(store) == {f"call-{number}": 1 for number in range(100)}
    assert tally.records == 100


def test_each_day_has_its_files_and_midnight_loses_nothing(environment: dict[str, str], store: ArchiveStore) -> None:
    """Three days in one poll: 20 records the day before yesterday, 20 yesterday, 20 today.

    One of yesterday says the day before, as a clock that went back: it stays with its neighbours.
    """
    now_ms = time.time_ns() // 1_000_000
    times_ms = [now_ms - (2 - number // 20) * DAY_MS for number in range(60)]
    times_ms[25] = now_ms - 2 * DAY_MS
    said = [encoded(FEEDBACK | {"call_id": f"call-{number}"}) for number in range(60)]
    produce(environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"], CALL_FEEDBACK, said, times_ms)
    tally = asyncio.run(archive_until(lambda tally: tally.waiting == 20, environment, store, flush_s=3_600))
    assert [row["call_id"] for row in rows(store, CALL_FEEDBACK)] == [f"call-{number}" for number in range(60)]
    days = {(file.day, file.first, file.last) for file in store.files(CALL_FEEDBACK)}
    before = [day_of(now_ms - days_ago * DAY_MS) for days_ago in (2, 1, 0)]
    assert days == {(before[0], 0, 19), (before[1], 20, 39), (before[2], 40, 59)}
    assert tally.files == 3


def test_memory_is_bounded_by_writing_early(environment: dict[str, str], store: ArchiveStore) -> None:
    """3,000 records are about 0.9 MB; with 64 KiB permitted most must be in files long before the hour is over."""
    produce(environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"], CALL_EVENTS, [encoded(setup(n)) for n in range(3_000)])
    waiting: list[int] = []

    def is_done(tally: Tally) -> bool:
        waiting.append(tally.waiting)
        return tally.records + tally.waiting == 3_000

    asyncio.run(archive_until(is_done, environment, store, flush_s=3_600, flush_bytes=64 * 1024))
    assert max(waiting) < 500
    assert set(calls(store).values()) == {1}
    assert len(calls(store)) == 3_000


def test_kill_9_at_any_instant_loses_and_repeats_nothing(environment: dict[str, str], store: ArchiveStore) -> None:
    """Killed again and again while it writes a file every few milliseconds; then one sink ends what is left."""
    bootstrap = environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"]
    draw = random.Random(5)
    produced = 0
    for _ in range(4):
        produce(bootstrap, CALL_EVENTS, [encoded(setup(number)) for number in range(produced, produced + 2_000)])
        produced += 2_000
        archived = len(store.files(CALL_EVENTS))
        with sink(environment | {"ROBOCALL_ARCHIVE_FLUSH_BYTES": "65536"}) as process:
            wait_until(lambda: len(store.files(CALL_EVENTS)) > archived + 2, "files are written")  # noqa: B023
            time.sleep(draw.uniform(0, 0.05))  # the instant of the kill, anywhere in the writing
            process.kill()
    produce(bootstrap, CALL_EVENTS, [encoded(setup(produced))])
    produced += 1
    with sink(environment) as process:
        wait_until(lambda: len(calls(store)) == produced, "the rest is archived")
        stop(process)
    assert set(calls(store).values()) == {1}


def test_two_sinks_that_both_own_the_partitions_count_once(environment: dict[str, str], store: ArchiveStore) -> None:
    """In groups of their own each gets all partitions, as a sink that lost them without noticing would."""
    bootstrap = environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"]
    produce(bootstrap, CALL_EVENTS, [encoded(setup(number)) for number in range(1_000)])
    other = environment | {"ROBOCALL_ARCHIVE_CONSUMER_GROUP": "archive-other", "ROBOCALL_ARCHIVE_FLUSH_S": "0.5"}
    with sink(environment) as one, sink(other) as two:
        wait_until(lambda: len(calls(store)) == 1_000, "the first calls are archived")
        produce(bootstrap, CALL_EVENTS, [encoded(setup(number)) for number in range(1_000, 2_000)])
        wait_until(lambda: len(calls(store)) == 2_000, "the other calls are archived")
        stop(one)
        stop(two)
    assert set(calls(store).values()) == {1}
    assert set(places(store, CALL_EVENTS).values()) == {1}


def test_partitions_that_move_between_sinks_lose_and_repeat_nothing(
    environment: dict[str, str], store: ArchiveStore
) -> None:
    """One sink, then two of its group, then the second alone, while calls arrive and every file is small."""
    bootstrap = environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"]
    environment = environment | {"ROBOCALL_ARCHIVE_FLUSH_S": "0.1"}  # so that it is writing whenever they move
    produced = 0

    def call(number: int) -> None:
        nonlocal produced
        produce(bootstrap, CALL_EVENTS, [encoded(setup(n)) for n in range(produced, produced + number)])
        produced += number

    call(500)
    with sink(environment) as one:
        wait_until(lambda: len(calls(store)) == produced, "the first sink archives alone")
        with sink(environment) as two:
            for _ in range(20):  # about as long as the group needs to share the partitions anew
                call(200)
                time.sleep(0.2)
            wait_until(lambda: len(calls(store)) == produced, "both archive")
            stop(one)
            call(500)
            wait_until(lambda: len(calls(store)) == produced, "the second sink archives alone")
            stop(two)
    assert set(calls(store).values()) == {1}


def test_records_of_a_partition_that_is_still_being_assigned_are_read_again_later(
    environment: dict[str, str], store: ArchiveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They can come before the sink knows where the partition's files end; it then goes there and reads them again."""

    async def round_of_a_stranger() -> int:
        settings = load_settings(kafka_bootstrap_servers=environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"])
        sink = Sink(settings, ArchiveSettings.load(url=store.url), lambda _: None)

        async def early(**_: object) -> dict[TopicPartition, list[object]]:
            return {TopicPartition(CALL_EVENTS, 0): [object()]}

        monkeypatch.setattr(sink._consumer, "getmany", early)
        await sink._round()
        await sink._consumer.stop()
        return sink.tally.waiting

    assert asyncio.run(round_of_a_stranger()) == 0


def test_digested_numbers_are_in_no_file(environment: dict[str, str], store: ArchiveStore) -> None:
    """Neither those of the events nor those of the verdicts, and both in the same form."""
    bootstrap = environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"]
    produce(bootstrap, CALL_EVENTS, [encoded(setup(7, from_number="+12025550007", calling_name="Alice"))])
    produce(bootstrap, CALL_FEEDBACK, [encoded(FEEDBACK | {"calling_number": "+12025550007", "note": "it was Alice"})])
    key = SecretStr(SECRET)
    asyncio.run(archive_until(lambda tally: tally.waiting == 2, environment, store, flush_s=3_600, number_key=key))
    (event,), (verdict,) = rows(store, CALL_EVENTS), rows(store, CALL_FEEDBACK)
    digested = NumberKey(SECRET).number("+12025550007")
    assert event["calling_number"] == event["from_number"] == verdict["calling_number"] == digested
    assert not any("+12025550007" in str(row) or "Alice" in str(row) for row in (event, verdict))


def test_another_number_key_is_refused(environment: dict[str, str], store: ArchiveStore) -> None:
    """Else one number would have two forms in the archive."""
    put(store, CALL_EVENTS, [encoded(setup(1))])
    done = subprocess.run(
        [sys.executable, "-m", "streams.commands.main", "archive", "run"],
        cwd=ROOT, env=os.environ | environment | {"ROBOCALL_ARCHIVE_NUMBER_KEY": SECRET},
        capture_output=True, text=True, timeout=HANG_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "ROBOCALL_ARCHIVE_NUMBER_KEY" in done.stderr


def test_a_topic_that_was_created_anew_is_refused(environment: dict[str, str], store: ArchiveStore) -> None:
    """Its offsets begin again, so they would be taken for records that the archive has."""
    put(store, CALL_EVENTS, [encoded(setup(1))], first=5_000)
    done = subprocess.run(
        [sys.executable, "-m", "streams.commands.main", "archive", "run"],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=HANG_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = complaints(done.stderr)
    assert "created anew" in line


def test_a_sink_merges_small_files_by_itself(environment: dict[str, str], store: ArchiveStore) -> None:
    """In a process of its own: those of past days, while it goes on archiving; with 0 it never does."""
    bootstrap = environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"]
    for number in range(3):
        put(store, CALL_FEEDBACK, [encoded(FEEDBACK)], first=number, partition=0)
    produce(bootstrap, CALL_FEEDBACK, [encoded(FEEDBACK)] * 3, [START_MS] * 3)

    def is_merged() -> bool:
        return (0, 2) in {(file.first, file.last) for file in store.files(CALL_FEEDBACK)}

    with sink(environment | {"ROBOCALL_ARCHIVE_COMPACT_S": "0"}) as process:
        produce(bootstrap, CALL_EVENTS, [encoded(setup(1))])
        wait_until(lambda: len(calls(store)) == 1, "the first call is archived")
        stop(process)
        assert not is_merged()
    with sink(environment | {"ROBOCALL_ARCHIVE_COMPACT_S": "1"}) as process:
        wait_until(is_merged, "small files are merged")
        produce(bootstrap, CALL_EVENTS, [encoded(setup(2))])
        wait_until(lambda: len(calls(store)) == 2, "the second call is archived")
        errors = stop(process)
    assert "archive is tidy" in errors
    assert len(rows(store, CALL_FEEDBACK)) == 3
