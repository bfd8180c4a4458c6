"""What is only looked at, in a real browser: a plot by the hour, windows, and how the fleet does."""

import asyncio
import time
from pathlib import Path

import pytest

from streams.archive.files import ArchiveStore
from streams.console.subjects import Kind, Subject
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.settings import load_settings
from tests.conftest import FreshTopics
from tests.integration.console.console_stack import Stack
from tests.integration.console.test_browser import opened, pytestmark, sign_in
from tests.streams.archive.archive_case import encoded, put, setup
from tests.streams.console.console_case import CALLER, decided

__all__ = ["pytestmark"]

NOW_MS = time.time_ns() // 1_000_000
HOUR_MS = 3_600_000
ONCE = "+13125550188"
WRITTEN = """window.written = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...more) {
    window.written.push(text);
    return fillText.call(this, text, ...more);
};"""
"""Notes what is written on canvases: labels of axes are nowhere else."""


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
            await page.add_init_script(WRITTEN)
            await sign_in(page, pages, "operator")
            await page.goto(pages + stack.links.path(Subject(Kind.NUMBER, ONCE)))
            await page.locator(".history canvas").wait_for()
            await page.wait_for_function("() => written.length > 0")
            return complaints, await page.evaluate("written")

    complaints, labels = asyncio.run(run())

    assert complaints == []
    hour = NOW_MS // HOUR_MS - 3
    around = {str(at % 12 or 12) for at in (hour - 1, hour, hour + 1)}
    assert {label.partition(":")[0] for label in labels if ":" in label} == around
