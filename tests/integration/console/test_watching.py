"""What is only looked at, in a real browser: plots and tables, each of them whole, windows, and how the fleet does."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest

from streams.archive.files import ArchiveStore
from streams.console.roles import Role
from streams.console.subjects import Kind, Subject
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.settings import load_settings
from tests.conftest import FreshTopics
from tests.integration.console.console_stack import Stack, publish
from tests.integration.console.desk_stack import settled
from tests.integration.console.everything import Everything, tries_a_policy
from tests.integration.console.test_browser import opened, pytestmark, sign_in
from tests.streams.archive.archive_case import encoded, put, setup
from tests.streams.console.console_case import CALLER, decided
from tests.streams.console.desk.desk_case import DESK_CALLER

__all__ = ["pytestmark"]

NOW_MS = time.time_ns() // 1_000_000
HOUR_MS = 3_600_000
ONCE = "+13125550188"
MANY = 23_456
NOTED = """window.noted = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, ...more) {
    const { width } = this.measureText(text);
    window.noted.push([text, this.textAlign, x - { right: width, center: width / 2 }[this.textAlign], width, more[0]]);
    return fillText.call(this, text, x, ...more);
};"""
"""Notes what is written on canvases: text, alignment, where its left end is, its width, and how far down it stands."""

LAPTOP = {"width": 1280, "height": 800}
TOO_WIDE = """() => [...document.querySelectorAll(".wide")]
    .filter((one) => one.scrollWidth > one.clientWidth || one.getBoundingClientRect().right > innerWidth)
    .map((one) => `${one.getAttribute("aria-label")}: ${one.scrollWidth} in ${one.clientWidth}`)"""
REASONS = [
    {"code": "score", "text": "Score 0.99 is at or above 0.95, the threshold for labelling; " + "and so on, " * 20},
    {"code": "feature_1", "text": "most of its calls are not answered"},
    {"code": "campaign", "text": "campaign c0123456789"},
]


@pytest.fixture
def stack(
    kafka_bootstrap: str, redis_url: str, fresh_topics: FreshTopics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Stack:
    """A console with an archive: a number called for nine hours, was blocked in two, and another one called once."""
    fresh_topics(4)
    store = ArchiveStore(str(tmp_path / "archive"))
    values = [
        decided(number, "block" if number % 5 == 0 else "allow", setup_time_ms=NOW_MS - number * HOUR_MS)
        for number in range(1, 10)
    ]
    values.append(decided(10, calling_number=ONCE, setup_time_ms=NOW_MS // HOUR_MS * HOUR_MS - 3 * HOUR_MS))
    put(store, CALL_DECISIONS, values, at_ms=NOW_MS)
    events = [setup(number, setup_time_ms=NOW_MS - number * HOUR_MS, calling_number=CALLER) for number in range(1, 10)]
    put(store, CALL_EVENTS, list(map(encoded, events)), at_ms=NOW_MS)
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", store.url)
    return Stack(load_settings(kafka_bootstrap_servers=kafka_bootstrap, redis_url=redis_url), tmp_path)


def test_a_number_has_a_plot_by_the_hour_and_its_windows(stack: Stack, tmp_path: Path) -> None:
    """As wide as the page; whoever cannot see it has the tables. Nothing inline, so nothing is complained of."""

    async def run() -> tuple[list[str], dict[str, float], str, str]:
        async with stack.running() as pages, opened() as (page, complaints):
            await sign_in(page, pages, "operator")
            await page.get_by_text("Nobody is in the group").wait_for()
            await page.goto(pages + stack.links.path(Subject(Kind.NUMBER, CALLER)))
            plot = page.locator(".history canvas")
            await plot.wait_for()
            box = await plot.bounding_box()
            windows = await page.get_by_role("region", name="Windows").inner_text()
            await page.screenshot(path=tmp_path / "number.png", full_page=True)
            return complaints, box or {}, windows, await page.locator(".history").inner_text()

    complaints, box, windows, legend = asyncio.run(run())

    assert complaints == []
    assert box["width"] > 400
    assert box["height"] > 100
    assert "blocked" in legend
    assert "only tried" not in legend
    assert "different numbers called" in windows


def test_calls_of_a_single_hour_have_an_hour_around_them(stack: Stack) -> None:
    """And not the years that a time axis makes of a single point, without a time of the day."""

    async def run() -> tuple[list[str], list[str]]:
        async with stack.running() as pages, opened() as (page, complaints):
            await page.add_init_script(NOTED)
            await sign_in(page, pages, "operator")
            await page.goto(pages + stack.links.path(Subject(Kind.NUMBER, ONCE)))
            await page.locator(".history canvas").wait_for()
            await page.wait_for_function("() => noted.length > 0")
            return complaints, await page.evaluate("noted.map(([text]) => text)")

    complaints, labels = asyncio.run(run())

    assert complaints == []
    hour = NOW_MS // HOUR_MS - 3
    around = {f"{at % 24:02}" for at in (hour - 1, hour, hour + 1)}
    assert {label.partition(":")[0] for label in labels if ":" in label} == around


Noted = list[tuple[str, str, float, float, float]]


def labels_of(noted: Noted) -> dict[str, float]:
    """Figures beside upright axes, and where they begin."""
    return {text: left for text, align, left, *_ in noted if align == "right" and re.fullmatch(r"\d+,\d{3}", text)}


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
