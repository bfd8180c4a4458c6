"""A Valkey process that a test may kill and start again on its port, and a proxy that makes it slow."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis

from streams.local.services import port_accepts
from streams.local.valkey_server import command, wait_for_ping
from streams.redis.connection import connect
from streams.settings import load_settings
from tests.waiting import wait_until


class ValkeyProcess:
    """A real server on loopback without persistence: what it knew is gone when it is killed."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        arguments = [*command(self._folder, port=self.port, keep=False), "--logfile", "valkey.log"]
        process = self._process = subprocess.Popen(arguments)
        wait_until(lambda: port_accepts(self.port) or process.poll() is not None, "the server accepts")
        assert process.poll() is None, "the server did not start"
        wait_for_ping(self.url)

    def kill(self) -> None:
        """Kill it without a chance to say goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@asynccontextmanager
async def slow_proxy(port: int, *, delay_s: float) -> AsyncIterator[str]:
    """Pass bytes between clients and the server at `port`, each answer `delay_s` late; gives the URL."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, upstream_writer))
        await asyncio.gather(_pass(reader, upstream_writer, 0.0), _pass(upstream_reader, writer, delay_s))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        for writer in writers:
            writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Late, but not narrow: what came together leaves together."""
    loop = asyncio.get_running_loop()
    while data := await reader.read(65_536):
        loop.call_later(delay_s, writer.write, data)
    loop.call_later(delay_s, writer.close)


def run(work: Callable[[Redis], Awaitable[None]], url: str) -> None:
    """Run a test's coroutine with a client of the kind that workers use."""

    async def main() -> None:
        client = connect(load_settings(redis_url=url))
        try:
            await work(client)
        finally:
            await client.aclose()

    asyncio.run(main())
