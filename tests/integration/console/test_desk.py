"""The desk in a real browser, on a real Kafka and Valkey: every page for every role, and what people do, by keyboard.

It is skipped as `test_browser.py` is.
"""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from streams.campaigns.records import encoded
from streams.commands.adapt.table import write_table
from streams.console.roles import RIGHTS, Role, What
from streams.console.subjects import Kind, Subject
from streams.kafka.topics import CAMPAIGNS
from streams.redis.connection import list_key
from tests.conftest import FreshTopics
from tests.integration.console import test_browser
from tests.integration.console.console_stack import Stack, publish
from tests.integration.console.test_browser import NARROW, opened, sign_in
from tests.streams.console.console_case import decided
from tests.streams.console.desk.desk_case import DESK_CALLER, Desk, MakeDesk, desk_maker
from tests.streams.console.desk.test_campaigns import record
from tests.streams.console.desk.test_questions import ASKED
from tests.valkey_process import ValkeyProcess

pytestmark = test_browser.pytestmark
WHY = "Why; it is recorded"
BUTTONS = {
    "Release": What.RELEASE,
    "Allow for a while": What.LIST,
    "Block": What.LIST,
    "Take off a list": What.LIST,
    "Open redress": What.OPEN_REDRESS,
    "Numbers are masked": What.UNMASK,
}


@pytest.fixture
def make_desk(
    kafka_bootstrap: str,
    valkey: ValkeyProcess,
    fresh_topics: FreshTopics,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> MakeDesk:
    """A desk with its archive, register and lists."""
    return desk_maker(kafka_bootstrap, valkey, fresh_topics, tmp_path, monkeypatch)


def stack_of(desk: Desk, folder: Path) -> Stack:
    """A console on the same services, with a question of the model."""
    with (folder / "questions.csv").open("wb") as out:
        write_table(ASKED, out)
    return Stack(desk.settings, folder, questions_file=folder / "questions.csv")


async def do(page: Any, title: str, reason: str) -> None:
    """Open a form by its title, say why, and press Enter."""
    place = page.locator("details").filter(has=page.locator("summary", has_text=re.compile(f"^{title}$")))
    await place.locator("summary").click()
    await place.get_by_label(WHY).fill(reason)
    await page.keyboard.press("Enter")


async def settled(page: Any) -> None:
    """Wait until all parts of a page are there."""
    await page.wait_for_load_state("networkidle")
    for words in ("Reading ...", "is asked ...", "are read ...", "is looked at"):
        await page.get_by_text(words).first.wait_for(state="detached")


def test_every_page_is_there_for_every_role_with_the_buttons_that_it_may_press(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    """On a narrow screen too, and the browser complains of nothing."""
    desk, made = make_desk(), record("tg-1", 30)
    stack = stack_of(desk, tmp_path)
    call = desk.archived_calls(1)[0]
    publish_campaign(desk, made.id, encoded(made))

    async def visit(role: Role, base: str) -> None:
        async with opened(viewport=NARROW) as (page, complaints):
            await sign_in(page, base, role)
            for kind, text in ((Kind.CAMPAIGN, made.id), (Kind.NUMBER, DESK_CALLER), (Kind.CALL, call)):
                await page.goto(base + stack.links.path(Subject(kind, text)))
                await settled(page)
                assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
                if kind is Kind.NUMBER:
                    shown = {title for title in BUTTONS if await page.get_by_text(title, exact=True).count()}
                    assert shown == {title for title, what in BUTTONS.items() if what in RIGHTS[role]}
            for path, words in (("/campaigns?within=all", made.id), ("/queues", "Asked by the model")):
                await page.goto(base + path)
                await page.get_by_text(words).first.wait_for()
                await settled(page)
                assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
            assert complaints == []

    async def run() -> None:
        async with stack.running() as base:
            for role in Role:
                await visit(role, base)

    asyncio.run(run())


def test_from_a_blocked_call_to_a_granted_redress_a_confirmed_campaign_and_a_traceback(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    """By several people, with the server stopped and started in between: what was opened is still there."""
    desk, made = make_desk(), record("tg-1")
    stack = stack_of(desk, tmp_path)
    identifier, call = desk.known_decision(41), desk.archived_calls(1)[0]
    publish_campaign(desk, made.id, encoded(made))

    async def opens(page: Any, base: str) -> str:
        await sign_in(page, base, Role.OPERATOR)
        await page.get_by_text("Kafka is read.").wait_for()
        await asyncio.to_thread(publish, stack.bootstrap, decided(41, "block", calling_number=DESK_CALLER))
        await page.get_by_role("link", name=identifier[:8]).first.click()
        await do(page, "Open redress", "a clinic")
        await page.get_by_text("answer within").first.wait_for()
        case: str = page.url
        await page.goto(base + stack.links.path(Subject(Kind.CAMPAIGN, made.id)))
        await do(page, "Confirm or clear", "heard it")
        await page.get_by_text("Said of its latest").wait_for()
        return case

    async def decides(page: Any, base: str, case: str) -> None:
        await sign_in(page, base, Role.REDRESS)
        await page.get_by_role("link", name="Queues").click()
        await page.get_by_role("link", name="redress-").click()
        assert page.url == case
        await do(page, "Grant", "called back")
        await page.get_by_text("The number is on the allow list.").wait_for()
        await page.get_by_text("granted by redress").wait_for()

    async def traces(page: Any, base: str) -> str:
        await sign_in(page, base, Role.INVESTIGATOR)
        await page.goto(base + stack.links.path(Subject(Kind.CALL, call)))
        await do(page, "Open traceback", "car warranty")
        await page.get_by_text("West Voice").first.wait_for()
        async with page.expect_download() as coming:
            await do(page, "Export", "to West Voice")
        return await asyncio.to_thread(Path(await (await coming.value).path()).read_text)

    async def run() -> str:
        async with opened() as (page, _):
            async with stack.running() as base:
                case = await opens(page, base)
            async with stack.running() as base:
                await decides(page, base, case)
                await page.get_by_role("button", name="Sign out").click()
                return await traces(page, base)

    assert "West Voice" in asyncio.run(run())
    assert desk.redis.smembers(list_key("allow")) == {DESK_CALLER.encode()}
    assert sorted({one.kind.value for one in desk.cases()}) == ["change", "look_up", "redress", "traceback"]


def publish_campaign(desk: Desk, name: str, value: bytes) -> None:
    """Publish a campaign as the service does."""
    publish(desk.settings.kafka_bootstrap_servers, value, topic=CAMPAIGNS, key=name.encode())
