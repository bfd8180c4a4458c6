"""What comes over the wire before any page is reached: bounds, taken ports, a bounded end, certificates."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.errors import SettingsInvalid
from streams.web import server as module
from streams.web.server import MAX_HEAD_BYTES, HttpServer
from tests.waiting import HANG_S

Client = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


async def _page(request: Request) -> Response:
    """One page, read to its end."""
    await request.body()
    return JSONResponse({"status": "ok", "from": request.client.host if request.client else None})


def server_of(**chosen: Any) -> HttpServer:
    """A server of that page on a port of its own."""
    app = Starlette(routes=[Route("/health", _page, methods=["GET", "POST"])])
    return HttpServer(app, **{"prefix": "ROBOCALL_SOME_", "host": "127.0.0.1", "port": 0, **chosen})


@pytest.fixture
def client() -> Client:
    """Opens a client; the server lives as long."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[httpx.AsyncClient]:
        server = server_of()
        await server.start()
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as made:
                yield made
        finally:
            await server.stop()

    return opened


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
        [b"POST /health HTTP/1.1\r\n", *[b"x: " + b"y" * MAX_HEAD_BYTES + b"\r\n"] * 40],
        [b"POST /health HTTP/1.1\r\nx: ", *[b"y" * MAX_HEAD_BYTES] * 40],
        [b"GET /health HTTP/1.1\r\n" + b"x: y\r\n" * MAX_HEAD_BYTES + b"\r\n"],
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


CHUNKED = b"POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "endless",
    [[b"0\r\n", *[b"a: b\r\n" * 10_000] * 40], [b"0\r\na: ", *[b"b" * 60_000] * 40], [b"5;a=", *[b"b" * 60_000] * 40]],
    ids=["trailers", "one trailer", "an extension"],
)
def test_what_stands_beside_a_body_has_a_bound_as_a_head_has(endless: list[bytes], client: Client) -> None:
    """By itself, uvicorn keeps every trailer, also of whom it has answered with 401: 60 MB of them took 1 GB."""

    async def run() -> bytes:
        async with client() as opened, asyncio.timeout(HANG_S):
            return await told(int(opened.base_url.port or 0), CHUNKED, *endless)

    assert b"200 OK" not in asyncio.run(run())


def test_bodies_of_many_chunks_and_some_trailers_are_read_on_one_connection(client: Client) -> None:
    """What stands beside them is counted from one part of a body to the next, and trailers are left out."""
    body = CHUNKED + b"1;a=b\r\nx\r\n" * 10_000 + b"0\r\nSome: trailer\r\n\r\n"
    last = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    async def run() -> bytes:
        async with client() as opened, asyncio.timeout(HANG_S):
            return await told(int(opened.base_url.port or 0), body, body, last)

    assert asyncio.run(run()).count(b"200 OK") == 3


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
        port = taken.getsockname()[1]

        with pytest.raises(SettingsInvalid, match=f"ROBOCALL_SOME_PORT={port} on 127.0.0.1"):
            asyncio.run(server_of(port=port).start())


def test_a_certificate_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    """Before anything listens."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")

    with pytest.raises(SettingsInvalid, match="ROBOCALL_SOME_TLS"):
        asyncio.run(server_of(certfile=wrong, keyfile=wrong).start())


def test_nobody_writes_where_a_request_comes_from(client: Client) -> None:
    """By itself, uvicorn believes what a client of this machine says: it could be any peer, and try any password."""

    async def run() -> httpx.Response:
        async with client() as opened:
            headers = {"X-Forwarded-For": "192.0.2.10", "X-Forwarded-Proto": "https"}
            return await opened.get("/health", headers=headers)

    assert asyncio.run(run()).json()["from"] == "127.0.0.1"


def test_the_end_does_not_wait_for_idle_clients(client: Client) -> None:
    """A browser keeps its connection open for ever."""

    async def run() -> None:
        async with client() as opened:
            await opened.post("/health")
            async with asyncio.timeout(60):
                await opened.aclose()

    asyncio.run(run())
