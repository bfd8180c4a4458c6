"""A TCP proxy between a client and its server, whose latency a test changes while both run, and which it may cut."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

ANSWER_TIMEOUT_S = 10.0


class Proxy:
    """Passes bytes between 127.0.0.1:`port` and a server on loopback, on an event loop in a thread of its own.

    Args:
        upstream_port: of the server.
    """

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._delay_s = 0.0
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def slow(self, delay_s: float) -> None:
        """Deliver every answer of the server this late, seconds; 0 ends it."""
        self._delay_s = delay_s

    def cut(self) -> None:
        """Close all connections, and every new one at once, until `mend`."""
        self._is_cut = True
        self._run(self._hang_up())

    def mend(self) -> None:
        """Let clients through again."""
        self._is_cut = False

    def close(self) -> None:
        """End the proxy and its thread."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_TIMEOUT_S)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_TIMEOUT_S)

    async def _end(self) -> None:
        """On its own loop: from another thread it may meet a connection that goes."""
        self._server.close()
        await self._hang_up()

    async def _hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.close()
            return
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, upstream_writer}
        await asyncio.gather(
            self._pass(reader, upstream_writer, is_answer=False),
            self._pass(upstream_reader, writer, is_answer=True),
            return_exceptions=True,
        )
        self._writers -= {writer, upstream_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        """Late, but not narrow: what came together leaves together, and in order even when the delay shrinks."""
        not_before = 0.0
        try:
            while data := await reader.read(65_536):
                due = self._loop.time() + (self._delay_s if is_answer else 0.0)
                not_before = max(not_before, due)
                self._loop.call_at(not_before, writer.write, data)
        finally:
            self._loop.call_at(max(not_before, self._loop.time()), writer.close)
