"""Pages with something on them, without serious findings of axe-core, and an act done by keyboard alone.

`test_accessible.py` has the pages of the navigation. It is skipped as `test_browser.py` is.
"""

import asyncio
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from streams.console.roles import Role
from streams.redis.connection import connect
from streams.redis.worker_reports import Refusal, WorkerReport, tell
from streams.settings import Settings
from tests.integration.console import test_browser
from tests.integration.console.desk_stack import stack_of, told
from tests.integration.console.everything import Everything, tries_a_policy
from tests.integration.console.test_accessible import SIZES, judged
from tests.integration.console.test_browser import MASKED, opened, sign_in
from tests.streams.console.desk.desk_case import DESK_CALLER, MakeDesk

pytestmark = test_browser.pytestmark
KNOWN_S = 3_600
MOST_TABS = 60
OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"
FOCUSED = """() => { const one = document.activeElement, { outlineStyle } = getComputedStyle(one);
    return [one.tagName, one.tagName === "SUMMARY" ? one.textContent.trim() : one.id, outlineStyle]; }"""
SHOWN = {"/model": "0123456789ac", "/policy": "Rule flood applies", "/queues": "calling number x by trunk y"}
"""What pages show that would be empty otherwise."""


async def says_what_it_runs(settings: Settings) -> None:
    """A worker with all that the page of the model may show of one."""
    client: Any = connect(settings)
    now_ms = time.time_ns() // 1_000_000
    refused = Refusal("active", "gbt-0123456789ab", "it is of another feature table", now_ms)
    said = WorkerReport("worker-1", "gbt-0123456789ac", now_ms, refused=(refused,), alarms=("features", "feedback"))
    await tell(client, said, KNOWN_S)
    await client.aclose()


async def judged_opened(page: Any, address: str) -> list[str]:
    """Findings of a page with all of its forms open."""
    await page.goto(address)
    await page.get_by_text(SHOWN.get(urlsplit(address).path, "")).first.wait_for()
    before = await judged(page)
    await page.evaluate(OPEN_ALL)
    return before + await judged(page)


def test_no_page_with_something_on_it_has_a_serious_finding(everything: Everything) -> None:
    """Masked and whole, all forms open, as an admin, who has all of them; on a wide light and a narrow dark screen."""
    stack = everything.stack

    async def look(page: Any, base: str) -> dict[str, list[str]]:
        found = {}
        for path in everything.places():
            found[path] = await judged_opened(page, base + path)
        for place in ("number", "campaign", "traceback"):
            await page.goto(base + stack.links.path(everything.subjects[place]))
            await page.get_by_text("Numbers are masked").click()
            await page.get_by_label("Why you need them whole").fill("ticket 17")
            await page.keyboard.press("Enter")
            await page.get_by_text("Numbers are shown whole").wait_for()
            found[f"whole {place}"] = await judged_opened(page, page.url)
        return found

    async def run() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        await says_what_it_runs(everything.desk.settings)
        async with stack.running() as base:
            for scheme, size in SIZES:
                async with opened(viewport=size, color_scheme=scheme) as (page, _):
                    await sign_in(page, base, Role.ADMIN)
                    if not found:
                        await tries_a_policy(page, base)
                    found |= {f"{scheme} {name}": said for name, said in (await look(page, base)).items()}
        return found

    found = asyncio.run(run())

    assert {name: findings for name, findings in found.items() if findings} == {}
    assert len(found) == len(SIZES) * (len(everything.places()) + 3)


def test_a_number_is_blocked_by_keyboard_alone(make_desk: MakeDesk, tmp_path: Path) -> None:
    """From the form of the sign-in on; whatever has the focus shows it."""
    desk = make_desk()
    stack = stack_of(desk, tmp_path)

    async def tab_to(page: Any, tag: str, name: str) -> None:
        for _ in range(MOST_TABS):
            await page.keyboard.press("Tab")
            *found, outline = await page.evaluate(FOCUSED)
            assert outline != "none", found
            if found == [tag, name]:
                return
        raise AssertionError(f"{tag} {name} is not reached")

    async def run() -> list[str]:
        async with stack.running() as base, opened() as (page, complaints):
            await sign_in(page, base, Role.OPERATOR)
            await page.wait_for_load_state()  # the script of the shortcut runs late
            await page.keyboard.press("/")
            await page.keyboard.type(f"{DESK_CALLER}\n")
            await page.get_by_role("heading", name=f"Number {MASKED}").wait_for()
            await page.wait_for_load_state()
            await page.keyboard.press("Tab")
            assert await page.evaluate("document.activeElement.textContent") == "To the content"
            await page.keyboard.press("Enter")
            await page.wait_for_url("**#main")
            await tab_to(page, "SUMMARY", "Block")
            await page.keyboard.press("Enter")
            await tab_to(page, "SELECT", "block-basis")
            await page.keyboard.press("ArrowDown")
            await tab_to(page, "INPUT", "block-reason")
            await page.keyboard.type("case 26-1\n")
            await told(page, "On the list block.")
            return complaints

    assert asyncio.run(run()) == []
    assert desk.redis.smembers("robocall:list:block") == {DESK_CALLER.encode()}
    (case,) = desk.cases()
    assert (case.details["basis"], case.history[0].why) == ("court_order", "case 26-1")
