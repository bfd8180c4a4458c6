"""Sockets of the dips that take SIP or copies of it: datagrams, and a bounded number of streams of messages."""

import asyncio
import socket
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from streams.bridge.sip.messages import Junk

MOST_CONNECTIONS = 2_500
MOST_STRANGERS = 100
"""Of connections from addresses that no peer has: they take no peer's place."""
MOST_UNREAD_BYTES = 1024 * 1024
"""A connection whose other side reads nothing of so much is closed."""
RECEIVE_BYTES = 4 * 1024 * 1024

Take = Callable[[bytes, str, int], None]
"""Told a datagram, and the address and port that it came from; it must not raise."""


async def listen_for_datagrams(host: str, port: int, take: Take) -> asyncio.DatagramTransport:
    """Take datagrams; the kernel keeps a burst of them, as far as that is allowed.

    Raises:
        OSError: the port is taken, or is not for this user.
    """
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(take), local_addr=(host, port))
    with suppress(OSError, AttributeError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    return transport


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Take) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._take(data, addr[0], addr[1])


class Connections:
    """Streams of a dip that are open.

    Args:
        junk: told why a connection was of no use, in a word.
        is_known: whether an address is that of somebody who is expected; all are, unless it is given.
        makes_room: where there are too many, whether the oldest that has said nothing of use goes.
    """

    def __init__(
        self,
        junk: Callable[[str], None],
        is_known: Callable[[str], bool] = lambda _: True,
        *,
        makes_room: bool = False,
    ) -> None:
        self.junk = junk
        self._is_known = is_known
        self._makes_room = makes_room
        self._open: dict[Stream, None] = {}
        self._strangers: dict[Stream, None] = {}

    def opened(self, stream: "Stream", ip: str) -> bool:
        """Note a connection from an address; False where there are too many."""
        is_known = self._is_known(ip)
        kept, most = (self._open, MOST_CONNECTIONS) if is_known else (self._strangers, MOST_STRANGERS)
        if len(kept) >= most:
            self.junk("connections")
            idle = next((one for one in kept if not one.is_of_use), None) if self._makes_room else None
            if idle is None:
                return False
            del kept[idle]
            idle.close()
        kept[stream] = None
        return True

    def closed(self, stream: "Stream") -> None:
        """Forget a connection."""
        self._open.pop(stream, None)
        self._strangers.pop(stream, None)

    def close(self) -> None:
        """Close all."""
        for stream in (*self._open, *self._strangers):
            stream.close()


class Stream(asyncio.Protocol):
    """One connection; its dip says how it is cut.

    Args:
        connections: of the dip.

    Attributes:
        is_of_use: whether it brought a message that its dip could use; the dip says so, where that makes a difference.
    """

    def __init__(self, connections: Connections) -> None:
        self.is_of_use = False
        self._connections = connections
        self._transport: Any = None

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Take bytes, and hand on the messages that are whole now.

        Raises:
            Junk: the connection is of no use any more.
        """

    def connection_made(self, transport: Any) -> None:
        """See asyncio."""
        self._transport = transport
        ip, *_ = transport.get_extra_info("peername") or ("",)  # none where it is gone already
        if not self._connections.opened(self, ip):
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        del exc
        self._connections.closed(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        try:
            self.feed(data)
        except Junk as junk:
            self._connections.junk(junk.reason)
            self.close()

    def write(self, data: bytes) -> None:
        """Send; a connection that is gone takes nothing, and one that reads nothing is closed."""
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            self._connections.junk("unread")
            self._transport.abort()

    def close(self) -> None:
        """Close it."""
        self._transport.close()
