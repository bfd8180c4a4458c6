"""The walk of docs/tutorials/first-quarter-of-an-hour.md, as a stranger does it: the demo, and a browser.

It is skipped as `test_browser.py` is.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from streams.commands.demo.desk import NAME, USER
from tests.demo_process import Demo
from tests.integration.console import test_browser
from tests.integration.console.desk_stack import do, settled
from tests.integration.console.test_browser import opened
from tests.waiting import wait_until

pytestmark = test_browser.pytestmark
SHORT = "--console --rate 40 --history-hours 0.4 --seconds 3600"
"""Less history than a newcomer's demo has, and calls for as long as the test takes."""
INVITATION = re.compile(rf"Console: (http://127\.0\.0\.1:\d+)  name: {USER}  password: (\S+)")
NOT_YET_S = 5


async def signs_in(page: Any, base: str, password: str) -> None:
    """By what the demo prints."""
    await page.goto(base)
    await page.get_by_label("Name").fill(USER)
    await page.get_by_label("Password").fill(password)
    await page.keyboard.press("Enter")
    await page.get_by_text("Kafka is read.").wait_for()


async def confirms_the_largest_campaign(page: Any) -> None:
    await page.get_by_role("link", name="Campaigns", exact=True).click()
    await page.locator("td a").first.click()
    await do(page, "Confirm or clear", "two recordings, the same voice")
    await page.get_by_text("Said of its latest").wait_for()
    await page.get_by_text(f"robocalls, by {USER}").wait_for()


async def exports_a_traceback(page: Any) -> dict[str, Any]:
    """Of the campaign whose page is open; its calls are in the archive a few seconds after they came."""
    campaign = page.url
    while "/cases/" not in page.url:
        await page.goto(campaign)
        await do(page, "Open tracebacks", "the campaign of this morning")
        await page.get_by_role("heading", name=re.compile("^(Case|Conflict)")).wait_for()
        if "/cases/" not in page.url:
            await asyncio.sleep(NOT_YET_S)
    await page.get_by_text("Answers are due").wait_for()
    async with page.expect_download() as coming:
        await do(page, "Export", "to the provider that is asked")
    text = await asyncio.to_thread(Path(await (await coming.value).path()).read_text)
    found: dict[str, Any] = json.loads(text)
    return found


async def grants_redress(page: Any) -> None:
    """To whoever the model labelled or blocked last; the page of the number shows it on the allow list."""
    await page.get_by_role("link", name="Now", exact=True).click()
    await page.locator("tr", has_text=re.compile("(label|block) +by model")).locator("td:last-child a").first.click()
    await do(page, "Open redress", "reminders of a clinic")
    await page.get_by_text("answer within").first.wait_for()
    await do(page, "Grant", "called back, it is the clinic")
    await page.get_by_text("The number is on the allow list.").wait_for()
    await page.get_by_text(f"granted by {USER}").wait_for()
    await page.locator("dt", has_text="Who called").locator("xpath=following-sibling::dd[1]").locator("a").click()
    await settled(page)
    assert await page.locator("dd", has_text=re.compile("^allow$")).count() == 1


def test_from_the_demo_to_a_confirmed_campaign_an_exported_traceback_and_a_granted_redress(tmp_path: Path) -> None:
    """With nothing but what the demo prints, and by its one user; Ctrl-C then ends all of it."""
    with Demo(SHORT, tmp_path) as demo:
        wait_until(lambda: " of 3600 s: " in demo.said() or demo.process.poll() is not None, "calls are decided")
        invitation = INVITATION.search(demo.said())
        assert invitation is not None, demo.said()

        async def walk() -> dict[str, Any]:
            async with opened() as (page, complaints):
                await signs_in(page, *invitation.groups())
                await confirms_the_largest_campaign(page)
                exported = await exports_a_traceback(page)
                await grants_redress(page)
                assert [one for one in complaints if "409" not in one] == []
                return exported

        exported = asyncio.run(walk())

        ourselves, asked = exported["path"]["steps"][:2]
        assert ourselves["provider"]["name"] == NAME
        assert re.fullmatch(r"Example Voice \d{4} LLC", asked["provider"]["name"])
        assert demo.interrupt() == 0, demo.said()
        assert "decisions against the ground truth" in demo.said()
        assert "busiest offenders" not in demo.said(), "a table that is redrawn is for a terminal"
        assert demo.left() == []
