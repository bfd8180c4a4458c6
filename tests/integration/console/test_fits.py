"""What a page shows is whole, in a real browser: labels of plots however large the figures, and tables.

It is skipped as `test_browser.py` is.
"""

import asyncio
import re
from typing import Any

from streams.console.roles import Role
from tests.integration.console.console_stack import Stack, publish
from tests.integration.console.desk_stack import settled
from tests.integration.console.everything import Everything, tries_a_policy
from tests.integration.console.test_browser import opened, pytestmark, sign_in, stack
from tests.streams.console.console_case import decided
from tests.streams.console.desk.desk_case import DESK_CALLER

__all__ = ["pytestmark", "stack"]

MANY = 23_456
NOTED = """window.noted = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, ...more) {
    window.noted.push([text, this.textAlign, x - (this.textAlign === "right" ? this.measureText(text).width : 0)]);
    return fillText.call(this, text, x, ...more);
};"""
"""Notes what is written on canvases: text, alignment, and where its left end is."""

LAPTOP = {"width": 1280, "height": 800}
TOO_WIDE = """() => [...document.querySelectorAll(".wide")]
    .filter((one) => one.scrollWidth > one.clientWidth || one.getBoundingClientRect().right > innerWidth)
    .map((one) => `${one.getAttribute("aria-label")}: ${one.scrollWidth} in ${one.clientWidth}`)"""
REASONS = [
    {"code": "score", "text": "Score 0.99 is at or above 0.95, the threshold for labelling; " + "and so on, " * 20},
    {"code": "feature_1", "text": "most of its calls are not answered"},
    {"code": "campaign", "text": "campaign c0123456789"},
]


def labels_of(noted: list[tuple[str, str, float]]) -> dict[str, float]:
    """Figures beside upright axes, and where they begin."""
    return {text: left for text, align, left in noted if align == "right" and re.fullmatch(r"\d+,\d{3}", text)}


def test_figures_of_five_digits_are_whole_beside_both_plots(stack: Stack) -> None:
    """Their first digits stood left of the edge, so that each label was 0,000."""

    async def answered(route: Any) -> None:
        series = {"at_s": [1_700_000_000, 1_700_000_001]}
        rows = {name: [MANY, MANY] for name in ("allow", "label", "block", "tried_label", "tried_block")}
        is_scores = route.request.url.endswith("/scores")
        await route.fulfill(json={"threshold": [0.5, 0.9], "calls": [MANY, MANY]} if is_scores else series | rows)

    async def run(plot: str, source: str) -> tuple[list[str], dict[str, float]]:
        async with stack.running() as pages, opened() as (page, complaints):
            await page.add_init_script(NOTED)
            await page.route(f"**/now/{source}", answered)
            await sign_in(page, pages)
            await page.locator(f"{plot} canvas").wait_for()
            await page.wait_for_function("() => noted.some(([text]) => text === '20,000')")
            return complaints, labels_of(await page.evaluate("noted"))

    for plot, source in (("#plot", "series"), ("#thresholds-plot", "scores")):
        complaints, labels = asyncio.run(run(plot, source))
        assert complaints == []
        assert {"10,000", "20,000"} <= labels.keys()
        assert min(labels.values()) >= 0, labels


def test_no_table_is_wider_than_a_laptop(everything: Everything) -> None:
    """Latest calls and verdicts of campaigns, and why cases were opened, stood right of the edge."""

    async def run() -> dict[str, list[str]]:
        found = {}
        async with everything.stack.running() as base, opened(viewport=LAPTOP) as (page, _):
            await sign_in(page, base, Role.ADMIN)
            await page.get_by_text("Kafka is read.").wait_for()
            blocked = [decided(n, "block", calling_number=DESK_CALLER, reasons=REASONS) for n in range(41, 44)]
            await asyncio.to_thread(publish, everything.stack.bootstrap, *blocked)
            await page.get_by_text("(and 1 more)").first.wait_for()
            await tries_a_policy(page, base)
            for place in everything.places():
                await page.goto(base + place)
                await settled(page)
                found[place] = await page.evaluate(TOO_WIDE)
        return {place: wide for place, wide in found.items() if wide}

    assert asyncio.run(run()) == {}
