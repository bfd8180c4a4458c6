"""What a page shows is whole, in a real browser: labels of plots however large the figures, and tables.

It is skipped as `test_browser.py` is.
"""

import asyncio
import re
from typing import Any

from tests.integration.console.console_stack import Stack
from tests.integration.console.test_browser import opened, pytestmark, sign_in, stack

__all__ = ["pytestmark", "stack"]

MANY = 23_456
NOTED = """window.noted = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, ...more) {
    window.noted.push([text, this.textAlign, x - (this.textAlign === "right" ? this.measureText(text).width : 0)]);
    return fillText.call(this, text, x, ...more);
};"""
"""Notes what is written on canvases: text, alignment, and where its left end is."""


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
