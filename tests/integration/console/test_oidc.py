"""Signing in by a real provider of others, in a real browser: over to its page, back, and out again.

The console is at `localhost` and the provider at `127.0.0.1`, so that each is another site to the browser.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.console.oidc.client import BACK
from streams.console.oidc.people import NO_ROLE
from streams.console.oidc.signing import AWAY
from streams.local.services import free_ports
from streams.settings import load_settings
from tests.integration.console.console_stack import Stack
from tests.integration.console.provider_process import CLIENT_ID, SECRET
from tests.integration.console.test_accessible import judged
from tests.integration.console.test_browser import opened
from tests.integration.secured import make_certificates
from tests.processes import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("chromium")]


class Place:
    """Where both are, and the settings that make them know each other."""

    def __init__(self, folder: Path) -> None:
        pytest.importorskip("pyop.provider", reason="no pyop: make setup")
        make_certificates(folder)
        self.folder = folder
        self.console_port, self.port = free_ports(2)
        self.pages = f"http://localhost:{self.console_port}"

    def stack(self, **chosen: Any) -> Stack:
        """A console without Kafka, whose pages say so."""
        settings = load_settings(kafka_bootstrap_servers="127.0.0.1:1", redis_url="redis://127.0.0.1:1/0")
        chosen = {
            "oidc_issuer": f"https://127.0.0.1:{self.port}",
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": SECRET,
            "oidc_console_url": self.pages,
            "oidc_scopes": "openid profile groups",
            "oidc_roles": "admins=admin",
            "oidc_cafile": self.folder / "authority.crt",
        } | chosen
        return Stack(settings, self.folder, port=self.console_port, **chosen)

    @contextmanager
    def provider(self) -> Iterator[None]:
        """The provider, ready."""
        command = [sys.executable, "-m", "tests.integration.console.provider_process"]
        command += [str(self.folder), str(self.port), self.pages + BACK]
        with subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                yield
            finally:
                process.terminate()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def go(page: Any, pages: str, user: str) -> None:
    """As a person does: press, and say to the provider who one is."""
    await page.goto(f"{pages}/sign-in")
    await page.get_by_role("link", name="Sign in with 127.0.0.1").click()
    await page.get_by_label("Who are you?").fill(user)
    await page.keyboard.press("Enter")


def test_somebody_signs_in_at_the_provider_works_and_signs_out(place: Place) -> None:
    """The first page comes by itself, with the strict cookie of the session; forms work; the log says how."""

    async def run() -> list[str]:
        async with place.stack().running(), opened(ignore_https_errors=True) as (page, complaints):
            await go(page, place.pages, "ada")
            await page.get_by_role("heading", name="Now").wait_for()
            assert page.url == f"{place.pages}/now"
            assert await page.get_by_text("ada, admin").is_visible()
            await page.wait_for_load_state()  # the script of the shortcut runs late
            await page.keyboard.press("/")
            await page.keyboard.type("tg-chi-oidc\n")
            await page.get_by_role("heading", name="tg-chi-oidc").wait_for()
            await page.get_by_role("button", name="Sign out").click()
            await page.get_by_role("link", name="Sign in with 127.0.0.1").wait_for()
            await page.goto(f"{place.pages}/now")
            await page.get_by_role("link", name="Sign in with 127.0.0.1").wait_for()
            return complaints

    with place.provider(), capture_logs() as lines:
        complaints = asyncio.run(run())

    signed_in = [line for line in lines if line["event"] == "console sign-in"]
    assert [(line["user"], str(line["role"]), line["how"]) for line in signed_in] == [("ada", "admin", "oidc")]
    assert complaints == []


def test_who_has_no_role_is_told_and_a_provider_that_is_away_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The console was started before the provider, and finds it by itself."""
    monkeypatch.setattr("streams.console.oidc.provider.AWAY_S", 0.0)

    async def run() -> None:
        async with place.stack().running(), opened(ignore_https_errors=True) as (page, _):
            await page.goto(f"{place.pages}/sign-in")
            await page.get_by_role("link", name="Sign in with 127.0.0.1").click()
            await page.get_by_role("alert").filter(has_text=AWAY).wait_for()
            assert await judged(page) == []
            with place.provider():
                await go(page, place.pages, "bob")
                await page.get_by_role("alert").filter(has_text=NO_ROLE).wait_for()
                await page.goto(f"{place.pages}/now")
                await page.get_by_role("link", name="Sign in with 127.0.0.1").wait_for()

    asyncio.run(run())
