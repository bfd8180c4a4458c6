"""HEP3 over real sockets: UDP and TCP on one port, the key, and junk that stops nothing."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

import pytest

from streams.bridge.hep.server import HepServer
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.peers import Peers
from streams.bridge.settings import BridgeSettings
from streams.bridge.sip import sockets
from streams.errors import SettingsInvalid
from tests.streams.bridge.hep.hep_case import PEER, SWITCH, packet, response
from tests.streams.bridge.http.conftest import ToldAsker
from tests.streams.bridge.sip.sip_case import invite, peer
from tests.waiting import until

PEERS = Peers([peer()])


def played(act: Callable[[HepServer, ToldAsker, BridgeMetrics], Any], **settings: Any) -> None:
    """Run something against a server."""

    async def run() -> None:
        asker, metrics = ToldAsker(), BridgeMetrics()
        server = HepServer(BridgeSettings.load(**settings), lambda: PEERS, cast("Any", asker), metrics)
        await server.start()
        try:
            await act(server, asker, metrics)
        finally:
            await server.stop()

    asyncio.run(run())


def junk(metrics: BridgeMetrics) -> dict[str, float]:
    samples = [
        one for family in metrics.collect() for one in family.samples if one.name == "robocall_bridge_junk_total"
    ]
    return {sample.labels["reason"]: sample.value for sample in samples}


def send(port: int, *packets: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for one in packets:
            sender.sendto(one, ("127.0.0.1", port))


def test_datagrams_and_a_stream_tell_of_one_call() -> None:
    """Its set-up by UDP, its end by TCP, torn in two; junk around both."""

    async def act(server: HepServer, asker: ToldAsker, metrics: BridgeMetrics) -> None:
        send(server.port, b"junk", packet(invite()), packet(invite()))
        await until(lambda: len(asker.published) == 1)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        end = packet(response(486), SWITCH, PEER)
        writer.write(end[:50])
        await writer.drain()
        writer.write(end[50:])
        await until(lambda: len(asker.published) == 2)
        writer.close()
        assert [event["type"] for event in asker.published] == ["call_setup", "call_end"]
        assert junk(metrics) == {"no_hep": 1, "repeated": 1}
        assert asker.broken == []

    played(act)


def test_a_stream_that_is_no_hep_is_closed() -> None:
    """Nobody waits for more of it."""

    async def act(server: HepServer, asker: ToldAsker, metrics: BridgeMetrics) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        assert junk(metrics) == {"no_hep": 1}
        assert asker.published == []

    played(act)


def test_whoever_only_connects_keeps_no_agent_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are too many the oldest that brought no packet goes, and not the agent that waits for calls."""
    monkeypatch.setattr(sockets, "MOST_CONNECTIONS", 2)

    async def act(server: HepServer, asker: ToldAsker, metrics: BridgeMetrics) -> None:
        agent, says = await asyncio.open_connection("127.0.0.1", server.port)
        says.write(packet(invite(), key=b"secret"))
        await until(lambda: len(asker.published) == 1)
        idle, waits = await asyncio.open_connection("127.0.0.1", server.port)
        waits.write(packet(invite(), key=b"wrong"))
        await until(lambda: junk(metrics).get("key") == 1)
        _, more = await asyncio.open_connection("127.0.0.1", server.port)
        more.write(packet(response(486), SWITCH, PEER, key=b"secret"))
        await until(lambda: len(asker.published) == 2)
        assert await idle.read() == b""
        assert not agent.at_eof()
        late, _ = await asyncio.open_connection("127.0.0.1", server.port)
        assert await late.read() == b""
        assert junk(metrics)["connections"] == 2

    played(act, hep_key="secret")


def test_packets_without_the_key_are_dropped() -> None:
    """Whoever can reach the port could otherwise end calls that go on."""

    async def act(server: HepServer, asker: ToldAsker, metrics: BridgeMetrics) -> None:
        send(server.port, packet(invite()), packet(invite(), key=b"wrong"), packet(invite(), key=b"secret"))
        await until(lambda: len(asker.published) == 1)
        assert junk(metrics) == {"key": 2}

    played(act, hep_key="secret")


def test_a_bug_is_told_and_stops_nothing() -> None:
    """The next packet is taken."""

    async def act(server: HepServer, asker: ToldAsker, metrics: BridgeMetrics) -> None:
        del metrics
        publish, asker.publish = asker.publish, lambda _: bool(1 // 0)  # type: ignore[assignment,method-assign]
        send(server.port, packet(invite()))
        await until(lambda: len(asker.broken) == 1)
        asker.publish = publish  # type: ignore[method-assign]
        send(server.port, packet(invite(call_id="next@a")))
        await until(lambda: len(asker.published) == 1)

    played(act)


def test_a_taken_port_is_said_in_one_line() -> None:
    """And nothing is left open."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingsInvalid, match="HEP_PORT"):
        played(cast("Any", None), hep_port=taken.getsockname()[1])
