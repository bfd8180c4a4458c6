"""Labels of time below the plots, in a real browser: apart from each other, and read alike everywhere."""

import asyncio
import json
import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from streams.console.app import ASSETS
from tests.integration.console.test_browser import NARROW, opened
from tests.integration.console.test_watching import HOUR_MS, LAPTOP, NOTED, Noted

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("chromium")]

PAGE = """<!doctype html>
<link rel="stylesheet" href="/assets/uplot.min.css"><link rel="stylesheet" href="/assets/console.css">
<p id="away" hidden></p><main>%s</main>
<script src="/assets/uplot.min.js"></script>
<script src="/assets/console.js"></script><script src="/assets/history.js"></script>"""
NAMES = ("allow", "label", "block", "tried_label", "tried_block")
LONGEST_S = 300


async def looked_at(main: str, series: dict[str, list[int]], script: str, screen: dict[str, int]) -> tuple[Noted, str]:
    """Plots of a page without a console behind it: what is written on them, and below them under the mouse."""

    async def answered(route: Any) -> None:
        path = route.request.url.removeprefix("http://console.example")
        if path.startswith("/assets/"):
            await route.fulfill(path=ASSETS / path.removeprefix("/assets/"))
        elif path == "/now/series":
            await route.fulfill(json=series)
        else:
            await route.fulfill(content_type="text/html", body=PAGE % main)

    async with opened(viewport=screen) as (page, _):
        await page.add_init_script(NOTED)
        await page.route("**/*", answered)
        await page.goto("http://console.example/")
        await page.evaluate(script)
        await page.wait_for_function("() => noted.some(([text, align]) => align === 'center' && /[1-9]/.test(text))")
        await page.locator(".u-over").hover()
        return await page.evaluate("noted"), await page.locator(".u-legend").inner_text()


def overlapping(noted: Noted) -> list[tuple[str, str]]:
    """Labels below a plot of which one begins before the one left of it ends."""
    below = sorted({(down, left, text, left + width) for text, align, left, width, down in noted if align == "center"})
    return [(one[2], other[2]) for one, other in pairwise(below) if one[0] == other[0] and one[3] > other[1]]


@pytest.mark.parametrize("screen", [LAPTOP, NARROW], ids=["laptop", "narrow"])
@pytest.mark.parametrize("began", ["2026-12-01T23:59:20", "2026-11-30T14:03:50", "2026-12-31T23:56:00"])
def test_minutes_have_times_of_24_hours_and_days_with_the_name_of_their_month(
    began: str, screen: dict[str, int]
) -> None:
    """The date of the first label stood over the next one; and 12/1 is in January to most of the world."""
    began_s = int(datetime.fromisoformat(f"{began}+00:00").timestamp())
    series = {"at_s": list(range(began_s, began_s + LONGEST_S))} | dict.fromkeys(NAMES, [1] * LONGEST_S)

    noted, legend = asyncio.run(looked_at('<div id="plot"></div>', series, "0", screen))

    below = {text for text, align, *_ in noted if align == "center" and text}
    days = {f"{datetime.fromtimestamp(at_s, UTC):%-d %b}" for at_s in (began_s, began_s + LONGEST_S - 1)}
    assert set() < {text for text in below if ":" not in text} <= days
    assert all(re.fullmatch(r"\d\d:\d\d(:\d\d)?", text) for text in below - days)
    assert overlapping(noted) == []
    assert re.search(rf"{began[:3]}\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", legend)


@pytest.mark.parametrize("screen", [LAPTOP, NARROW], ids=["laptop", "narrow"])
@pytest.mark.parametrize("hours", [20, 7 * 24, 60 * 24])
def test_hours_and_days_are_read_alike_everywhere(hours: int, screen: dict[str, int]) -> None:
    first_s = int(datetime(2026, 12, 20, 9, tzinfo=UTC).timestamp())
    at_s = [first_s + hour * HOUR_MS // 1_000 for hour in range(hours)]
    found = json.dumps({"at_s": at_s, "allow": [1] * hours})
    drawn = "document.dispatchEvent(new CustomEvent('htmx:load', { detail: { elt: document.querySelector('main') } }))"

    noted, _ = asyncio.run(looked_at(f"<div data-history='{found}'></div>", {}, drawn, screen))

    below = {text for text, align, *_ in noted if align == "center" and text}
    assert {text for text in below if not re.fullmatch(r"\d\d:00|(\d{1,2} )?[A-Z][a-z]{2}|202\d", text)} == set()
    assert {text[-3:] for text in below} & {"Dec", "Jan", "Feb"}
    assert overlapping(noted) == []
