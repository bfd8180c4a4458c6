"""Which calls a command is about: what stands in files, and what of the archive, plain or digested."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
import pytest

from detector.contract.events import Feedback, FeedbackSource, Verdict
from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.commands.events.source import Source
from streams.kafka.topics import CALL_EVENTS, CALL_FEEDBACK
from streams.screening.pipeline import MAX_BATCH
from streams.wire.feedback import FeedbackRefused, read_feedback
from tests.streams.archive.archive_case import DAY_MS, SECRET, encoded, put, setup

NUMBER = "+12025550123"


def day(number: int) -> datetime:
    return datetime(1970, 1, number, tzinfo=UTC)


ONE_DAY = Source((), is_archived=True, begin=day(2), end=day(3))


def calls_of(source: Source) -> list[list[str]]:
    with ExitStack() as stack:
        return [[msgspec.json.decode(line)["call_id"] for line in batch] for batch in source.batches(stack)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveStore:
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    return ArchiveStore(str(tmp_path / "archive"))


def said(time_ms: int = 1_700_000_000_000, **more: str) -> dict[str, object]:
    return {"time_ms": time_ms, "verdict": "robocall", "source": "analyst", "calling_number": NUMBER} | more


def test_files_are_read_one_after_the_other_in_batches(tmp_path: Path) -> None:
    """Nothing was said in a file of events, and numbers are as they stand there."""
    for name, count in (("one", MAX_BATCH + 1), ("two", 1)):
        (tmp_path / name).write_bytes(b"".join(encoded(setup(n)) + b"\n" for n in range(count)))
    source = Source((tmp_path / "one", tmp_path / "two"))

    found = calls_of(source)

    assert [len(batch) for batch in found] == [MAX_BATCH, 1, 1]
    assert found[1:] == [[f"call-{MAX_BATCH}"], ["call-0"]]
    assert list(source.feedback()) == []
    assert source.number()(NUMBER) == NUMBER
    assert (source.partitions(None), source.partitions(7)) == (1, 7)


def test_of_the_archive_the_span_is_read_in_batches(store: ArchiveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the partitions that the workers count in, unless it is told otherwise."""
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(MAX_BATCH + 2)], at_ms=DAY_MS)
    put(store, CALL_EVENTS, [encoded(setup(9))], first=MAX_BATCH + 2, at_ms=2 * DAY_MS)

    assert [len(batch) for batch in calls_of(ONE_DAY)] == [MAX_BATCH, 2]
    assert calls_of(Source((), is_archived=True, begin=day(3), end=day(4))) == [["call-9"]]
    monkeypatch.setenv("ROBOCALL_PARTITIONS", "5")
    assert (ONE_DAY.partitions(None), ONE_DAY.partitions(7)) == (5, 7)


def test_what_was_said_until_now_counts(store: ArchiveStore) -> None:
    """Whenever it came; what claims to be of later does not."""
    later_ms = time.time_ns() // 1_000_000 + DAY_MS
    put(store, CALL_FEEDBACK, [encoded(said()), encoded(said(later_ms))], at_ms=9 * DAY_MS)

    (found,) = ONE_DAY.feedback()

    assert found == Feedback(
        time_ms=1_700_000_000_000,
        verdict=Verdict.ROBOCALL,
        source=FeedbackSource.ANALYST,
        calling_number=NUMBER,
    )


def test_an_archive_without_feedback_has_said_nothing(store: ArchiveStore) -> None:
    put(store, CALL_EVENTS, [encoded(setup(1))], at_ms=DAY_MS)
    assert list(ONE_DAY.feedback()) == []


def test_numbers_from_elsewhere_are_brought_to_the_form_of_the_archive(
    store: ArchiveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a record that is in a file as well is the same record, and a sender is found among digests."""
    monkeypatch.setenv("ROBOCALL_ARCHIVE_NUMBER_KEY", SECRET)
    record = encoded(said(called_number="+1-303-555-0142", note="she said"))
    put(store, CALL_FEEDBACK, [record], at_ms=DAY_MS, key=NumberKey(SECRET))
    from_file = read_feedback(record)
    assert not isinstance(from_file, FeedbackRefused)

    assert list(ONE_DAY.alike([from_file])) == list(ONE_DAY.feedback())
    assert ONE_DAY.number()(NUMBER) == NumberKey(SECRET).number(NUMBER) != NUMBER


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Source(()), "give --events FILE, or --archive"),
        (Source((Path("x"),), is_archived=True, begin=day(1), end=day(2)), "give --events FILE, or --archive"),
        (Source((Path("x"),), begin=day(1)), "--from and --to are for --archive"),
        (Source((), is_archived=True, begin=day(1)), "--archive needs --from and a later --to"),
        (Source((), is_archived=True, begin=day(2), end=day(2)), "--archive needs --from and a later --to"),
    ],
)
def test_half_a_source_is_wrong_usage(source: Source, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        source.require_whole()


def test_hours_that_judge_must_leave_some_to_learn_from() -> None:
    """It is said before minutes of replay."""
    ONE_DAY.require_whole(23.5)
    with pytest.raises(click.UsageError, match="--judge-h must leave some of the time"):
        ONE_DAY.require_whole(24)
