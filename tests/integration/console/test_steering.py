"""Model and policy steered in a browser, by the real commands, on a real Kafka, Valkey, registry and archive."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import redis as blocking

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.learning_curve import Caught, LearningCurve, Point
from models.store.registry import Registry
from streams.archive.files import ArchiveStore
from streams.cases.store import CaseStore
from streams.kafka.topics import CALL_EVENTS
from streams.redis.connection import SHADOW_MODEL
from streams.screening.policy_file import load_policy
from streams.settings import load_settings
from tests.conftest import FreshTopics
from tests.integration.console.console_stack import Stack
from tests.integration.console.test_browser import CHROMIUM, opened, sign_in
from tests.models.small_model import save_small_model
from tests.streams.archive.archive_case import put
from tests.streams.commands.budgets import lawful_calls

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}: apt-get install chromium"),
]
ENFORCING = 'mode: enforce\nredress: {url: "https://redress.carrier.example/"}\n'
FLOOD = """rules:
  - {name: flood, action: block, category: automated_call, when: [{feature: number_attempts_1m, at_least: 10}]}
"""
HOUR_MS = 3_600_000
CURVE = LearningCurve(
    200_000,
    tuple(
        Point(share, round(400 * share), round(9_000 * share), (Caught(high, high - 0.1, high + 0.1),) * 2)
        for share, high in ((0.25, 0.31), (0.5, 0.46), (0.75, 0.52), (1.0, 0.57))
    ),
)


@pytest.fixture
def stack(
    kafka_bootstrap: str,
    redis_url: str,
    fresh_topics: FreshTopics,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Stack:
    """A console whose commands find an archive with a burst of an hour ago, a registry with a model, and a policy."""
    fresh_topics(4)
    model = save_small_model(tmp_path / "own", curve=CURVE)
    Registry(tmp_path / "registry").add(model, schema_id=FEATURE_SCHEMA_ID)
    (tmp_path / "policy.yaml").write_text(ENFORCING)
    begin_ms = time.time_ns() // 1_000_000 - HOUR_MS
    lines = [line.encode() for _, line in lawful_calls.burst(begin_ms)]
    put(ArchiveStore(str(tmp_path / "archive")), CALL_EVENTS, lines, at_ms=begin_ms)
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "REDIS_URL": redis_url,
        "ARCHIVE_URL": str(tmp_path / "archive"),
        "MODELS_URL": str(tmp_path / "registry"),
        "MODEL_DIR": str(model),
        "POLICY_FILE": str(tmp_path / "policy.yaml"),
        "CASES_RECORD": "true",
        "CASES_SPOOL": str(tmp_path / "spool"),
    }.items():
        monkeypatch.setenv(f"ROBOCALL_{name}", value)
    return Stack(load_settings(), tmp_path)


def test_a_policy_is_changed_tried_seen_and_saved(stack: Stack, tmp_path: Path) -> None:
    """From the file to its record, by somebody who never leaves the browser; the text of the file is what was typed."""
    file = tmp_path / "policy.yaml"

    async def run() -> list[str]:
        async with stack.running() as pages, opened() as (page, complaints):
            await sign_in(page, pages, "model_owner")
            await page.get_by_role("link", name="Policy").click()
            box = page.get_by_label("Change it, and try it")
            await box.fill(ENFORCING + FLOOD)
            await page.get_by_role("button", name="Try it").click()
            await page.get_by_text("Rule flood applies").first.wait_for()
            await page.get_by_role("heading", name="allow now, block then: 31 calls").wait_for()
            assert lawful_calls.BURST_NUMBER not in await page.content()
            assert file.read_text() == ENFORCING
            await page.get_by_label("Why; it goes to the record").fill("ticket 311")
            await page.get_by_role("button", name="Save what was tried").click()
            await page.get_by_text("ticket 311").wait_for()
            return complaints

    assert asyncio.run(run()) == []
    assert file.read_text() == ENFORCING + FLOOD
    (record,) = [case for case in cases() if case.history[0].what == "policy_saved"]
    assert (record.history[0].who, record.details["version"]) == ("model_owner", load_policy(file).version)


def test_a_model_is_put_in_shadow_and_a_rollback_to_nothing_is_refused(stack: Stack, redis_url: str) -> None:
    """The page follows what goes on; what the command says is what the page says."""

    async def run() -> list[str]:
        async with stack.running() as pages, opened() as (page, complaints):
            await sign_in(page, pages, "model_owner")
            await page.get_by_role("link", name="Model").click()
            await change(page, "Run in shadow", "to look at it")
            await page.get_by_text("done.").wait_for()
            await change(page, "Roll back", "it disappoints")
            await page.get_by_text("it failed: there is no model before the active one").wait_for()
            return complaints

    assert asyncio.run(run()) == []
    (record,) = [case for case in cases() if case.history[0].what == "model_shadow"]
    with blocking.Redis.from_url(redis_url) as client:
        shadow = client.get(SHADOW_MODEL)
        client.delete(SHADOW_MODEL)
    assert record.details["version"].encode() == shadow
    assert (record.history[0].who, record.history[0].why) == ("model_owner", "to look at it")


def test_a_learning_curve_is_drawn_beside_its_figures(stack: Stack, tmp_path: Path) -> None:
    """As wide as the page; whoever cannot see it has the table. Nothing inline, so nothing is complained of."""

    async def run() -> tuple[list[str], dict[str, float], str]:
        async with stack.running() as pages, opened() as (page, complaints):
            await sign_in(page, pages, "operator")
            await page.get_by_role("link", name="Model").click()
            plot = page.locator(".curve canvas")
            await plot.wait_for()
            box = await plot.bounding_box()
            await page.screenshot(path=tmp_path / "curve.png", full_page=True)
            return complaints, box or {}, await page.get_by_role("region", name="Learning curve of").inner_text()

    complaints, box, table = asyncio.run(run())

    assert complaints == []
    assert box["width"] > 400
    assert box["height"] > 150
    assert "0.570 (0.470 to 0.670)" in table


async def change(page: Any, what: str, why: str) -> None:
    """Fill the form and send it; the page comes again, with what goes on."""
    await page.get_by_label("What", exact=True).select_option(label=what)
    await page.get_by_label("Why; it goes to the record").fill(why)
    await page.get_by_role("button", name="Do it").click()


def cases() -> list[Any]:
    return asyncio.run(CaseStore(load_settings()).cases())
