"""Follow the topic `campaigns`: a worker keeps the names in it, a console all of it. A fault touches no decision."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from detector.campaigns.calls import Cell
from detector.campaigns.names import CampaignNames
from detector.contract.errors import RobocallError
from detector.contract.events import Verdict
from streams.campaigns.records import VERDICT_KEY, verdict_in
from streams.kafka.client import make_consumer, require_topics
from streams.kafka.fetch.fetcher import Reading, fetch_batches
from streams.kafka.topics import CAMPAIGNS
from streams.settings import Settings

POLL_MS = 1_000
AGAIN_S = 10.0

log = structlog.get_logger(__name__)


class _Cell(msgspec.Struct, gc=False):
    trunk_group_id: str
    signer_spc: str
    origid: str
    caller: str
    number: str


class _Named(msgspec.Struct, gc=False):
    """What is read of a record."""

    id: str
    cells: list[_Cell]
    merged_into: str | None = None


_DECODER = msgspec.json.Decoder(_Named)


def take_records(names: CampaignNames, values: Iterable[bytes]) -> int:
    """Take records of the topic, one after the other; what nobody can read is left out.

    Args:
        names: Are changed.
        values: Records.

    Returns:
        How many were read.
    """
    taken = 0
    for value in values:
        try:
            found = _DECODER.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        taken += 1
        if found.merged_into is not None:
            names.drop(found.id)
        else:
            names.take(found.id, (Cell(*msgspec.structs.astuple(one)) for one in found.cells))
    return taken


def follow_names(settings: Settings, names: CampaignNames) -> "CampaignFollower":
    """Make what keeps names up to date; its `run` is a background job."""

    def take(key: bytes | None, value: bytes | None) -> None:
        name = (key or b"").decode(errors="replace")
        if name.startswith(VERDICT_KEY):
            said = verdict_in(value)
            is_cleared = said is not None and said.verdict is Verdict.LEGITIMATE
            names.clear(name.removeprefix(VERDICT_KEY), is_cleared=is_cleared)
        elif value is None:
            names.drop(name)
        else:
            take_records(names, [value])

    return CampaignFollower(settings, take)


class CampaignFollower:
    """Reads the topic from its beginning, and then what comes.

    Args:
        settings: How the brokers are spoken to.
        take: Told key and value of each record, null values too, on the event loop; it must not raise.

    Attributes:
        complaint: Why the topic is not read; empty while it is.
    """

    def __init__(self, settings: Settings, take: Callable[[bytes | None, bytes | None], None]) -> None:
        self._settings = settings
        self._take = take
        self.complaint = "campaigns are not read yet"

    async def run(self) -> None:
        """Follow until cancelled. Where the topic cannot be read what was taken stays, and it is tried again."""
        while True:
            try:
                await self._follow()
            except (RobocallError, KafkaError, OSError) as error:
                if str(error) != self.complaint:
                    self.complaint = str(error)
                    log.warning("campaigns are not followed, those of before stay", cause=self.complaint)
            await asyncio.sleep(AGAIN_S)

    async def _follow(self) -> None:
        partitions = (await require_topics(self._settings, [CAMPAIGNS]))[CAMPAIGNS]
        consumer = make_consumer(self._settings, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest")
        try:
            await consumer.start()
            await fetch_batches(consumer, Reading.of(self._settings).limits)
            places = [TopicPartition(CAMPAIGNS, number) for number in range(partitions)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            self.complaint = ""
            while True:
                for rows in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    for key, value in zip(rows.keys(), rows.values(), strict=True):
                        self._take(key, value)
                    await asyncio.sleep(0)
        finally:
            await consumer.stop()
