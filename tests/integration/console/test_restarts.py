"""An open browser while the broker, the network or the console itself goes away and comes back.

It is skipped as `test_browser.py` is.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.console.roles import Role
from streams.console.subjects import Kind, Subject
from streams.kafka import topics
from streams.settings import load_settings
from streams.wire.cases import CaseKind
from tests.broker_process import BrokerProcess, broker_process
from tests.integration.console import test_browser
from tests.integration.console.console_stack import publish
from tests.integration.console.desk_stack import do, stack_of, told
from tests.integration.console.test_browser import MASKED, opened, sign_in
from tests.streams.console.console_case import decided
from tests.streams.console.desk.desk_case import DESK_CALLER, Desk, MakeDesk
from tests.valkey_process import ValkeyProcess

pytestmark = test_browser.pytestmark


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    """A broker that the test may kill, with the topics of the contract."""
    with broker_process(tmp_path / "kafka") as running:
        with topics.admin_client(load_settings(kafka_bootstrap_servers=running.bootstrap)) as admin:
            topics.create(admin, partitions=1)
        yield running


@pytest.fixture
def desk(broker: BrokerProcess, valkey: ValkeyProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk on that broker, whose records wait in a folder while it is away."""
    monkeypatch.setenv("ROBOCALL_CASES_RECORD", "true")
    monkeypatch.setenv("ROBOCALL_CASES_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap)
    monkeypatch.setenv("ROBOCALL_REDIS_URL", valkey.url)
    return Desk(load_settings(), valkey, tmp_path)


async def shows(page: Any, stack_bootstrap: str, name: str) -> None:
    """Publish a decision, and wait until *Now* has it."""
    await asyncio.to_thread(publish, stack_bootstrap, decided(1, "block", decision_id=32 * name))
    await page.get_by_role("link", name=8 * name).wait_for()


def test_pages_say_that_kafka_is_away_and_go_on_by_themselves(
    broker: BrokerProcess, desk: Desk, tmp_path: Path
) -> None:
    """Nobody loads a page again. What needs Kafka alone is refused; a list is changed, and its record comes later."""
    stack = stack_of(desk, tmp_path)

    async def meanwhile(other: Any) -> None:
        await do(other, "Allow for a while", "a clinic")
        await told(other, "On the list allow.")
        assert desk.redis.smembers("robocall:list:allow") == {DESK_CALLER.encode()}
        await do(other, "Open redress", "they called")
        await other.get_by_role("heading", name="Conflict").wait_for()
        await other.go_back()
        await other.get_by_role("link", name="Queues").click()
        await other.locator("[hx-get='/queues/cases'] .bad").wait_for()

    async def afterwards(other: Any, number: str) -> None:
        await other.goto(number)
        await do(other, "Take off a list", "it moved", {"List": "unallow"})
        await told(other, "Taken off the list allow.")
        await do(other, "Open redress", "they called again")
        await other.get_by_text("answer within").first.wait_for()

    async def run() -> list[str]:
        async with stack.running() as base, opened() as (page, complaints):
            await sign_in(page, base, Role.OPERATOR)
            await page.get_by_text("Kafka is read.").wait_for()
            await page.evaluate("window.since = 'before'")
            await shows(page, stack.bootstrap, "1")
            other, number = await page.context.new_page(), base + stack.links.path(Subject(Kind.NUMBER, DESK_CALLER))
            await other.goto(number)
            broker.kill()
            await page.get_by_text("Kafka is away").wait_for()
            await meanwhile(other)
            broker.start(wait=False)  # the console is served by this very loop, and must go on meanwhile
            await page.get_by_text("Kafka is read.").wait_for()
            await shows(page, stack.bootstrap, "2")
            await afterwards(other, number)
            assert await page.get_by_role("link", name=8 * "1").count() == 1, "what came before is still there"
            assert await page.evaluate("window.since") == "before", "it was loaded again"
            assert await page.get_by_role("alert").is_hidden(), "the console was there all the time"
            return complaints

    assert asyncio.run(run()) == []
    (redress,) = desk.cases(CaseKind.REDRESS)
    assert redress.history[0].why == "they called again"
    assert [case.history[0].why for case in desk.cases(CaseKind.CHANGE)] == ["a clinic", "it moved"]


def test_pages_say_that_the_console_is_away_and_lead_to_the_form_once_it_is_back(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    """A restart ends all sessions: a form that is still open does nothing. Links stay good. An outage ends nothing."""
    desk = make_desk()
    stack = stack_of(desk, tmp_path)

    async def loses_the_network(page: Any) -> None:
        assert await page.get_by_role("alert").is_hidden()
        await page.context.set_offline(True)
        await page.get_by_role("alert").wait_for()
        await page.context.set_offline(False)
        await page.get_by_role("alert").wait_for(state="hidden")

    async def run() -> None:
        async with opened() as (page, _):
            async with stack.running() as base:
                await sign_in(page, base, Role.OPERATOR)
                campaigns, form = await page.context.new_page(), await page.context.new_page()
                await campaigns.goto(f"{base}/campaigns")
                await campaigns.get_by_text("groups suspect calls").wait_for()
                await form.goto(base + stack.links.path(Subject(Kind.NUMBER, DESK_CALLER)))
                for one in (page, campaigns):
                    await loses_the_network(one)
            for one in (page, campaigns):
                await one.get_by_role("alert").wait_for()
            async with stack.running():
                for one in (page, campaigns):
                    await one.get_by_role("heading", name="Robocall console").wait_for()
                await do(form, "Block", "a flood")
                await form.get_by_role("heading", name="Robocall console").wait_for()
                await sign_in(page, base, Role.OPERATOR)
                await page.get_by_text("Kafka is read.").wait_for()
                await page.goto(base + stack.links.path(Subject(Kind.NUMBER, DESK_CALLER)))
                await page.get_by_role("heading", name=f"Number {MASKED}").wait_for()

    asyncio.run(run())
    assert desk.redis.keys("robocall:list:*") == []
    assert desk.cases() == []
