"""TLS connections, counted from the moment they are accepted: asyncio tells of one when its handshake is over."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

BACKLOG = 1_024
"""Connections that the kernel keeps until they are accepted."""
HANDSHAKE_S = 5.0
"""Whoever takes longer is not waited for."""
MOST_HANDSHAKES = 200
"""At a time, of those who are known and of strangers each; one more ends the oldest of its kind."""
ACCEPTED_AT_ONCE = 64
"""The event loop has its turn after so many."""
PAUSE_S = 0.5
"""Before the next try, where this process may open no more files."""


class TlsListener:
    """Accepts connections and does their handshakes. Used on one event loop; `start` once, before `close`.

    The oldest handshake goes where there are too many: that of an honest client takes milliseconds, and whoever only
    connects would otherwise keep all others out.

    Args:
        listening: socket that listens; closed with this.
        context: of TLS.
        protocol: makes one for each connection; told of the connection when its handshake is over.
        is_known: whether an address is that of somebody who is expected; none is, unless it is given.
    """

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        protocol: Callable[[], asyncio.BaseProtocol],
        is_known: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._listening = listening
        self._context = context
        self._protocol = protocol
        self._is_known = is_known
        self._handshakes: dict[bool, dict[asyncio.Task[None], None]] = {True: {}, False: {}}
        self._again: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to accept."""
        self._listening.setblocking(False)
        self._resume()

    def close(self) -> None:
        """Stop listening, and end handshakes. Connections that are open stay. Never raises."""
        if self._listening.fileno() < 0:
            return
        if self._again is None:
            asyncio.get_running_loop().remove_reader(self._listening)
        else:
            self._again.cancel()
        self._listening.close()
        for task in (*self._handshakes[True], *self._handshakes[False]):
            task.cancel()

    def _resume(self) -> None:
        self._again = None
        asyncio.get_running_loop().add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._listening)
                self._again = loop.call_later(PAUSE_S, self._resume)
                return
            self._begin(connection, address[0])

    def _begin(self, connection: socket.socket, ip: str) -> None:
        kept = self._handshakes[self._is_known(ip)]
        if len(kept) >= MOST_HANDSHAKES:
            oldest = next(iter(kept))
            del kept[oldest]
            oldest.cancel()
        task = asyncio.get_running_loop().create_task(self._handshake(connection))
        kept[task] = None
        task.add_done_callback(lambda done: kept.pop(done, None))

    async def _handshake(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        with suppress(OSError):  # of TLS, and of time, too: asyncio has closed the connection
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S
            )
