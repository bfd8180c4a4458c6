"""Signing in by a provider, as a browser does: in, out, and not at all; the form says why, and the log who and how."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from streams.console.oidc import signing as module
from streams.console.oidc.client import BACK
from streams.console.oidc.people import NO_NAME, NO_ROLE
from streams.console.oidc.signing import AWAY, NOBODY, STALE, START
from streams.console.roles import Role
from streams.console.users import new_users, write_users
from tests.streams.console.console_case import Browser, Played
from tests.streams.console.oidc.oidc_case import CONSOLE, SECRET, Provider

Visit = Callable[[Provider, Browser], Awaitable[Any]]


def visited(folder: Path, visit: Visit, **chosen: Any) -> Any:
    """A browser, a console and a provider; the browser follows no redirect."""

    async def run() -> Any:
        async with Provider().running() as provider:
            played = Played(folder, **provider.chosen | chosen)
            async with played.browser(CONSOLE) as browser:
                browser.client.follow_redirects = False
                return await visit(provider, browser)

    return asyncio.run(run())


async def there_and_back(provider: Provider, browser: Browser, **changes: str) -> httpx.Response:
    """Go to the provider, sign in there, and come back; what comes back may be changed on the way."""
    there = await browser.get(START)
    assert there.status_code == 303
    return await browser.get(BACK, params=provider.signed_in(there.headers["location"]) | changes)


async def is_in(browser: Browser) -> bool:
    return (await browser.get("/now")).status_code == 200


@pytest.mark.parametrize(("group", "role"), [("ops", Role.OPERATOR), ("admins", Role.ADMIN), ("desk", Role.REDRESS)])
def test_somebody_signs_in_in_the_role_of_the_group_and_out_again(group: str, role: Role, tmp_path: Path) -> None:
    """The way back leads on by itself, and not by a redirect: a strict cookie would not go along."""

    async def visit(provider: Provider, browser: Browser) -> None:
        provider.claims = {"groups": [group]}
        form = await browser.get("/sign-in")
        assert "Sign in with 127.0.0.1" in form.text
        assert f'href="{START}"' in form.text

        back = await there_and_back(provider, browser)
        assert back.status_code == 200
        assert '<meta http-equiv="refresh" content="0; url=/now">' in back.text
        page = await browser.get("/now")
        assert f"ada, {role.value}" in page.text

        out = await browser.send("/sign-out")
        assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
        assert not await is_in(browser)

    visited(tmp_path, visit)


def test_the_log_says_who_in_which_role_and_how_and_no_secret(tmp_path: Path) -> None:
    """By the provider's own name of them as well, which nobody can choose."""

    async def visit(provider: Provider, browser: Browser) -> list[str]:
        await there_and_back(provider, browser)
        provider.claims = {"groups": ["staff"]}
        await there_and_back(provider, browser)
        return [SECRET, *(sent["code"] for sent in provider.redeemed), browser.client.cookies["robocall-session"]]

    with capture_logs() as lines:
        secrets = visited(tmp_path, visit)

    signed_in = next(line for line in lines if line["event"] == "console sign-in")
    refused = next(line for line in lines if line["event"] == "console sign-in refused")
    assert {**signed_in, "role": str(signed_in["role"])} == {
        "event": "console sign-in",
        "log_level": "info",
        "user": "ada",
        "role": "operator",
        "how": "oidc",
        "subject": "subject-7",
        "address": "192.0.2.1",
    }
    assert (refused["how"], refused["subject"]) == ("oidc", "subject-7")
    assert "no group of the claim groups has a role" in refused["why"]
    assert len(secrets) == 4
    assert not any(secret in json.dumps(lines, default=str) for secret in secrets)


@pytest.mark.parametrize(
    ("claims", "status", "said"),
    [
        ({"groups": ["staff"]}, 403, NO_ROLE),
        ({"groups": None}, 403, NO_ROLE),
        ({"preferred_username": "a b"}, 403, NO_NAME),
        ({"preferred_username": "Admin"}, 403, NO_NAME),  # a local user has that name
        ({"nonce": "another"}, 403, "the log of the console says why"),
    ],
)
def test_who_is_not_let_in_is_told_why(claims: dict[str, Any], status: int, said: str, tmp_path: Path) -> None:
    async def visit(provider: Provider, browser: Browser) -> None:
        provider.claims = claims
        back = await there_and_back(provider, browser)

        assert back.status_code == status
        assert said in back.text
        assert not await is_in(browser)

    visited(tmp_path, visit)


def test_while_the_users_file_cannot_be_read_nobody_gets_the_name_of_a_local_user(tmp_path: Path) -> None:
    """Whose names those are stands in that file alone."""

    async def visit(provider: Provider, browser: Browser) -> None:
        provider.claims = {"preferred_username": "admin"}
        (tmp_path / "users.json").chmod(0o644)
        back = await there_and_back(provider, browser)

        assert (back.status_code, NO_NAME in back.text) == (403, True)
        assert not await is_in(browser)

    visited(tmp_path, visit)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "another"}, STALE),
        ({"state": ""}, STALE),
        ({"error": "access_denied", "error_description": "<script>"}, NOBODY),
        ({"error": "<script>"}, NOBODY),
        ({"code": "another"}, "the log of the console says why"),
        ({"iss": "https://another.example.net"}, "the log of the console says why"),
    ],
)
def test_an_answer_that_was_changed_lets_nobody_in(changes: dict[str, str], said: str, tmp_path: Path) -> None:
    """And nothing of it is shown."""

    async def visit(provider: Provider, browser: Browser) -> None:
        back = await there_and_back(provider, browser, **changes)

        assert (back.status_code, said in back.text, "<script>" in back.text) == (403, True, False)
        assert not await is_in(browser)

    visited(tmp_path, visit)


def test_an_answer_counts_once_and_in_the_browser_that_asked(tmp_path: Path) -> None:
    """Neither sent again, nor brought to somebody else, who would be signed in as the sender."""

    async def visit(provider: Provider, browser: Browser) -> None:
        there = await browser.get(START)
        brought = provider.signed_in(there.headers["location"])
        cookie = browser.client.cookies["robocall-oidc"]
        browser.client.cookies.delete("robocall-oidc")
        assert STALE in (await browser.get(BACK, params=brought)).text
        browser.client.cookies.set("robocall-oidc", cookie, domain="127.0.0.1")
        assert "You are signed in" in (await browser.get(BACK, params=brought)).text
        assert "robocall-oidc" not in browser.client.cookies
        assert STALE in (await browser.get(BACK, params=brought)).text
        browser.client.cookies.set("robocall-oidc", cookie, domain="127.0.0.1")
        assert "the log of the console says why" in (await browser.get(BACK, params=brought)).text
        assert len(provider.redeemed) == 2  # the last one was refused there

    visited(tmp_path, visit)


def test_nobody_is_sent_elsewhere(tmp_path: Path) -> None:
    """Whatever stands in the address; the redirect address is that of the settings."""

    async def visit(provider: Provider, browser: Browser) -> None:
        there = await browser.get(START, params={"redirect_uri": "https://example.net", "next": "https://example.net"})
        assert there.headers["location"].startswith(f"{provider.issuer}/authorize?")
        assert "example.net" not in there.headers["location"]
        brought = provider.signed_in(there.headers["location"])
        back = await browser.get(BACK, params=brought | {"next": "//example.net", "url": "//example.net"})
        assert "example.net" not in back.text

    visited(tmp_path, visit)


def test_while_the_provider_is_away_the_form_says_so_and_all_else_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is signed in stays so, local users sign in, and the provider is used again once it is back."""

    async def run() -> None:
        async with Provider().running() as provider:
            chosen, port = provider.chosen, urlsplit(provider.issuer).port or 0
        played = Played(tmp_path, **chosen)  # it starts all the same
        monkeypatch.setattr("streams.console.oidc.provider.AWAY_S", 0.0)
        async with played.browser(CONSOLE) as browser, played.browser(CONSOLE) as other:
            browser.client.follow_redirects = False
            away = await browser.get(START)
            assert (away.status_code, AWAY in away.text, "Password" in away.text) == (503, True, True)
            async with Provider().running(port) as provider:
                await there_and_back(provider, browser)
                there = await other.client.get(START, follow_redirects=False)
                brought = provider.signed_in(there.headers["location"])
            assert await is_in(browser)
            back = await other.get(BACK, params=brought)
            assert (back.status_code, AWAY in back.text) == (503, True)
            assert (await other.sign_in("operator")).url.path == "/now"

    asyncio.run(run())


def test_without_local_users_the_form_asks_for_no_password(tmp_path: Path) -> None:
    """They are asked for as soon as there is one: the file is followed."""

    async def visit(provider: Provider, browser: Browser) -> None:
        assert "Password" in (await browser.get("/sign-in")).text
        write_users(tmp_path / "users.json", new_users())
        form = await browser.get("/sign-in")
        assert ("Password" in form.text, "Sign in with 127.0.0.1" in form.text) == (False, True)
        await there_and_back(provider, browser)
        assert await is_in(browser)

    visited(tmp_path, visit)


def test_an_address_comes_back_so_often_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time may be a question to the provider."""
    monkeypatch.setattr(module, "ADDRESS_TRIES", 2)

    async def visit(provider: Provider, browser: Browser) -> list[int]:
        del provider
        return [(await browser.get(BACK, params={"code": "x"})).status_code for _ in range(3)]

    assert visited(tmp_path, visit) == [403, 403, 429]


@pytest.mark.parametrize("is_secure", [False, True])
def test_cookies_are_for_the_server_alone(is_secure: bool, tmp_path: Path) -> None:
    """That of the way there is lax, since people come back from another site; that of the session stays strict."""
    (tmp_path / "pem").touch()
    pem: dict[str, Any] = {"tls_certfile": tmp_path / "pem", "tls_keyfile": tmp_path / "pem"} if is_secure else {}

    async def run() -> tuple[str, list[str]]:
        async with Provider().running() as provider:
            played = Played(tmp_path, **provider.chosen, **pem)
            async with played.browser(CONSOLE.replace("http:", "https:")) as browser:
                browser.client.follow_redirects = False
                there = await browser.get(START)
                back = await browser.get(BACK, params=provider.signed_in(there.headers["location"]))
                return there.headers["set-cookie"], back.headers.get_list("set-cookie")

    way, (session, over) = asyncio.run(run())

    for cookie, site in ((way, "lax"), (session, "strict"), (over, "lax")):
        assert "HttpOnly" in cookie
        assert f"SameSite={site}" in cookie
        assert ("; Secure" in cookie) is is_secure
        assert cookie.startswith("__Host-") is is_secure
    assert "Max-Age=600" in way
    assert "Max-Age=0" in over
