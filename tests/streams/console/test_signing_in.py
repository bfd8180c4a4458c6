"""Signing in and out: by name and password alone, a few times in five minutes, and for as long as the account lasts."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from streams.console import signing_in as module
from streams.console.roles import Role
from streams.console.users import Account, read_users, write_users
from tests.streams.console.console_case import PASSWORD, Browser, Played


@pytest.fixture
def played(tmp_path: Path) -> Played:
    """A console without Kafka, Redis and archive."""
    return Played(tmp_path)


def tried(played: Played, *tries: tuple[str, str]) -> list[int]:
    """Statuses of tries by one browser, name and password."""

    async def run() -> list[int]:
        async with played.browser() as browser:
            await browser.get("/sign-in")
            return [(await browser.send("/sign-in", name=name, password=word)).status_code for name, word in tries]

    return asyncio.run(run())


@pytest.mark.parametrize("role", Role)
def test_each_role_signs_in_and_out(role: Role, played: Played) -> None:
    """Afterwards the page is closed again."""

    async def visit(browser: Browser) -> tuple[str, str, str]:
        first = browser.page.url.path
        await browser.send("/sign-out")
        out = browser.page.url.path
        return first, out, (await browser.get("/now")).url.path

    assert played.run(role, visit) == ("/now", "/sign-in", "/sign-in")


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(played: Played) -> None:
    """Who has no account is not told."""

    async def run() -> list[tuple[int, str]]:
        found = []
        async with played.browser() as browser:
            for name, word in [("operator", "another password"), ("nobody", PASSWORD), ("operator", ""), ("", "")]:
                answer = await browser.sign_in(name, word)
                found.append((answer.status_code, answer.text.split("csrf")[0]))
        return found

    answers = asyncio.run(run())

    assert len(set(answers)) == 1
    assert answers[0][0] == 403
    assert "Name or password is wrong." in answers[0][1]


def test_a_sign_in_needs_the_token_of_its_form(played: Played) -> None:
    """Nobody is signed in as somebody else by another site's form."""

    async def run() -> list[int]:
        async with played.browser() as browser:
            fields = {"name": "admin", "password": PASSWORD}
            without = await browser.client.post("/sign-in", data=fields)
            await browser.get("/sign-in")
            foreign = await browser.client.post("/sign-in", data=fields | {"csrf": "x"})
            return [without.status_code, foreign.status_code, (await browser.sign_in("admin")).status_code]

    assert asyncio.run(run()) == [403, 403, 200]


def test_a_name_is_tried_five_times_and_others_are_not_kept_out(played: Played) -> None:
    """The right password does not help either: it would say which one was right."""
    wrong = [("admin", "wrong password")] * module.USER_TRIES

    assert tried(played, *wrong, ("admin", PASSWORD), ("operator", PASSWORD)) == [403] * 5 + [429, 200]


def test_whoever_tries_a_name_elsewhere_keeps_nobody_out(played: Played) -> None:
    """Five wrong passwords count for the address that they came from."""
    wrong = [("admin", "wrong password")] * module.USER_TRIES

    assert tried(played, *wrong) == [403] * 5

    async def run() -> tuple[int, int]:
        async with played.browser(address="192.0.2.1") as stranger, played.browser(address="198.51.100.7") as owner:
            return (await stranger.sign_in("admin")).status_code, (await owner.sign_in("admin")).status_code

    assert asyncio.run(run()) == (429, 200)


def test_an_address_tries_so_often_and_no_more(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever goes through names is stopped as well."""
    monkeypatch.setattr(module, "ADDRESS_TRIES", 3)
    few = Played(played.users_file.parent)

    assert tried(few, *((f"name{number}", "wrong password") for number in range(4))) == [403, 403, 403, 429]


def test_what_stands_in_the_field_of_the_name_is_not_logged_unless_it_is_one(played: Played) -> None:
    """People type their password there."""
    with capture_logs() as lines:
        tried(played, (PASSWORD, ""), ("admin", "wrong password"))

    assert [line["user"] for line in lines if line["event"] == "console sign-in failed"] == ["unknown", "admin"]


def test_whoever_signs_in_may_mistype_again(played: Played) -> None:
    """A right password ends the count."""
    once = [("admin", "wrong password")] * 4 + [("admin", PASSWORD)]

    async def run() -> list[int]:
        async with played.browser() as browser:
            return [(await browser.sign_in(name, word)).status_code for name, word in once * 2]

    assert asyncio.run(run()) == ([403] * 4 + [200]) * 2


def test_a_session_ends_with_its_account_and_with_its_password(played: Played) -> None:
    """At once, without a restart."""
    users = read_users(played.users_file)

    async def visit(browser: Browser) -> tuple[str, str]:
        write_users(played.users_file, users.with_account(Account("operator", Role.OPERATOR, "another digest")))
        changed = (await browser.get("/now")).url.path
        write_users(played.users_file, users)
        await browser.sign_in("operator")
        write_users(played.users_file, users.without("operator"))
        return changed, (await browser.get("/now")).url.path

    assert played.run("operator", visit) == ("/sign-in", "/sign-in")


def test_a_role_that_was_changed_counts_at_once(played: Played) -> None:
    """What somebody may do is asked of the file, and not of the session."""
    users = read_users(played.users_file)
    account = users.find("admin")
    assert account is not None

    async def visit(browser: Browser) -> str:
        write_users(played.users_file, users.with_account(Account("admin", Role.OPERATOR, account.password)))
        return (await browser.get("/now")).text

    assert "admin, operator" in played.run("admin", visit)


@pytest.mark.parametrize("is_secure", [False, True])
def test_cookies_are_for_the_server_alone(
    is_secure: bool,
    tmp_path: Path,
) -> None:
    """Over HTTPS they have a name that no other host may set."""
    (tmp_path / "pem").touch()
    pem: dict[str, Any] = {"tls_certfile": tmp_path / "pem", "tls_keyfile": tmp_path / "pem"} if is_secure else {}
    played = Played(tmp_path, **pem)

    async def run() -> list[str]:
        async with played.browser("https://console") as browser:
            form = await browser.get("/sign-in")
            browser.client.follow_redirects = False
            answer: httpx.Response = await browser.send("/sign-in", name="admin", password=PASSWORD)
            return [form.headers["set-cookie"], answer.headers.get_list("set-cookie")[0]]

    for cookie in asyncio.run(run()):
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert ("; Secure" in cookie) is is_secure
        assert cookie.startswith("__Host-") is is_secure
