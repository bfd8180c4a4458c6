"""The console in a real browser, Debian's Chromium: the keyboard, the policy of the pages, narrow and dark screens.

It is skipped, saying so, where there is no `chromium`, but not in CI; no browser is downloaded.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright

from streams.settings import load_settings
from tests.conftest import FreshTopics
from tests.integration.console.console_stack import Stack, publish
from tests.processes import needs_chromium
from tests.streams.console.console_case import CALLER, PASSWORD, decided

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.usefixtures("chromium")]
MASKED = "+1202555••••"
NARROW = {"width": 360, "height": 640}
LONG_MS = 120_000.0


@asynccontextmanager
async def opened(**chosen: Any) -> AsyncIterator[tuple[Any, list[str]]]:
    """A page of a new browser, and what it complains of: errors of scripts, and whatever the policy stopped."""
    flags = ["--no-sandbox"] if os.getuid() == 0 else []
    async with async_playwright() as running:
        browser = await running.chromium.launch(executable_path=needs_chromium(), args=flags)
        context = await browser.new_context(**chosen)
        page = await context.new_page()
        page.set_default_timeout(LONG_MS)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        try:
            yield page, complaints
        finally:
            await browser.close()


async def sign_in(page: Any, pages: str, name: str = "investigator") -> None:
    """As a person does: by the labels of the form, with the keyboard."""
    await page.goto(pages)
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Now").wait_for()


@pytest.fixture
def stack(kafka_bootstrap: str, redis_url: str, fresh_topics: FreshTopics, tmp_path: Path) -> Stack:
    """A console on a real Kafka and Valkey, not started yet."""
    fresh_topics(4)
    return Stack(load_settings(kafka_bootstrap_servers=kafka_bootstrap, redis_url=redis_url), tmp_path)


def test_from_a_flagged_call_to_its_whole_number_by_keyboard_and_click(stack: Stack) -> None:
    """Nothing that the pages need is stopped by their own policy."""

    async def run() -> list[str]:
        async with stack.running() as pages, opened() as (page, complaints):
            await sign_in(page, pages)
            await page.get_by_text("Kafka is read.").wait_for()
            await asyncio.to_thread(publish, stack.bootstrap, *(decided(n, "block") for n in range(5)))
            await page.get_by_role("link", name=MASKED).first.wait_for()
            await page.locator("#plot canvas").wait_for()
            assert CALLER not in await page.content()

            await page.keyboard.press("/")
            await page.keyboard.type("(202) 555-0123\n")
            await page.get_by_role("heading", name=f"Number {MASKED}").wait_for()
            assert "5550123" not in page.url
            await page.get_by_text("Standing decision").wait_for()
            assert CALLER not in await page.content()

            await page.get_by_text("Numbers are masked").click()
            await page.get_by_label("Why you need them whole").fill("ticket 17")
            await page.keyboard.press("Enter")
            await page.get_by_role("heading", name=f"Number {CALLER}").wait_for()
            await page.get_by_role("link", name=f"{0:032x}"[:8]).first.click()
            await page.get_by_text("603 Network Blocked").first.wait_for()
            return complaints

    assert asyncio.run(run()) == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_narrow_screen_has_all_of_it_without_scrolling_sideways(scheme: str, stack: Stack) -> None:
    """Tables scroll within themselves. Text has the contrast that WCAG asks for, 4.5 to 1."""

    async def run() -> tuple[int, float]:
        async with stack.running() as pages, opened(viewport=NARROW, color_scheme=scheme) as (page, _):
            await sign_in(page, pages)
            await asyncio.to_thread(publish, stack.bootstrap, decided(1, "block"), decided(2, "label"))
            await page.get_by_role("link", name=MASKED).first.wait_for()
            width = await page.evaluate("document.documentElement.scrollWidth")
            colours = await page.evaluate(
                """() => [...document.querySelectorAll("p, dt, dd, a, h1, h2, td, span, button")].map((element) => {
                    let behind = element;
                    const isClear = () => getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)";
                    while (isClear()) behind = behind.parentElement;
                    return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
                })"""
            )
            return width, min(contrast(*pair) for pair in colours)

    width, least = asyncio.run(run())

    assert width <= NARROW["width"]
    assert least >= 4.5


def contrast(one: str, other: str) -> float:
    """Of two colours, `rgb(1, 2, 3)`, as WCAG 2.2 defines it."""
    lights = sorted((_light(one), _light(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _light(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
