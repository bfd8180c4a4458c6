"""Connections are bounded, one that sends junk is closed, and the others go on."""

import asyncio
import socket

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


def test_strangers_take_no_place_of_those_who_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold as many as they may, and whoever is known comes in; nothing is kept of those who went."""
    monkeypatch.setattr(module, "MOST_STRANGERS", 2)
    junk: list[str] = []

    async def run() -> None:
        connections = Connections(junk.append, lambda ip: ip == HERE)
        server = await asyncio.get_running_loop().create_server(lambda: Echo(connections), HERE, 0)
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(HANG_S):
            held = [await asyncio.open_connection(HERE, port, local_addr=("127.0.0.7", 0)) for _ in range(2)]
            more, _ = await asyncio.open_connection(HERE, port, local_addr=("127.0.0.8", 0))
            assert await more.read() == b""
            known, says = await asyncio.open_connection(HERE, port)
            says.write(b"a")
            assert await known.readexactly(1) == b"a"
            held[0][1].close()
            await until(lambda: len(connections._strangers) == 1)
            connections.close()
            assert await held[1][0].read() + await known.read() == b""
        server.close()

    asyncio.run(run())
    assert junk == ["connections"]


def test_whoever_asks_and_never_reads_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else answers pile up here, as many as a stranger likes."""
    monkeypatch.setattr(module, "MOST_UNREAD_BYTES", 64 * 1024)
    junk: list[str] = []

    async def run() -> None:
        connections = Connections(junk.append)
        server = await asyncio.get_running_loop().create_server(lambda: Echo(connections), HERE, 0)
        with socket.socket() as asks:
            asks.setblocking(False)
            await asyncio.get_running_loop().sock_connect(asks, server.sockets[0].getsockname())
            async with asyncio.timeout(HANG_S):
                with pytest.raises(ConnectionError):
                    await asyncio.get_running_loop().sock_sendall(asks, bytes(64 * 1024 * 1024))
        assert not connections._open
        server.close()

    asyncio.run(run())
    assert junk == ["unread"]
