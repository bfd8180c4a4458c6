"""Handshakes are bounded in number and time, and whoever only connects keeps nobody out."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from streams.web import tls_listener as module
from streams.web.tls_listener import TlsListener
from tests.integration.secured import make_certificates
from tests.waiting import HANG_S, until

HERE, KNOWN = "127.0.0.1", "127.0.0.9"


class Echo(asyncio.Protocol):
    """Says again what comes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as it is for streams
        self.write = transport.write

    def data_received(self, data: bytes) -> None:
        self.write(data)


class Case:
    """A listener, and who connects to it."""

    def __init__(self, folder: Path) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "broker.crt", folder / "broker.key")
        listening = socket.create_server((HERE, 0))
        self.port = listening.getsockname()[1]
        self.listener = TlsListener(listening, context, Echo, lambda ip: ip == KNOWN)
        self.trusted = ssl.create_default_context(cafile=folder / "authority.crt")
        self.silent: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def connect(self, ip: str = HERE) -> asyncio.StreamReader:
        """Connect, and say nothing."""
        self.silent.append(await asyncio.open_connection(HERE, self.port, local_addr=(ip, 0)))
        return self.silent[-1][0]

    async def echo(self, ip: str = HERE) -> bytes:
        """Shake hands, say something, and read it again."""
        reader, writer = await asyncio.open_connection(
            HERE, self.port, ssl=self.trusted, server_hostname=HERE, local_addr=(ip, 0)
        )
        writer.write(b"echo")
        try:
            return await reader.readexactly(4)
        finally:
            writer.transport.abort()

    @property
    def handshakes(self) -> int:
        return sum(map(len, self.listener._handshakes.values()))


@asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[Case]:
    make_certificates(folder)
    case = Case(folder)
    case.listener.start()
    try:
        async with asyncio.timeout(HANG_S):
            yield case
    finally:
        case.listener.close()
        for _, writer in case.silent:
            writer.transport.abort()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
    return asyncio.Runner(loop_factory=request.param)


def test_whoever_only_connects_goes_before_others_are_kept_out(
    tmp_path: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, asyncio keeps each for a minute, and tells of none: they took every file of the process."""
    monkeypatch.setattr(module, "MOST_HANDSHAKES", 3)

    async def run() -> None:
        async with listening(tmp_path) as case:
            known = await case.connect(KNOWN)
            first = [await case.connect() for _ in range(3)]
            await until(lambda: case.handshakes == 4)
            more = [await case.connect() for _ in range(3)]
            assert [await reader.read() for reader in first] == [b""] * 3
            assert await case.echo() == b"echo"
            assert await more[0].read() == b""
            await until(lambda: case.handshakes == 3)
            assert not known.at_eof()
            case.listener.close()
            assert await more[1].read() + await known.read() == b""

    with runner:
        runner.run(run())


def test_a_handshake_that_takes_too_long_is_ended(
    tmp_path: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_S", 0.2)

    async def run() -> None:
        async with listening(tmp_path) as case:
            assert await (await case.connect()).read() == b""
            await until(lambda: case.handshakes == 0)

    with runner:
        runner.run(run())


def test_what_is_no_tls_is_closed_and_others_are_served(tmp_path: Path, runner: asyncio.Runner) -> None:
    async def run() -> None:
        async with listening(tmp_path) as case:
            reader = await case.connect()
            case.silent[0][1].write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.read()
            assert reader.at_eof()
            assert await asyncio.gather(*(case.echo() for _ in range(100))) == [b"echo"] * 100

    with runner:
        runner.run(run())


def test_without_files_it_waits_and_goes_on(
    tmp_path: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket stays readable meanwhile; nobody who waits in the kernel is lost."""
    monkeypatch.setattr(module, "PAUSE_S", 0.01)

    async def run() -> None:
        async with listening(tmp_path) as case:
            whole, failures = case.listener._listening, 3

            class Full:
                def __getattr__(self, name: str) -> object:
                    return getattr(whole, name)

                def accept(self) -> tuple[socket.socket, tuple[str, int]]:
                    nonlocal failures
                    if failures:
                        failures -= 1
                        raise OSError(24, "Too many open files")
                    return whole.accept()

            monkeypatch.setattr(case.listener, "_listening", Full())
            assert await case.echo() == b"echo"
            assert failures == 0
            monkeypatch.setattr(case.listener, "_listening", whole)

    with runner:
        runner.run(run())
