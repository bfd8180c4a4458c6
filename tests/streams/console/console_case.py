"""What tests of the console share: users, decisions, and a browser without a picture."""

import asyncio
import html
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from streams.campaigns.follower import CampaignFollower
from streams.commands.console.serving import Live, console_app
from streams.console.desk.campaigns import CampaignMemory
from streams.console.feed import Feed
from streams.console.live import LiveMemory
from streams.console.oidc.client import read_client
from streams.console.passwords import hash_password
from streams.console.roles import Role
from streams.console.settings import ConsoleSettings
from streams.console.subjects import Links
from streams.console.users import Account, Users, new_users, write_users
from streams.settings import Settings, load_settings
from tests.streams.bridge.bridge_case import decision_bytes

PASSWORD = "a long password"  # noqa: S105 - of the tests
CALLER, CALLED = "+12025550123", "+13125550142"
_HASHED = hash_password(PASSWORD)
_FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


def make_users(path: Path) -> Users:
    """A users file with one user of each role, named like it."""
    users = new_users()
    for role in Role:
        users = users.with_account(Account(role.value, role, _HASHED))
    write_users(path, users)
    return Users(path)


def decided(number: int = 0, action: str = "allow", **more: Any) -> bytes:
    """A decision as it is published; each number has a call of its own."""
    setup = {
        "call_id": f"call-{number}@switch",
        "calling_number": CALLER,
        "called_number": CALLED,
        "trunk_group_id": "tg-chi",
        "setup_time_ms": time.time_ns() // 1_000_000,
    }
    return decision_bytes(setup, action, **{"decision_id": f"{number:032x}", **more})


class Browser:
    """Follows redirects and sends forms with the token that stands in them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.page = httpx.Response(200)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """Open a page."""
        self.page = await self.client.get(path, **options)
        return self.page

    async def send(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of the page that is open, with what it hides; one that is not there with its token alone."""
        forms = [form[2] for form in _FORM.finditer(self.page.text) if form[1] == path]
        csrf = _CSRF.search(self.page.text)
        hidden = {name: html.unescape(value) for name, value in _HIDDEN.findall(forms[0])} if len(forms) == 1 else {}
        fields = ({"csrf": csrf[1]} if csrf else {}) | hidden | fields
        self.page = await self.client.post(path, data=fields)
        return self.page

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Open the form and send it."""
        await self.get("/sign-in")
        return await self.send("/sign-in", name=name, password=password)


class Played:
    """A console whose memory the test fills; without settings there is neither Kafka nor Redis."""

    def __init__(self, folder: Path, settings: Settings | None = None, **chosen: Any) -> None:
        self.users_file = folder / "users.json"
        users = make_users(self.users_file)
        chosen = {"kept_decisions": 100, "users_file": self.users_file} | chosen
        settings = settings or load_settings(kafka_bootstrap_servers="127.0.0.1:1", redis_url="redis://127.0.0.1:1/0")
        self.links = Links(users.secret)
        self.memory, self.campaigns = LiveMemory(100, time.time), CampaignMemory(time.time)
        follower = CampaignFollower(settings, self.campaigns.take)
        live = Live(self.memory, Feed(settings, self.memory), self.campaigns, follower)
        found = ConsoleSettings.load(**chosen)
        self.app: ASGIApp = console_app(settings, found, users, live, read_client(found))

    @asynccontextmanager
    async def browser(self, url: str = "http://console", address: str = "192.0.2.1") -> AsyncIterator[Browser]:
        """Opens a browser at an address."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True, client=(address, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url=url, follow_redirects=True) as client:
            yield Browser(client)

    def run(self, name: str, visit: Callable[[Browser], Any]) -> Any:
        """Sign in, and do what the test does."""

        async def run() -> Any:
            async with self.browser() as browser:
                await browser.sign_in(name)
                return await visit(browser)

        return asyncio.run(run())
