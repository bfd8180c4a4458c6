"""A dip over somebody who answers as told, and a client that speaks to it over a real socket."""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from streams.bridge.asking import Asked, FailOpen
from streams.bridge.http.access import Access
from streams.bridge.http.app import HttpDip, http_server
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.peers import Peer, Peers
from streams.bridge.settings import BridgeSettings
from streams.bridge.traces import UNTRACED, CallTrace, untraced

TOKEN = "a-token-that-nobody-guesses"  # noqa: S105 - of the tests
PEER = Peer.model_validate(
    {"name": "sbc-chi-1", "trunk_group_id": "tg-chi", "token_sha256": [hashlib.sha256(TOKEN.encode()).hexdigest()]}
)


class ToldAsker:
    """Answers each question with what it was told, and keeps what it was asked.

    Attributes:
        tells: the next answers; an exception is raised.
        asked: set-ups and their deadlines.
        named: whether each named its call.
        usual: how long the peer's calls wait, of each, seconds.
        published: events that nobody waits for.
        has_room: whether it takes them.
        why_unhealthy: what it says of itself.
        broken: internal errors that it was told.
    """

    begin_trace = staticmethod(untraced)

    def __init__(self) -> None:
        self.tells: Asked | Exception = Asked(None, FailOpen.LATE)
        self.asked: list[tuple[Mapping[str, Any], float]] = []
        self.named: list[bool] = []
        self.usual: list[float | None] = []
        self.published: list[Mapping[str, Any]] = []
        self.has_room = True
        self.why_unhealthy: str | None = None
        self.broken: list[Exception] = []

    async def ask(
        self,
        setup: Mapping[str, Any],
        deadline_s: float,
        *,
        names_call: bool = True,
        usual_s: float | None = None,
        trace: CallTrace = UNTRACED,
    ) -> Asked:
        """Answer as told."""
        del trace
        self.asked.append((setup, deadline_s))
        self.named.append(names_call)
        self.usual.append(usual_s)
        if isinstance(self.tells, Exception):
            raise self.tells
        return self.tells

    def publish(self, event: Mapping[str, Any]) -> bool:
        """Keep an event, where there is room."""
        if self.has_room:
            self.published.append(event)
        return self.has_room

    def failures(self, error: Exception) -> None:
        """Keep an internal error."""
        self.broken.append(error)


@pytest.fixture
def asker() -> ToldAsker:
    """Whoever is asked."""
    return ToldAsker()


@pytest.fixture
def metrics() -> BridgeMetrics:
    """What the dip counts."""
    return BridgeMetrics()


Client = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def client(asker: ToldAsker, metrics: BridgeMetrics) -> Client:
    """Opens a client with the peer's token; the server lives as long."""
    peers = Peers([PEER])

    @asynccontextmanager
    async def opened() -> AsyncIterator[httpx.AsyncClient]:
        dip = HttpDip(asker, Access(lambda: peers, certified=False), 80, metrics)  # type: ignore[arg-type]  # told
        server = http_server(dip.app(), BridgeSettings.load())
        await server.start()
        try:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=headers) as made:
                yield made
        finally:
            await server.stop()

    return opened
