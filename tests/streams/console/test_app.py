"""What every answer says to the browser, who gets which page, and that assets are what their makers published."""

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route
from structlog.testing import capture_logs

from streams.console import app as module
from streams.console.app import ASSETS, HEADERS, SERVED
from streams.console.roles import Role
from tests.streams.console.console_case import Browser, Played

PAGES = [
    "/now", "/now/figures", "/now/suspects", "/now/series", "/about/x", "/about/x/redis",
    "/campaigns", "/campaigns/list", "/campaigns/now", "/campaigns/x", "/cases/x", "/cases/x/record",
    "/campaigns/x/cases", "/cases/x/exports",
    "/queues", "/queues/cases", "/queues/questions", "/queues/alarms", "/now/thresholds", "/now/scores",
    "/model", "/model/facts", "/model/work", "/policy", "/policy/work", "/policy/saved",
    "/now/workers", "/now/upstreams", "/about/x/history",
]  # fmt: skip
OWN = ("console.", "curves.", "history.", "icon.", "thresholds.")
POSTED = [
    "/search", "/sign-out", "/about/x/unmask", "/about/x/release", "/about/x/list", "/about/x/traceback",
    "/about/x/redress", "/campaigns/x/verdict", "/campaigns/x/traceback", "/cases/x/tell", "/cases/x/grant",
    "/cases/x/reject", "/cases/x/close", "/cases/x/export", "/queues/questions",
    "/model/change", "/policy/try", "/policy/enforce", "/policy/save",
]  # fmt: skip


@pytest.fixture
def played(tmp_path: Path) -> Played:
    """A console without Kafka, Redis and archive."""
    return Played(tmp_path)


def asked(played: Played, method: str, path: str, **options: Any) -> httpx.Response:
    """Answer to somebody who is not signed in."""

    async def run() -> httpx.Response:
        async with played.browser() as browser:
            return await browser.client.request(method, path, follow_redirects=False, **options)

    return asyncio.run(run())


def test_every_page_but_four_needs_a_sign_in(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that somebody adds is one of the two lists, or is looked at here."""
    routes: list[Route] = []
    monkeypatch.setattr(module, "Starlette", lambda **made: routes.extend(made["routes"]))
    monkeypatch.setattr(module, "Headers", lambda app, **_: app)
    Played(played.users_file.parent)
    free = {"/", "/health", "/assets/{name}", "/sign-in"}

    known = {path.replace("{link}", "x").replace("{place}", "redis") for path in {one.path for one in routes} - free}

    assert known == {*PAGES, *POSTED}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leads_to_the_sign_in_and_a_part_says_so(path: str, played: Played) -> None:
    """A part of a page cannot show the form in its place."""
    page = asked(played, "GET", path)
    part = asked(played, "GET", path, headers={"HX-Request": "true"})

    assert (page.status_code, page.headers["location"]) == (303, "/sign-in")
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize("path", POSTED)
def test_a_form_of_nobody_changes_nothing(path: str, played: Played) -> None:
    """Whatever it holds."""
    answer = asked(played, "POST", path, data={"csrf": "x", "q": "911", "reason": "x"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("csrf", ["", "of somebody else"])
def test_a_form_without_the_token_of_its_session_is_refused(path: str, csrf: str, played: Played) -> None:
    """Another site can make a browser send a form, and cannot know the token."""

    async def visit(browser: Browser) -> httpx.Response:
        return await browser.client.post(path, data={"csrf": csrf, "q": "911", "reason": "x"}, follow_redirects=False)

    with capture_logs() as told:
        answer = played.run(Role.ADMIN, visit)

    assert answer.status_code == 403
    assert "too old" in answer.text
    (refusal,) = [line for line in told if line["event"] == "console refusal"]
    assert (refusal["role"], refusal["status"]) == ("admin", 403)


@pytest.mark.parametrize(
    "path", ["/sign-in", "/now", "/nowhere", "/assets/htmx.min.js", "/assets/../users.py", "/health"]
)
def test_every_answer_has_the_headers(path: str, played: Played) -> None:
    """Pages, redirects, errors and files: nothing from elsewhere runs, nothing is framed or kept."""
    headers = asked(played, "GET", path).headers

    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "strict-transport-security" not in headers
    assert "unsafe" not in headers["content-security-policy"]


def test_an_error_of_ours_is_said_without_what_it_says(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message may quote a number."""

    def broken(_: object) -> None:
        raise RuntimeError("+12025550123")

    monkeypatch.setattr(played.memory, "suspects", broken)

    async def visit(browser: Browser) -> httpx.Response:
        return await browser.get("/now/suspects")

    answer = played.run(Role.OPERATOR, visit)

    assert answer.status_code == 500
    assert "2025550123" not in answer.text
    assert dict(answer.headers).items() >= HEADERS.items()


def test_a_form_that_is_too_large_or_has_too_many_fields_is_refused(played: Played) -> None:
    """Before anybody is asked for a password."""
    assert asked(played, "POST", "/sign-in", content=b"a" * 20_000).status_code == 413
    assert asked(played, "POST", "/sign-in", content="&".join(f"a{n}=1" for n in range(100))).status_code == 400


@pytest.mark.parametrize("name", SERVED)
def test_files_are_served_by_their_type_and_others_are_not(name: str, played: Played) -> None:
    """Licences and the page of origins are for who reads the package."""
    answer = asked(played, "GET", f"/assets/{name}")

    assert answer.content == (ASSETS / name).read_bytes()
    assert answer.headers["content-type"].startswith(SERVED[name])
    assert asked(played, "GET", "/assets/VENDORED.md").status_code == 404


def test_what_is_not_ours_is_what_was_published() -> None:
    """The table names every such file, its digest and its licence."""
    rows = re.findall(
        r"^\| `([^`]+)` \|.*`([^`]+)` \| `([0-9a-f]{64})` \|$", (ASSETS / "VENDORED.md").read_text(), re.MULTILINE
    )

    assert {name for name, _, _ in rows} == {name for name in SERVED if not name.startswith(OWN)}
    for name, licence, digest in rows:
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest
        assert (ASSETS / licence).read_text()


@pytest.mark.parametrize("path", sorted((ASSETS.parent / "templates").iterdir()))
def test_no_template_has_anything_inline_or_from_elsewhere(path: Path) -> None:
    """The policy of the pages would not let it run, and nobody would notice."""
    text = path.read_text()

    assert not re.search(r"<script(?! src=\"/assets/)|<style|\son[a-z]+=|\sstyle=|https?://|hx-on|\|\s*safe", text)
