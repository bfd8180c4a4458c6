"""What comes over the wire before any page is reached: bounds, taken ports, a bounded end, certificates."""

import asyncio
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from streams.bridge.http import server as module
from streams.bridge.http.access import Access
from streams.bridge.http.app import CALLS, HttpDip
from streams.bridge.http.server import MAX_HEAD_BYTES, HttpServer
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.peers import Peer, Peers
from streams.bridge.settings import load_bridge_settings
from streams.errors import SettingsInvalid
from tests.integration.secured import make_certificates
from tests.streams.bridge.http.conftest import Client, ToldAsker
from tests.waiting import HANG_S


async def told(port: int, *parts: bytes) -> bytes:
    """What a raw client is told until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "parts",
    [
        [b"POST /v1/calls HTTP/1.1\r\n", *[b"x: " + b"y" * MAX_HEAD_BYTES + b"\r\n"] * 40],
        [b"POST /v1/calls HTTP/1.1\r\nx: ", *[b"y" * MAX_HEAD_BYTES] * 40],
        [b"INVITE sip:a@b SIP/2.0\r\n\r\n"],
        [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)],
    ],
)
def test_a_head_that_does_not_end_or_is_no_http_is_a_bad_request(parts: list[bytes], client: Client) -> None:
    """By itself, uvicorn keeps headers for as long as they come."""

    async def run() -> bytes:
        async with client() as opened:
            return await told(int(opened.base_url.port or 0), *parts)

    answer = asyncio.run(run())

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


def test_connections_beyond_the_bound_are_closed_and_others_are_served(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds connections open takes none from those who are there."""
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 3)

    async def run() -> tuple[list[bytes], int]:
        async with client() as opened:
            served = await opened.get("/health")
            port = int(opened.base_url.port or 0)
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
            closed = [await reader.read() for reader, _ in held[2:]]
            served = await opened.get("/health")
            for _, writer in held:
                writer.close()
            return closed, served.status_code

    assert asyncio.run(run()) == ([b"", b""], 200)


def test_connections_without_a_whole_head_are_closed_and_one_that_asks_is_not(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, uvicorn counts from the end of the first answer; two thousand silent strangers would lock all out."""
    monkeypatch.setattr(module, "KEEP_ALIVE_S", 0.2)
    whole, half = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /health HTTP/1.1\r\nHost"

    async def nothing_more(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(whole)
        await reader.readuntil(b"}")
        writer.write(b"\r\n")
        try:
            return await reader.read()
        finally:
            writer.close()

    async def run() -> list[bytes]:
        async with client() as opened, asyncio.timeout(HANG_S):
            port = int(opened.base_url.port or 0)
            answers = [await told(port, *parts) for parts in ([], [half], [whole], [whole, half])]
            return [*answers, await nothing_more(port)]

    silent, begun, asked, asked_and_begun, after = asyncio.run(run())

    assert (silent, begun, after) == (b"", b"", b"")
    assert asked.startswith(b"HTTP/1.1 200 ")
    assert asked_and_begun == asked


def test_a_taken_port_is_said_in_one_line() -> None:
    """By itself, uvicorn ends the process."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        chosen = load_bridge_settings(http_port=taken.getsockname()[1])

        async def run() -> None:
            await HttpServer(_nothing, chosen).start()  # type: ignore[arg-type]  # it is never reached

        with pytest.raises(SettingsInvalid, match="ROBOCALL_BRIDGE_HTTP_PORT"):
            asyncio.run(run())


async def _nothing() -> None:
    """No application."""


def test_with_an_authority_each_client_needs_a_certificate_and_is_the_peer_of_its_address(
    asker: ToldAsker, metrics: BridgeMetrics, tmp_path: Path
) -> None:
    """One that our authority signed, on a real socket; without one no request is read."""
    make_certificates(tmp_path)
    entry = {"name": "near", "trunk_group_id": "tg-9", "addresses": ["127.0.0.1"], "profile": "clearip"}
    peers = Peers([Peer.model_validate(entry)])
    chosen = load_bridge_settings(
        http_tls_certfile=tmp_path / "broker.crt",
        http_tls_keyfile=tmp_path / "broker.key",
        http_tls_cafile=tmp_path / "authority.crt",
    )
    ours = ssl.create_default_context(cafile=str(tmp_path / "authority.crt"))
    theirs = ssl.create_default_context(cafile=str(tmp_path / "authority.crt"))
    theirs.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")

    async def run() -> int:
        dip = HttpDip(asker, Access(lambda: peers, certified=True), 80, metrics)  # type: ignore[arg-type]  # told
        server = HttpServer(dip.app(), chosen)
        await server.start()
        try:
            url = f"https://127.0.0.1:{server.port}{CALLS}"
            call = {"call_id": "a", "calling_number": "+12025550101", "called_number": "+13125550142"}
            async with httpx.AsyncClient(verify=theirs) as known:
                status = (await known.post(url, json=call)).status_code
            with pytest.raises(httpx.TransportError):
                async with httpx.AsyncClient(verify=ours) as unknown:
                    await unknown.post(url, json=call)
            return status
        finally:
            await server.stop()

    assert asyncio.run(run()) == 200
    assert [setup["trunk_group_id"] for setup, _ in asker.asked] == ["tg-9"]


def test_a_certificate_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    """Before anything listens."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    server = HttpServer(_nothing, load_bridge_settings(http_tls_certfile=wrong, http_tls_keyfile=wrong))  # type: ignore[arg-type]

    with pytest.raises(SettingsInvalid, match="HTTP_TLS"):
        asyncio.run(server.start())


def test_the_end_does_not_wait_for_idle_clients(client: Client) -> None:
    """A switch keeps its connection open for ever."""

    async def run() -> None:
        async with client() as opened:
            await opened.post(CALLS)
            async with asyncio.timeout(60):
                await opened.aclose()

    asyncio.run(run())
