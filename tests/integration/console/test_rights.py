"""Every page and every form for every role, in a real browser: what is shown, and that the rest cannot be forged.

It is skipped as `test_browser.py` is.
"""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from structlog.testing import capture_logs

from streams.console.roles import Role
from tests.integration.console.everything import Everything, tries_a_policy
from tests.integration.console.rights_table import FORMS, OPEN, PAGES
from tests.integration.console.test_browser import NARROW, opened, sign_in
from tests.streams.console.console_case import Played

CAME = """(slow) => document.readyState === "complete" && [...document.querySelectorAll("[hx-trigger^=load]")].every(
    (part) => part.matches(slow) || !part.textContent.includes(" ...")
        && (part.matches("[hx-trigger*=every]") || !part.matches(".htmx-request")))"""
"""All parts of a page are there, but the slow ones."""
ALARMS = "[hx-get='/queues/alarms']"
SLOW = f"{ALARMS}, [hx-get='/now/upstreams'], [hx-get$='/history']"
"""They have nothing to press, and are the same for everybody: the first role waits for all but the alarms."""
SEND = """async ([path, csrf, fields]) => {
    const body = new URLSearchParams({...fields, csrf: csrf ?? document.querySelector("input[name=csrf]").value});
    const answer = await fetch(path, {method: "POST", body});
    return [answer.status, (await answer.text()).includes("Your role may not do that."), answer.url];
}"""
LOOK = "async (path) => { const answer = await fetch(path); return [answer.status, new URL(answer.url).pathname]; }"
OIDC = {
    "oidc_issuer": "https://127.0.0.1:1",
    "oidc_client_id": "console",
    "oidc_client_secret": "a secret",
    "oidc_console_url": "http://localhost:1",
    "oidc_roles": "admins=admin",
}


def routes_of(app: Any) -> list[Route]:
    """Of an application of the console, behind what adds headers."""
    return list(app.app.routes)


@pytest.mark.parametrize("chosen", [{}, OIDC], ids=["local", "oidc"])
def test_the_table_names_every_address(chosen: dict[str, Any], tmp_path: Path) -> None:
    """And none that is not there: whoever adds a page or a form says here who may use it."""
    if chosen:
        pytest.importorskip("joserfc", reason="no joserfc: pip install '.[oidc]'")
    found = routes_of(Played(tmp_path, **chosen).app)
    expected = OPEN | {("GET", path) for path in PAGES} | {("POST", path) for path in FORMS}
    local = {one for one in expected if "/oidc" not in one[1]}

    assert {(method, one.path) for one in found for method in (one.methods or set()) - {"HEAD"}} == (
        expected if chosen else local
    )


async def forms_of(page: Any, known: Iterable[Route]) -> set[str]:
    """Addresses of the forms of a page, as the console's routes name them."""
    found = await page.evaluate("[...document.querySelectorAll('form')].map((form) => form.getAttribute('action'))")
    posted = [one for one in known if "POST" in (one.methods or ())]
    return {next(one.path for one in posted if one.path_regex.match(action)) for action in found}


async def looks_at_everything(page: Any, base: str, role: Role, everything: Everything) -> None:
    """All pages on a narrow screen; the forms are those of the role, and no others."""
    shown: set[str] = set()
    for path in everything.places():
        await page.goto(base + path)
        await page.wait_for_function(CAME, arg=ALARMS if role is next(iter(Role)) else SLOW)
        shown |= await forms_of(page, routes_of(everything.stack.app))
        assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
    assert shown == {path for path, form in FORMS.items() if role in form.roles}
    for path, place in PAGES.items():
        assert (await page.evaluate(LOOK, everything.address(path, place)))[0] == 200, path


async def forges(page: Any, role: Role, everything: Everything) -> list[str]:
    """Send each form that the role may not, with its own token, and the others with a wrong one; returns the former."""
    forbidden = [path for path, form in FORMS.items() if role not in form.roles]
    for path, form in FORMS.items():
        address, token = everything.address(path, form.place), None if path in forbidden else "x" * 43
        status, is_of_role, _ = await page.evaluate(SEND, [address, token, form.fields | {"reason": "forged"}])
        assert (status, is_of_role) == (403, path in forbidden), (role, path)
    return forbidden


async def is_asked_to_sign_in(page: Any, everything: Everything) -> None:
    """Whoever is not signed in sees and does nothing at all."""
    for path, place in PAGES.items():
        assert await page.evaluate(LOOK, everything.address(path, place)) == [200, "/sign-in"], path
    for path, form in FORMS.items():
        sent = await page.evaluate(SEND, [everything.address(path, form.place), None, form.fields])
        assert (sent[0], sent[2].endswith("/sign-in")) == (200, True), path


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.usefixtures("chromium")
def test_each_role_sees_every_page_with_its_own_forms_and_cannot_send_the_others(everything: Everything) -> None:
    """A form with the token of its own session is refused where the role may not, changes nothing, and is logged."""
    refused: list[tuple[Role, str]] = []

    async def run() -> list[str]:
        async with everything.stack.running() as base, opened(viewport=NARROW) as (page, complaints):
            await sign_in(page, base, Role.ADMIN)
            await tries_a_policy(page, base)
            await page.get_by_role("button", name="Sign out").click()
            before = everything.state()
            await is_asked_to_sign_in(page, everything)
            for role in Role:
                await sign_in(page, base, role)
                await looks_at_everything(page, base, role, everything)
                assert complaints == []
                refused.extend([(role, path) for path in await forges(page, role, everything)])
                complaints.clear()  # those refusals
                await page.goto(f"{base}/now")
                await page.get_by_role("button", name="Sign out").click()
            assert everything.state() == before
            return complaints

    with capture_logs() as lines:
        assert asyncio.run(run()) == []
    logged = {(one["role"], one["path"]) for one in lines if one["event"] == "console refusal"}
    assert set(refused) <= logged
    assert len(refused) == len(set(refused)) > len(Role)


def test_the_table_of_the_documentation_says_the_same() -> None:
    """Row by row: what a role may."""
    text = (Path(__file__).parents[3] / "docs" / "console.md").read_text()
    head, *rows = [
        [cell.strip(" `") for cell in line.strip("|\n").split("|")]
        for line in re.findall(r"^\| (?:role|`[a-z_]+`) \|.*(?: yes | no | traceback )\|$", text, re.MULTILINE)
    ]
    columns = {
        "whole numbers": "/about/{link}/unmask",
        "judge": "/campaigns/{link}/verdict",
        "lists": "/about/{link}/list",
        "release": "/about/{link}/release",
        "open redress": "/about/{link}/redress",
        "decide redress": "/cases/{link}/grant",
        "traceback": "/about/{link}/traceback",
    }

    assert head[1:] == list(columns)
    assert [row[0] for row in rows] == [role.value for role in Role]
    for role, *cells in rows:
        assert cells == ["yes" if Role(role) in FORMS[path].roles else "no" for path in columns.values()]
