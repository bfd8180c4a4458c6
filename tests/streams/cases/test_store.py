"""Cases on a real broker: nobody's entry is lost, whoever writes at the same time; what is removed is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced
from kafka import KafkaAdminClient

from streams.cases import store as module
from streams.cases.changes import CaseRefused, new_entry, opened
from streams.cases.store import CaseBusy, CaseStore
from streams.errors import ClusterRefused, KafkaUnreachable, TopicMissing
from streams.kafka.client import client_settings
from streams.kafka.fetched import Rows
from streams.kafka.log_reader import LogReader
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CASE_RECORDS
from streams.settings import Settings, load_settings
from streams.wire.cases import Case, CaseEntry, CaseKind, read_case
from streams.wire.records import encode
from tests.topic_configs import configure

pytestmark = pytest.mark.kafka

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000


def entry(what: str, *, who: str = "M. Lee", at_ms: int = NOW_MS) -> CaseEntry:
    return new_entry(who=who, what=what, why=None, now_ms=at_ms)


def fresh(case_id: str, *, at_ms: int = NOW_MS) -> Case:
    return opened(CaseKind.REDRESS, entry("opened", at_ms=at_ms), subject=None, details={}, case_id=case_id)


async def began(settings: Settings, case: Case, partition: int) -> AIOKafkaProducer:
    """Another writer, who has sent a case and not committed it."""
    other = AIOKafkaProducer(**client_settings(settings), transactional_id=f"{CASE_RECORDS}-{partition}")
    await other.start()
    await other.begin_transaction()
    await other.send_and_wait(CASE_RECORDS, encode(case), key=case.case_id.encode(), partition=partition)
    return other


def grant(case: Case) -> Case:
    return replace(case, state="granted")


def test_a_case_is_read_as_it_was_written_last(settings: Settings) -> None:
    """Its state, its facts, and every entry in order."""

    async def work() -> tuple[Case, Case | None]:
        cases = CaseStore(settings)
        await cases.open(fresh("one"))
        await cases.append("one", entry("asked", at_ms=NOW_MS + 1))
        done = await cases.append(
            "one", entry("granted", at_ms=NOW_MS + 2), lambda case: replace(case, state="granted")
        )
        return done, await CaseStore(settings).read("one")

    written, found = asyncio.run(work())

    assert found == written
    assert (written.state, written.updated_ms) == ("granted", NOW_MS + 2)
    assert [one.what for one in written.history] == ["opened", "asked", "granted"]


def test_two_writers_at_once_lose_no_entry(settings: Settings) -> None:
    """Each adds five entries to one case, as fast as it can; all ten are there, in the order in which they came."""

    async def write(who: str) -> None:
        cases = CaseStore(settings)
        for number in range(5):
            await cases.append("one", entry(str(number), who=who))

    async def work() -> Case | None:
        await CaseStore(settings).open(fresh("one"))
        await asyncio.gather(write("first"), write("second"))
        return await CaseStore(settings).read("one")

    found = asyncio.run(work())

    assert found is not None
    for who in ("first", "second"):
        assert [one.what for one in found.history if one.who == who] == [str(number) for number in range(5)]
    assert len(found.history) == 11


def test_a_writer_that_stood_still_meanwhile_overwrites_nothing(settings: Settings) -> None:
    """It has read the case and sent its own; another writes before it commits: then what it sent does not count."""

    async def work() -> Case | None:
        cases = CaseStore(settings)
        old = await cases.open(fresh("one"))
        partition = await cases._partition("one")
        slow = await began(settings, replace(old, state="lost"), partition)
        await cases.append("one", entry("meanwhile"))
        with pytest.raises(ProducerFenced):
            await slow.commit_transaction()
        await slow.stop()
        return await cases.read("one")

    found = asyncio.run(work())

    assert found is not None
    assert (found.state, [one.what for one in found.history]) == ("open", ["opened", "meanwhile"])


def test_what_another_commits_between_reading_and_writing_is_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has been sent, but does not count yet, when the case is read; it counts before the transaction begins."""
    sought = module._sought

    async def work() -> Case | None:
        cases = CaseStore(settings)
        old = await cases.open(fresh("one"))
        partition = await cases._partition("one")
        other = await began(settings, replace(old, history=(*old.history, entry("theirs"))), partition)

        async def and_commit(*asked: Any) -> tuple[Case | None, int]:
            found = await sought(*asked)
            await other.commit_transaction()
            await other.stop()
            monkeypatch.setattr(module, "_sought", sought)
            return found

        monkeypatch.setattr(module, "_sought", and_commit)
        return await cases.append("one", entry("ours"))

    found = asyncio.run(work())

    assert found is not None
    assert [one.what for one in found.history] == ["opened", "theirs", "ours"]


def test_a_case_that_another_opens_while_its_day_is_sought_is_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topic has nothing of its day yet, and something a moment later."""
    offset_at, case_id = LogReader.offset_at, "redress-20260921-01"

    async def work() -> Case | None:
        async def and_open(*asked: Any) -> int | None:
            found = await offset_at(*asked)
            monkeypatch.setattr(LogReader, "offset_at", offset_at)
            await CaseStore(settings).open(fresh(case_id))
            return found

        monkeypatch.setattr(LogReader, "offset_at", and_open)
        return await CaseStore(settings).append(case_id, entry("asked"))

    found = asyncio.run(work())

    assert found is not None
    assert [one.what for one in found.history] == ["opened", "asked"]


def test_an_entry_that_is_sent_twice_is_there_once(settings: Settings) -> None:
    """After a lost answer, or out of the spool, a record comes again; it may find more than it left."""

    async def work() -> Case | None:
        cases, again = CaseStore(settings), entry("asked")
        case = await cases.open(fresh("one"))
        await cases.append("one", again)
        await cases.append("one", again)
        assert len((await cases.open(case)).history) == 2
        return await cases.read("one")

    found = asyncio.run(work())

    assert found is not None
    assert [one.what for one in found.history] == ["opened", "asked"]


def test_another_case_of_the_same_id_and_an_entry_to_none_are_refused(settings: Settings) -> None:
    async def work() -> None:
        cases = CaseStore(settings)
        await cases.open(fresh("one"))
        with pytest.raises(CaseRefused, match="there is a case one already"):
            await cases.open(fresh("one"))
        with pytest.raises(CaseRefused, match="no case two"):
            await cases.append("two", entry("asked"))

    asyncio.run(work())


def test_a_refused_change_leaves_the_case_and_the_next_writer_alone(settings: Settings) -> None:
    """Whoever looks at the state first and does not like it writes nothing, and holds nobody up."""

    def refuse(case: Case) -> Case:
        raise CaseRefused(f"{case.case_id} is decided")

    async def work() -> Case | None:
        cases = CaseStore(settings)
        await cases.open(fresh("one"))
        with pytest.raises(CaseRefused, match="one is decided"):
            await cases.append("one", entry("granted"), refuse)
        return await cases.append("one", entry("asked"))

    found = asyncio.run(work())

    assert found is not None
    assert [one.what for one in found.history] == ["opened", "asked"]


def test_all_cases_are_listed_oldest_first_and_no_more_than_wanted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over all partitions; beyond the bound the oldest are left out."""

    async def work() -> tuple[list[str], list[str], list[str]]:
        cases = CaseStore(settings)
        for number in range(5):
            await cases.open(fresh(f"case-{number}", at_ms=NOW_MS + number))
        every, wanted = await cases.cases(), await cases.cases(lambda case: case.case_id == "case-3")
        monkeypatch.setattr(module, "MOST_CASES", 2)
        few = await cases.cases()
        return [one.case_id for one in every], [one.case_id for one in wanted], [one.case_id for one in few]

    every, wanted, few = asyncio.run(work())

    assert every == [f"case-{number}" for number in range(5)]
    assert (wanted, few) == (["case-3"], ["case-3", "case-4"])


def test_cases_of_other_kinds_are_not_decoded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most are look-ups, and who wants redress does not wait for them."""
    decoded: list[bytes | None] = []

    def counted(value: bytes | None) -> Case | None:
        decoded.append(value)
        return read_case(value)

    async def work() -> list[Case]:
        cases = CaseStore(settings)
        for case_id in ("look_up-20260921-01", "redress-20260921-01", "own", "change-20260921-01"):
            await cases.open(fresh(case_id))
        monkeypatch.setattr(module, "read_case", counted)
        return await cases.cases(kinds={CaseKind.REDRESS})

    assert [one.case_id for one in asyncio.run(work())] == ["own", "redress-20260921-01"]
    assert len(decoded) == 2


def test_what_the_broker_does_not_take_is_said(settings: Settings, kafka_admin: KafkaAdminClient) -> None:
    """A topic that somebody bounded further: the transaction commits, and the case is not in it."""
    configure(kafka_admin, CASE_RECORDS, max_message_bytes="500")

    async def work() -> Case | None:
        cases = CaseStore(settings, patience_s=5)
        with pytest.raises((ClusterRefused, CaseBusy, KafkaUnreachable)):
            await cases.open(opened(CaseKind.CHANGE, entry("x"), subject=None, details={"a": "b" * 600}, case_id="one"))
        return await cases.read("one")

    assert asyncio.run(work()) is None


def test_records_before_the_day_of_an_id_are_not_read(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand old cases in its partition make a new one no slower to open, to read and to change."""
    case = fresh(f"redress-{datetime.fromtimestamp(NOW_MS / 1_000, UTC):%Y%m%d}-0123456789")
    (partition,) = partitions_of([case.case_id.encode()], 2)
    read: list[int] = []

    async def counting(reader: LogReader, *place: int) -> AsyncIterator[Rows]:
        async for rows in original(reader, *place):
            read.append(len(rows))
            yield rows

    async def work() -> Case | None:
        async with AIOKafkaProducer(**client_settings(settings)) as producer:
            for number in range(10_000):
                await producer.send(
                    CASE_RECORDS, encode(fresh(f"old-{number}")), partition=partition, key=b"old-%d" % number,
                    timestamp_ms=NOW_MS - 3 * DAY_MS,
                )  # fmt: skip
        await CaseStore(settings).open(case)
        await CaseStore(settings).append(case.case_id, entry("asked"))
        return await CaseStore(settings).read(case.case_id)

    original = LogReader.read
    monkeypatch.setattr(LogReader, "read", counting)
    found = asyncio.run(work())

    assert found is not None
    assert [one.what for one in found.history] == ["opened", "asked"]
    assert 2 <= sum(read) < 100


def test_what_is_no_case_is_passed_over(settings: Settings) -> None:
    """Whoever may write the topic may write anything."""

    async def work() -> list[Case]:
        cases = CaseStore(settings)
        good = await cases.open(fresh("good"))
        async with AIOKafkaProducer(**client_settings(settings)) as producer:
            for key, value in ((b"bad", b"{}"), (b"other", encode(good)), (b"\xff", b"[" * 500)):
                await producer.send_and_wait(CASE_RECORDS, value, key=key)
        return await cases.cases()

    assert [one.case_id for one in asyncio.run(work())] == ["good"]


def test_a_case_goes_only_while_it_may(settings: Settings) -> None:
    """Held between the list and its removal, it stays."""

    async def work() -> tuple[bool, bool, Case | None]:
        cases = CaseStore(settings)
        await cases.open(fresh("one"))
        await cases.append("one", entry("held"), lambda case: replace(case, is_held=True))
        kept = await cases.remove("one", lambda case: not case.is_held)
        gone = await cases.remove("one", lambda _: True)
        return kept, gone, await cases.read("one")

    assert asyncio.run(work()) == (False, True, None)


def test_without_broker_or_topic_one_line_says_so(settings: Settings, delete_topic: Callable[[str], None]) -> None:
    nowhere = load_settings(kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(KafkaUnreachable, match="no Kafka broker answers"):
        asyncio.run(CaseStore(nowhere).open(fresh("one")))
    delete_topic(CASE_RECORDS)
    with pytest.raises(TopicMissing, match="missing topics: case-records"):
        asyncio.run(CaseStore(settings).open(fresh("one")))
