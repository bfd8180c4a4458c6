"""Every page that the navigation leads to, and those of each subject, without serious findings of axe-core."""

import asyncio
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from detector.features.table import FEATURE_SCHEMA_ID
from models.store.registry import Registry
from streams.settings import load_settings
from tests.conftest import FreshTopics
from tests.integration.console.console_stack import Stack, publish
from tests.integration.console.test_browser import MASKED, opened, sign_in
from tests.integration.console.test_steering import CURVE
from tests.models.small_model import save_small_model
from tests.streams.console.console_case import decided

AXE = Path(__file__).parent / "axe"
SERIOUS = {"serious", "critical"}
SEARCHES = ("+12025550123", f"{3:032x}", "call-3@switch", "trunk:tg-chi")
ALL_CAME = """() => document.readyState === "complete" && !document.querySelector(".htmx-request")
    && ![...document.querySelectorAll("[hx-trigger^=load]")].some((part) => part.textContent.includes(" ..."))"""
"""No part of the page is being asked for, or says that it is about to be."""
SIZES = [("light", {"width": 1280, "height": 900}), ("dark", {"width": 360, "height": 640})]


def test_what_judges_is_what_was_published() -> None:
    """The table names its digest and its licence."""
    (row,) = re.findall(
        r"^\| `([^`]+)` \|.*`([^`]+)` \| `([0-9a-f]{64})` \|$", (AXE / "VENDORED.md").read_text(), re.MULTILINE
    )
    name, licence, digest = row

    assert hashlib.sha256((AXE / name).read_bytes()).hexdigest() == digest
    assert "Mozilla Public License" in (AXE / licence).read_text()


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.usefixtures("chromium")
@pytest.mark.parametrize(("scheme", "size"), SIZES)
def test_no_page_has_a_serious_finding(
    scheme: str,
    size: dict[str, int],
    kafka_bootstrap: str,
    redis_url: str,
    fresh_topics: FreshTopics,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As an admin, who has all forms; what the pages ask for later is there. A page without a title would be found."""
    fresh_topics(4)
    Registry(tmp_path / "registry").add(save_small_model(tmp_path / "own", curve=CURVE), schema_id=FEATURE_SCHEMA_ID)
    monkeypatch.setenv("ROBOCALL_MODELS_URL", str(tmp_path / "registry"))
    monkeypatch.setenv("ROBOCALL_REDIS_URL", redis_url)
    stack = Stack(load_settings(kafka_bootstrap_servers=kafka_bootstrap, redis_url=redis_url), tmp_path)

    async def run() -> dict[str, list[str]]:
        async with stack.running() as pages, opened(viewport=size, color_scheme=scheme) as (page, _):
            await page.goto(pages)
            found = {"sign-in": await judged(page)}
            await sign_in(page, pages, "admin")
            await asyncio.to_thread(publish, stack.bootstrap, *(decided(n, "block", score=0.999) for n in range(5)))
            await page.get_by_role("link", name=MASKED).first.wait_for()
            links = await page.get_by_label("Pages").get_by_role("link").evaluate_all("all => all.map(one => one.href)")
            for link in links:
                await page.goto(link)
                found[link] = await judged(page)
            for text in SEARCHES:
                await page.get_by_role("searchbox").fill(text)
                async with page.expect_navigation(url="**/about/**"):  # the page before has such an address too
                    await page.keyboard.press("Enter")
                found[text] = await judged(page)
            await page.goto(f"{pages}/nowhere")
            found["nowhere"] = await judged(page)
            return found

    found = asyncio.run(run())

    assert {name: findings for name, findings in found.items() if findings} == {}
    assert len(found) >= 3 + len(SEARCHES) + 2


async def judged(page: Any) -> list[str]:
    """Serious findings of a page whose parts have all come."""
    await page.wait_for_function(ALL_CAME)
    await page.evaluate((AXE / "axe.min.js").read_text())
    said = await page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(JSON.stringify)")
    found = json.loads(said)
    assert found["passes"], "axe has judged nothing"
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
