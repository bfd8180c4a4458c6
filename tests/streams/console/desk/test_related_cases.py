"""Cases about the subject of a page: exports of a traceback are seen, and a campaign leads to what was opened on it."""

import asyncio

import pytest

from streams.cases.recording import recorded
from streams.cases.store import CaseStore
from streams.console.roles import Role
from streams.console.subjects import Kind
from streams.wire.cases import CaseKind
from tests.streams.console.console_case import Browser
from tests.streams.console.desk.desk_case import MakeDesk

pytestmark = pytest.mark.kafka


def test_an_export_is_told_on_the_next_page_and_stands_at_its_case(make_desk: MakeDesk) -> None:
    """A download leaves the page as it is. By whom and why, with the words masked; other looks are not listed."""
    desk = make_desk()
    call = desk.archived_calls(1)[0]
    desk.send(Role.INVESTIGATOR, desk.path(Kind.CALL, call), "/traceback", reason="car warranty")
    (case,) = desk.cases(CaseKind.TRACEBACK)
    page = desk.path(Kind.CASE, case.case_id)

    async def visit(browser: Browser) -> list[str]:
        before = await browser.get(f"{page}/exports")
        await browser.get(page)
        await browser.send(f"{page}/export", form="csv", reason="to West Voice of +12025550123")
        after = await browser.get(page)
        await browser.send(f"{page}/close", reason="nothing more comes")
        return [before.text, after.text, (await browser.get(f"{page}/exports")).text]

    before, after, exports = desk.played.run(Role.INVESTIGATOR, visit)

    assert "It was not exported." in before
    assert f"Exported as {_linked(page, case.case_id)}.csv." in after
    assert "exported by investigator: to West Voice of +1202555••••</li>" in exports
    assert exports.count("<li>") == 1


def test_a_campaign_leads_to_its_verdicts_and_tracebacks_the_latest_first(make_desk: MakeDesk) -> None:
    """Not to those about others; Kafka has them, also where the topic of campaigns has it not any more."""
    desk = make_desk()
    name = "c0123456789"
    for about, what in (("campaign:c9999999999", "campaign_cleared"), (f"campaign:{name}", "campaign_confirmed")):
        recorded(desk.settings, CaseKind.CHANGE, what, who="mlee", subject=about, why="heard it")
    first = asyncio.run(CaseStore(desk.settings).cases(lambda case: case.subject == f"campaign:{name}"))[0]

    (shown,) = desk.get(Role.OPERATOR, f"{desk.path(Kind.CAMPAIGN, name)}/cases")

    assert (
        f"{_linked(desk.path(Kind.CASE, first.case_id), first.case_id)}, campaign confirmed by mlee: heard it" in shown
    )
    assert shown.count("<li>") == 1


def _linked(path: str, text: str) -> str:
    return f'<a href="{path}">{text}</a>'
