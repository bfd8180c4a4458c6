"""A console on a desk with all that its pages are about, and what people do on them in a browser."""

import asyncio
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streams.archive.files import ArchiveStore
from streams.campaigns.records import CampaignRecord, encoded
from streams.commands.questions.table import write_table
from streams.kafka.topics import CALL_EVENTS, CAMPAIGNS
from streams.redis.connection import Guard, connect
from streams.redis.decisions import DecisionIndex
from tests.integration.console.console_stack import Stack, publish
from tests.streams.archive.archive_case import encoded as event
from tests.streams.archive.archive_case import put, setup
from tests.streams.console.console_case import decided
from tests.streams.console.desk.desk_case import DESK_CALLER, Desk
from tests.streams.console.desk.test_campaigns import record
from tests.streams.console.desk.test_questions import ASKED

WHY = "Reason (kept on record)"
OF_CAMPAIGN = 1
"""Partition of the archive that has the calls of a campaign; `Desk.archived_calls` are in another one."""


def stack_of(desk: Desk, folder: Path) -> Stack:
    """A console on the same services, with questions of the model."""
    with (folder / "questions.csv").open("wb") as out:
        write_table(ASKED, out)
    return Stack(desk.settings, folder, questions_file=folder / "questions.csv")


def published_campaign(desk: Desk, calls: int = 8, partition: int = OF_CAMPAIGN) -> CampaignRecord:
    """A campaign as the service publishes it, whose calls of an hour ago are in a partition of the archive."""
    made, at_ms = record(f"tg-{partition}", calls), time.time_ns() // 1_000_000 - 3_600_000
    events = [event(setup(n, call_id=one.call_id, setup_time_ms=at_ms + n)) for n, one in enumerate(made.examples)]
    put(ArchiveStore(str(desk.folder / "archive")), CALL_EVENTS, events, partition=partition, at_ms=at_ms)
    publish(desk.settings.kafka_bootstrap_servers, encoded(made), topic=CAMPAIGNS, key=made.id.encode())
    return made


def indexed_decision(desk: Desk, number: int) -> str:
    """A decision that blocked a call of the caller, as a worker indexes it: it is found by the number too; its id."""
    identifier = f"{number:032x}"

    async def write() -> None:
        client: Any = connect(desk.settings)
        index = DecisionIndex(client, Guard())
        index.offer(identifier, DESK_CALLER, decided(number, "block", calling_number=DESK_CALLER))
        await index.flush()
        await client.aclose()

    asyncio.run(write())
    return identifier


async def do(page: Any, title: str, reason: str, fields: Mapping[str, str] | None = None) -> None:
    """Open a form by its title, fill it in by its labels, say why, and press Enter."""
    place = page.locator("details").filter(has=page.locator("summary", has_text=re.compile(f"^{title}$")))
    await place.locator("summary").click()
    for label, value in (fields or {}).items():
        field = place.get_by_label(label)
        is_choice = await field.evaluate("field => field.tagName === 'SELECT'")
        await (field.select_option(value) if is_choice else field.fill(value))
    await place.get_by_label(WHY).fill(reason)
    await page.keyboard.press("Enter")


async def told(page: Any, words: str) -> None:
    """Wait until the page says how what was done went."""
    await page.get_by_role("status").get_by_text(words).wait_for()


async def settled(page: Any) -> None:
    """Wait until all parts of a page are there."""
    await page.wait_for_load_state("networkidle")
    for words in ("Reading ...", "is asked ...", "are read ...", "is looked at"):
        await page.get_by_text(words).first.wait_for(state="detached")
