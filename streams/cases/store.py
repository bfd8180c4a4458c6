"""The topic `case-records`: one record a case, the latest one counts.

Two people may write to one case at once, and Kafka has no "write if nobody did". It has transactions that fence each
other: whoever begins one under a name ends that of an earlier one under the same name. There is one name for each
partition. A writer begins, and so knows that nobody else is writing there; it reads the case, adds its entry and
commits. If another begins meanwhile, the commit fails, nothing of it counts, and it starts again.
"""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from detector.contract.errors import RobocallError
from streams.cases.changes import CaseRefused, appended, earliest_ms, has_entry
from streams.errors import ClusterRefused, KafkaUnreachable
from streams.kafka.client import client_settings, require_topics, why_unreachable
from streams.kafka.log_reader import LogReader
from streams.kafka.partitioner import partitions_of
from streams.kafka.publishing.quiet import quiet
from streams.kafka.topics import CASE_RECORDS
from streams.settings import Settings
from streams.wire.cases import Case, CaseEntry, CaseKind, read_case
from streams.wire.records import encode

TRIES = 20
TRANSACTION_TIMEOUT_MS = 10_000
MOST_CASES = 10_000
PATIENCE_S = 30.0
STOP_S = 2.0
_LASTING = (KafkaConnectionError, TopicAuthorizationFailedError, TransactionalIdAuthorizationFailed)
"""What another try does not mend."""
Change = Callable[[Case], Case]
_Edit = Callable[[Case | None], Case | None]


class CaseBusy(RobocallError):
    """Others kept writing where this case stands."""

    retriable = True


class CaseStore:
    """Reads and writes cases; made for one command. Everything waits for Kafka, on the event loop.

    Args:
        settings: how the brokers are spoken to.
        patience_s: that Kafka has for one question or change.

    Raises:
        KafkaUnreachable: from every method: no broker answers.
        KafkaRefusedUs: likewise: one does, and refuses the password, the certificate or the protocol.
        TopicMissing: likewise: there is no such topic.
        ClusterRefused: likewise: this user may not read or write cases.
    """

    def __init__(self, settings: Settings, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        # A record that was not committed must never count.
        self._settings = settings.model_copy(update={"kafka_isolation_level": "read_committed"})
        self._partitions = 0

    async def open(self, case: Case) -> Case:
        """Write a new case; the same one twice is written once.

        Raises:
            CaseRefused: another case has that id.
            CaseBusy: others kept writing there.
        """

        def fresh(found: Case | None) -> Case | None:
            if found is not None and found.history[0] != case.history[0]:
                raise CaseRefused(f"there is a case {case.case_id} already")
            return case if found is None else found

        return await self._change(case.case_id, fresh) or case

    async def append(self, case_id: str, entry: CaseEntry, change: Change = lambda case: case) -> Case:
        """Add an entry to a case, whoever else adds one at the same time.

        Args:
            case_id: Which.
            entry: Made once: where it is in the case already, nothing is done.
            change: What else becomes of the case; it may raise `CaseRefused`. It may be asked again.

        Returns:
            The case as it is written.

        Raises:
            CaseRefused: there is no such case, it is full, or `change` says so.
            CaseBusy: others kept writing there.
        """

        def add(found: Case | None) -> Case:
            if found is None:
                raise CaseRefused(f"no case {case_id}: `robocall cases list` has them")
            return found if has_entry(found, entry) else appended(change(found), entry)

        return await self._change(case_id, add)  # type: ignore[return-value]  # `add` gives a case

    async def remove(self, case_id: str, is_past: Callable[[Case], bool]) -> bool:
        """Delete a case, if it still may go; says whether it did.

        Raises:
            CaseBusy: others kept writing there.
        """
        left = await self._change(case_id, lambda found: None if found is None or is_past(found) else found)
        return left is None

    async def read(self, case_id: str) -> Case | None:
        """Read one case; None where there is none."""
        async with _said(self._settings, self._patience_s):
            partition = await self._partition(case_id)
            async with self._reader() as reader:
                found, _ = await _sought(reader, partition, case_id)
                return found

    async def cases(
        self, wanted: Callable[[Case], bool] = lambda _: True, kinds: Collection[CaseKind] = frozenset(CaseKind)
    ) -> list[Case]:
        """Read the cases that are wanted, the latest `MOST_CASES` by their opening, the oldest first.

        Records are read one after the other, and what is not wanted is not kept. Most cases are look-ups: those of
        other kinds than `kinds` are not even decoded.
        """
        others = tuple(f"{kind}-".encode() for kind in CaseKind if kind not in kinds)
        found: dict[str, Case] = {}
        async with _said(self._settings, self._patience_s):
            partitions = await self._count()
            async with self._reader() as reader:
                async for key, value in _records(reader, partitions):
                    if key.startswith(others):
                        continue
                    case = read_case(value)
                    found.pop(key.decode("utf-8", "replace"), None)
                    if case is not None and case.case_id.encode() == key and wanted(case):
                        found[case.case_id] = case
                    if len(found) >= 2 * MOST_CASES:
                        found = {one.case_id: one for one in _latest_opened(found)}
        return _latest_opened(found)

    def _reader(self) -> LogReader:
        return LogReader(self._settings, CASE_RECORDS, lambda *_: None)

    async def _count(self) -> int:
        if not self._partitions:
            self._partitions = (await require_topics(self._settings, [CASE_RECORDS]))[CASE_RECORDS]
        return self._partitions

    async def _partition(self, case_id: str) -> int:
        (partition,) = partitions_of([case_id.encode()], await self._count())
        return partition

    async def _change(self, case_id: str, edit: _Edit) -> Case | None:
        asyncio.get_running_loop().set_exception_handler(_unless_fenced)
        async with _said(self._settings, self._patience_s):
            partition = await self._partition(case_id)
            for attempt in range(TRIES):
                began_s = time.monotonic()
                try:
                    return await self._try(case_id, partition, edit)
                except _LASTING:
                    raise
                except KafkaError:
                    # Overtaken, for which brokers have several words; the next try finds what did arrive. It waits as
                    # long as a try takes here, longer and longer, and never alike: one of both gets through.
                    took_s = time.monotonic() - began_s
                    await asyncio.sleep(took_s * (1 + attempt) * random.random())  # noqa: S311 - no secret
        raise CaseBusy(f"others kept writing cases, {case_id} is not changed: run it again")

    async def _try(self, case_id: str, partition: int, edit: _Edit) -> Case | None:
        """Read, change and write a case, unless somebody else begins to write in this partition meanwhile.

        Raises:
            KafkaError: somebody did, as a rule; what was sent counts or does not, and a try more finds out.
        """
        producer = AIOKafkaProducer(
            **client_settings(self._settings),
            transactional_id=f"{CASE_RECORDS}-{partition}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        )
        try:
            async with self._reader() as reader:
                delivered = None
                known, end = await _sought(reader, partition, case_id)  # before, so that the rest is short
                await producer.start()
                async with producer.transaction():  # nobody else's counts from here on: what is read now is the last
                    found, _ = await _latest(reader, partition, case_id, end, known)
                    made = edit(found)
                    if made != found:
                        value = None if made is None else encode(made)
                        delivered = await producer.send(CASE_RECORDS, value, key=case_id.encode(), partition=partition)
                if delivered is not None:
                    await delivered  # a transaction commits without what a broker refused
                return made
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(producer.stop(), STOP_S)


async def _sought(reader: LogReader, partition: int, case_id: str) -> tuple[Case | None, int]:
    """The case, and the offset after what was read.

    What is older than the day of its id is not read: its first record was written on that day or later, by any clock
    that is less than a day off, and compaction keeps a later one.
    """
    end = await reader.end(partition)  # before the next question: what comes between both is read later
    since = await reader.offset_at(partition, earliest_ms(case_id))
    if since is None:
        return None, end
    return await _latest(reader, partition, case_id, since, None)


async def _latest(
    reader: LogReader, partition: int, case_id: str, start: int, known: Case | None
) -> tuple[Case | None, int]:
    """The case as its latest record from an offset on has it, else as it was known; and the offset after them.

    That may lie before the end: what stands in an open transaction cannot be read, and may count soon.
    """
    async for rows in reader.read(partition, start, await reader.end(partition)):
        start = rows.end
        for key, value in zip(rows.keys(), rows.values(), strict=True):
            if key == case_id.encode():
                known = read_case(value)
    return known, start


async def _records(reader: LogReader, partitions: int) -> AsyncIterator[tuple[bytes, bytes | None]]:
    """Key and value of everything that there is by now, each partition in order."""
    async for _, rows in reader.read_all(dict.fromkeys(range(partitions), (0, sys.maxsize))):
        for key, value in zip(rows.keys(), rows.values(), strict=True):
            if key is not None:
                yield key, value


def _unless_fenced(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say what nobody waited for went wrong, but for what each part of aiokafka's producer has of one fence."""
    if not isinstance(context.get("exception"), ProducerFenced):
        loop.default_exception_handler(context)


def _latest_opened(found: dict[str, Case]) -> list[Case]:
    """The latest `MOST_CASES` by their opening, the oldest first."""
    return sorted(found.values(), key=_age)[-MOST_CASES:]


def _age(case: Case) -> tuple[int, str]:
    return case.opened_ms, case.case_id


@asynccontextmanager
async def _said(settings: Settings, patience_s: float) -> AsyncIterator[None]:
    """What goes wrong comes back as one error that says what to do."""
    with quiet():
        try:
            async with asyncio.timeout(patience_s):
                yield
        except TimeoutError as error:
            raise KafkaUnreachable(settings.kafka_bootstrap_servers) from error
        except KafkaConnectionError as error:
            raise await why_unreachable(settings) from error
        except KafkaError as error:
            needs = f"Read, Write and Describe on {CASE_RECORDS}, and Write and Describe on transactional ids like it"
            raise ClusterRefused("to read or write cases", needs, error) from error
