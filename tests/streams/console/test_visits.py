"""Who may do what: every form for every role, and what every one of them asks for."""

from pathlib import Path

import httpx
import pytest

from streams.console.roles import RIGHTS, Role, What
from streams.console.subjects import Kind, Subject
from tests.streams.console.console_case import CALLER, Browser, Played, decided

FORMS = {
    ("/about/{link}/unmask", Kind.NUMBER): What.UNMASK,
    ("/about/{link}/unmask", Kind.CASE): What.UNMASK,
    ("/about/{link}/release", Kind.NUMBER): What.RELEASE,
    ("/about/{link}/release", Kind.TRUNK): What.RELEASE,
    ("/about/{link}/list", Kind.NUMBER): What.LIST,
    ("/about/{link}/traceback", Kind.CALL): What.TRACE,
    ("/about/{link}/redress", Kind.DECISION): What.OPEN_REDRESS,
    ("/campaigns/{link}/verdict", Kind.CAMPAIGN): What.JUDGE,
    ("/campaigns/{link}/traceback", Kind.CAMPAIGN): What.TRACE,
    ("/cases/{link}/tell", Kind.CASE): What.DECIDE_REDRESS,
    ("/cases/{link}/grant", Kind.CASE): What.DECIDE_REDRESS,
    ("/cases/{link}/reject", Kind.CASE): What.DECIDE_REDRESS,
    ("/cases/{link}/close", Kind.CASE): What.TRACE,
    ("/cases/{link}/export", Kind.CASE): What.TRACE,
    ("/queues/questions", Kind.CASE): What.JUDGE,
}


@pytest.fixture
def played(tmp_path: Path) -> Played:
    """A console without Kafka, Redis and archive."""
    return Played(tmp_path)


@pytest.mark.parametrize("role", Role)
def test_each_form_is_for_the_roles_that_need_it_and_asks_why(role: Role, played: Played) -> None:
    """Others are refused; whoever may do it has to say why, or choose something."""

    async def visit(browser: Browser) -> list[int]:
        found = []
        for path, kind in FORMS:
            await browser.get("/now")
            text = CALLER if kind is Kind.NUMBER else "x"
            link = played.links.link(Subject(kind, text))
            found.append((await browser.send(path.replace("{link}", link), reason=" ")).status_code)
        return found

    statuses = played.run(role, visit)

    assert statuses == [400 if what in RIGHTS[role] else 403 for what in FORMS.values()]


def test_who_does_what_is_as_the_page_of_the_console_says() -> None:
    """Whoever blocks a number does not judge the complaint about it."""
    table = {
        line.split("|")[1].strip(" `"): [cell.strip() == "yes" for cell in line.split("|")[2:-1]]
        for line in Path("docs/console.md").read_text().splitlines()
        if line.startswith("| `") and line.split("|")[1].strip(" `") in {role.value for role in Role}
    }

    columns = (What.UNMASK, What.JUDGE, What.LIST, What.RELEASE, What.OPEN_REDRESS, What.DECIDE_REDRESS, What.TRACE)
    assert table == {role.value: [what in RIGHTS[role] for what in columns] for role in Role}
    assert not any({What.LIST, What.DECIDE_REDRESS} <= RIGHTS[role] for role in Role if role is not Role.ADMIN)


def test_a_form_for_another_kind_leads_nowhere(played: Played) -> None:
    """A campaign is on no list, and a number is no case."""

    async def visit(browser: Browser) -> list[int]:
        number = played.links.link(Subject(Kind.NUMBER, CALLER))
        campaign = played.links.link(Subject(Kind.CAMPAIGN, "c1"))
        paths = [f"/cases/{number}/grant", f"/about/{campaign}/list", f"/about/{number}/traceback"]
        found = []
        for path in paths:
            await browser.get("/now")
            found.append((await browser.send(path, reason="x", change="allow", days="1")).status_code)
        pages = [f"/campaigns/{number}", f"/cases/{number}", f"/about/{campaign}", f"/about/{campaign}/redis"]
        return found + [(await browser.get(path)).status_code for path in pages]

    assert played.run(Role.ADMIN, visit) == [404] * 6 + [200]


@pytest.mark.parametrize("role", Role)
def test_a_page_shows_the_forms_that_its_reader_may_send(role: Role, played: Played) -> None:
    """Nobody is shown a button that is refused."""
    played.memory.take(None, decided(7, "block"))

    async def visit(browser: Browser) -> list[str]:
        subjects = [Subject(Kind.NUMBER, CALLER), Subject(Kind.CALL, "call-7@switch"), Subject(Kind.CAMPAIGN, "c1")]
        return [(await browser.get(played.links.path(one))).text for one in subjects]

    number, call, campaign = played.run(role, visit)

    rights = RIGHTS[role]
    assert ("/release" in number) is (What.RELEASE in rights)
    assert ("/list" in number) is (What.LIST in rights)
    assert ("/redress" in number) is (What.OPEN_REDRESS in rights)
    assert ("/traceback" in call) is (What.TRACE in rights)
    assert ("/verdict" in campaign) is (What.JUDGE in rights)
    for page in (number, call, campaign):
        assert ("/unmask" in page) is (What.UNMASK in rights)


def test_what_is_not_done_is_said_with_its_reason(played: Played) -> None:
    """Redis is away: no page says that a number is released."""

    async def visit(browser: Browser) -> httpx.Response:
        page = await browser.send("/search", q=CALLER)
        return await browser.send(f"{page.url.path}/release", reason="ticket 17")

    refused = played.run(Role.ADMIN, visit)

    assert refused.status_code == 409
    assert "no Redis answers" in refused.text
