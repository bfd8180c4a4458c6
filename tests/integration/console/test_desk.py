"""The desk in a real browser, on a real Kafka and Valkey: one walk by several people, with a restart in between.

It is skipped as `test_browser.py` is.
"""

import asyncio
from pathlib import Path
from typing import Any

from streams.console.roles import Role
from streams.console.subjects import Kind, Subject
from streams.redis.connection import list_key
from tests.integration.console import test_browser
from tests.integration.console.console_stack import publish
from tests.integration.console.desk_stack import do, published_campaign, stack_of
from tests.integration.console.test_browser import opened, sign_in
from tests.streams.console.console_case import decided
from tests.streams.console.desk.desk_case import DESK_CALLER, MakeDesk

pytestmark = test_browser.pytestmark


def test_from_a_blocked_call_to_a_granted_redress_a_confirmed_campaign_and_a_traceback(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    """By several people, with the server stopped and started in between: what was opened is still there."""
    desk = make_desk()
    stack, made = stack_of(desk, tmp_path), published_campaign(desk)
    identifier, call = desk.known_decision(41), desk.archived_calls(1)[0]

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
