"""Model and policy steered in a browser, by the real commands, on a real Kafka, Valkey, registry and archive."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as blocking

from detector.contract.decisions import Mode
from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.learning_curve import Caught, LearningCurve, Point
from models.store.promotions import Promotions
from models.store.registry import Registry
from streams.archive.files import ArchiveStore
from streams.cases.store import CaseStore
from streams.commands import child
from streams.commands.console import serving
from streams.kafka.topics import CALL_EVENTS
from streams.redis.connection import ACTIVE_MODEL, NO_MODEL, SHADOW_MODEL, worker_key
from streams.screening.policy_file import load_policy
from streams.settings import load_settings
from tests.conftest import FreshTopics
from tests.integration.console.console_stack import Stack
from tests.integration.console.desk_stack import WHY
from tests.integration.console.test_browser import opened, sign_in
from tests.models.small_evaluation import save_small_evaluation
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, workers
from tests.streams.archive.archive_case import put
from tests.streams.commands.budgets import lawful_calls
from tests.streams.console.steering.test_work import Commands
from tests.valkey_process import ValkeyProcess
from tests.waiting import until, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.usefixtures("chromium")]
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
    valkey: ValkeyProcess,
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
        "REDIS_URL": valkey.url,
        "ARCHIVE_URL": str(tmp_path / "archive"),
        "MODELS_URL": str(tmp_path / "registry"),
        "MODEL_DIR": str(model),
        "POLICY_FILE": str(tmp_path / "policy.yaml"),
        "CASES_RECORD": "true",
        "CASES_SPOOL": str(tmp_path / "spool"),
    }.items():
        monkeypatch.setenv(f"ROBOCALL_{name}", value)
    return Stack(load_settings(), tmp_path)


@pytest.fixture
def small_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The console's own command, with labelled calls of the test beside it: to generate calls takes a minute."""
    options = save_small_evaluation(tmp_path)

    def with_calls(arguments: Sequence[str], say: Callable[[str], None], settings: Mapping[str, str], s: float) -> str:
        more = options if tuple(arguments[:2]) == ("models", "promote") else []
        return child.run([*arguments[:2], *more, *arguments[2:]], say, settings, s)

    monkeypatch.setattr(serving, "run", with_calls)


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
            await page.get_by_label(WHY).fill("ticket 311")
            await page.get_by_role("button", name="Save what was tried").click()
            await page.get_by_text("ticket 311").wait_for()
            return complaints

    assert asyncio.run(run()) == []
    assert file.read_text() == ENFORCING + FLOOD
    (record,) = [case for case in cases() if case.history[0].what == "policy_saved"]
    assert (record.history[0].who, record.details["version"]) == ("model_owner", load_policy(file).version)


def test_a_trunk_group_is_enforced_for_a_share_of_callers_by_the_form(stack: Stack, tmp_path: Path) -> None:
    """Nothing is saved before it was tried; then the file has the share, and the line that was there."""
    file = tmp_path / "policy.yaml"

    async def run() -> list[str]:
        async with stack.running() as pages, opened() as (page, complaints):
            await sign_in(page, pages, "admin")
            await page.get_by_role("link", name="Policy").click()
            await page.get_by_label("Trunk group; empty for all calls").fill("t-1")
            await page.get_by_label("Per cent of callers").fill("25")
            await page.get_by_role("button", name="Try this share").click()
            await page.get_by_label(WHY).fill("a quarter first")
            assert file.read_text() == ENFORCING
            await page.get_by_role("button", name="Save what was tried").click()
            await page.get_by_text("a quarter first").wait_for()
            return complaints

    assert asyncio.run(run()) == []
    (override,) = load_policy(file).overrides
    assert (override.trunk_group_id, override.mode, override.enforce_percent) == ("t-1", Mode.ENFORCE, 25.0)
    assert file.read_text().startswith(ENFORCING)
    (record,) = [case for case in cases() if case.history[0].what == "policy_saved"]
    assert (record.history[0].who, record.details["version"]) == ("admin", load_policy(file).version)


@pytest.mark.usefixtures("small_gate")
def test_a_model_runs_in_shadow_is_promoted_through_the_gate_and_rolled_back(
    stack: Stack, valkey: ValkeyProcess, tmp_path: Path
) -> None:
    """A worker follows each step, and the page says so by itself; a rollback to nothing is refused."""
    registry = Registry(tmp_path / "registry")
    (first,) = (one.version for one in registry.artifacts(schema_id=FEATURE_SCHEMA_ID))
    second = registry.add(save_small_model(tmp_path / "second", seed=2), schema_id=FEATURE_SCHEMA_ID)[0].version

    def worker() -> tuple[str, str | None]:
        """The models of the worker, as it says itself."""
        raw = redis.get(worker_key("worker-0"))
        said = msgspec.json.decode(raw if isinstance(raw, bytes) else b'{"model": ""}')
        return said["model"], said.get("shadow")

    async def steers(page: Any) -> None:
        await change(page, "Run in shadow", "to look at it", second)
        await until(lambda: worker() == (first, second))
        await change(page, "End the shadow", "seen enough")
        await until(lambda: worker() == (first, None))
        row = page.get_by_role("region", name="Workers").get_by_role("row").filter(has_text="worker-0")
        for what, model, name in (("Promote through the gate", second, second), ("Roll back", first, "")):
            await change(page, what, what.lower(), name)
            await page.locator("dd", has_text=re.compile(f"^{model}$")).first.wait_for()
            await row.filter(has_text=model).wait_for()
            assert worker() == (model, None)
            assert await page.get_by_role("region", name="The gate", exact=True).count() == bool(name)
        await change(page, "Roll back", "further", ends="it failed: there is no model before the active one")

    async def run() -> list[str]:
        async with stack.running() as pages, opened() as (page, complaints):
            await sign_in(page, pages, "model_owner")
            await page.get_by_role("link", name="Model").click()
            await steers(page)
            return complaints

    with (
        blocking.Redis.from_url(valkey.url) as redis,
        workers(1, {"ROBOCALL_CONSUMER_GROUP": f"steered-{time.time_ns()}", **PATIENT}, tmp_path),
    ):
        wait_until(lambda: worker() == (first, None), "the worker tells of its model")
        assert asyncio.run(run()) == []
        assert (redis.get(ACTIVE_MODEL), redis.get(SHADOW_MODEL)) == (first.encode(), NO_MODEL.encode())
    promotions = Promotions(registry.store)
    assert promotions.active() == first
    assert [(one.action, one.version) for one in promotions.history()] == [("promote", second), ("rollback", first)]
    assert [
        (case.history[0].what, case.details["version"], case.history[0].who, case.history[0].why) for case in cases()
    ] == [
        ("model_shadow", second, "model_owner", "to look at it"),
        ("model_shadow", NO_MODEL, "model_owner", "seen enough"),
        ("model_promote", second, "model_owner", "promote through the gate"),
        ("model_rollback", first, "model_owner", "roll back"),
    ]


def test_what_is_typed_while_a_change_goes_on_stays(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures and workers come anew at its end; the form for the next change, and who is writing in it, do not."""
    commands = Commands()
    monkeypatch.setattr(serving, "run", commands)

    async def run() -> list[str]:
        async with stack.running() as pages, opened() as (page, complaints):
            await sign_in(page, pages, "model_owner")
            await page.get_by_role("link", name="Model").click()
            await page.get_by_label(WHY).fill("to look at it")
            await page.get_by_role("button", name="Do it").click()
            await page.get_by_text("half of it").wait_for()
            await page.get_by_label("What", exact=True).select_option(label="Roll back")
            await page.get_by_label(WHY).press_sequentially("the next ")
            async with page.expect_response("**/model/facts") as facts:
                commands.go.set()
            await (await facts.value).finished()
            await page.locator("#work").get_by_text("done.").wait_for()
            await page.wait_for_function("() => !document.querySelector('.htmx-request')")
            await page.keyboard.type("one")
            assert await page.get_by_label(WHY).input_value() == "the next one"
            assert await page.get_by_label("What", exact=True).input_value() == "rollback"
            return complaints

    assert asyncio.run(run()) == []


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


async def change(page: Any, what: str, why: str, model: str = "", ends: str = "done.") -> None:
    """Fill the form and send it; the page comes again, with what goes on, and how it ended."""
    await page.get_by_label("What", exact=True).select_option(label=what)
    if model:
        await page.get_by_label("Model, to promote it").select_option(model)
    await page.get_by_label(WHY).fill(why)
    async with page.expect_navigation():
        await page.get_by_role("button", name="Do it").click()
    await page.locator("#work").filter(has=page.get_by_role("heading", name=what)).get_by_text(ends).wait_for()
    await page.wait_for_function("() => !document.querySelector('.htmx-request')")


def cases() -> list[Any]:
    return asyncio.run(CaseStore(load_settings()).cases())
