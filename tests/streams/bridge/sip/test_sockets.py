"""Connections are bounded, one that sends junk is closed, and the others go on."""

import asyncio

import pytest

from streams.bridge.sip import sockets as module
from streams.bridge.sip.messages import Junk
from streams.bridge.sip.sockets import Connections, Stream
from tests.waiting import HANG_S, until

HERE = "127.0.0.1"


class Echo(Stream):
    """Says again what comes; `junk` is junk."""

    def feed(self, data: bytes) -> None:
        if data == b"junk":
            raise Junk("no_echo")
        self.write(data)


def test_a_connection_too_many_and_one_with_junk_are_closed_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is there is served; a place that is free is given again."""
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 2)
    junk: list[str] = []

    async def run() -> None:
        connections = Connections(junk.append)
        server = await asyncio.get_running_loop().create_server(lambda: Echo(connections), HERE, 0)
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(HANG_S):
            (first, says), (second, talks) = [await asyncio.open_connection(HERE, port) for _ in range(2)]
            third, _ = await asyncio.open_connection(HERE, port)
            assert await third.read() == b""
            talks.write(b"junk")
            assert await second.read() == b""
            says.write(b"a")
            assert await first.readexactly(1) == b"a"
            await until(lambda: len(connections._open) == 1)
            fourth, asks = await asyncio.open_connection(HERE, port)
            asks.write(b"b")
            assert await fourth.readexactly(1) == b"b"
            connections.close()
            assert await first.read() + await fourth.read() == b""
        server.close()

    asyncio.run(run())
    assert junk == ["connections", "no_echo"]
