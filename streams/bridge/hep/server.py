"""Takes HEP3 by UDP and TCP, and publishes what it says of calls. It sends nothing back, so it blocks nothing."""

import asyncio
import hmac
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from streams.bridge.asking import Asker
from streams.bridge.events import EventInvalid
from streams.bridge.hep.calls import CallsSeen
from streams.bridge.hep.packets import Cutter, read_packet
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.peers import Peers
from streams.bridge.settings import BRIDGE_PREFIX, BridgeSettings
from streams.bridge.sip.messages import Junk
from streams.errors import SettingsInvalid

DIP = "hep"
MOST_CONNECTIONS = 1_000
RECEIVE_BYTES = 4 * 1024 * 1024


class HepServer:
    """Used on the event loop alone; started and stopped once.

    Args:
        settings: where it listens, and what it wants.
        peers: gives those in force: who sends calls to the switches.
        asker: publishes, and takes internal errors.
        metrics: counts what says nothing.
    """

    def __init__(
        self, settings: BridgeSettings, peers: Callable[[], Peers], asker: Asker, metrics: BridgeMetrics
    ) -> None:
        self._settings = settings
        self._asker = asker
        self._metrics = metrics
        self._key = None if settings.hep_key is None else settings.hep_key.get_secret_value().encode()
        self._calls = CallsSeen(
            lambda address: peers().find(address), settings.hep_calls, gives_setups=settings.hep_setups
        )
        self._datagrams: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[_Stream] = set()
        self.port = 0

    @property
    def listens(self) -> str:
        """Where, for people."""
        return f"{self._settings.hep_host}:{self.port}" if self.port else "off"

    async def start(self) -> None:
        """Listen, by TCP and on the same port by UDP; `port` says where.

        Raises:
            SettingsInvalid: the port is taken, or is not for this user.
        """
        loop, host, port = asyncio.get_running_loop(), self._settings.hep_host, self._settings.hep_port
        try:
            self._server = await loop.create_server(lambda: _Stream(self), host, port)
            self.port = self._server.sockets[0].getsockname()[1]
            self._datagrams, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(host, self.port)
            )
        except OSError as error:
            await self.stop()
            raise SettingsInvalid(f"{BRIDGE_PREFIX}HEP_PORT={port}: {error.strerror or error}") from error
        with suppress(OSError, AttributeError):  # a burst is kept by the kernel, as far as that is allowed
            sender = self._datagrams.get_extra_info("socket")
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)

    async def stop(self) -> None:
        """Close all sockets. Never raises."""
        if self._server is not None:
            self._server.close()
        for stream in list(self._connections):
            stream.close()
        if self._datagrams is not None:
            self._datagrams.close()

    def take(self, data: bytes) -> None:
        """Take a packet; never raises."""
        try:
            packet = read_packet(data)
            if self._key is not None and not hmac.compare_digest(packet.key, self._key):
                raise Junk("key")  # noqa: TRY301 - one place counts
            for event in self._calls.take(packet):
                self._asker.publish(event)
        except Junk as junk:
            self._metrics.junk(DIP, junk.reason)
        except EventInvalid as error:
            self._metrics.junk(DIP, error.code)
        except Exception as error:  # noqa: BLE001 - whatever a stranger sent, others go on
            self._asker.failures(error)

    def connected(self, stream: "_Stream") -> bool:
        """Note a connection; False where there are too many."""
        if len(self._connections) >= MOST_CONNECTIONS:
            self._metrics.junk(DIP, "connections")
            return False
        self._connections.add(stream)
        return True

    def disconnected(self, stream: "_Stream") -> None:
        """Forget a connection."""
        self._connections.discard(stream)

    def junk(self, reason: str) -> None:
        """Count what came by a connection that is of no use any more."""
        self._metrics.junk(DIP, reason)


class _Datagrams(asyncio.DatagramProtocol):
    """Hands on datagrams."""

    def __init__(self, server: HepServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        del addr
        self._server.take(data)


class _Stream(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: HepServer) -> None:
        self._server = server
        self._cutter = Cutter()
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if not self._server.connected(self):
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.disconnected(self)

    def data_received(self, data: bytes) -> None:
        try:
            packets = self._cutter.feed(data)
        except Junk as junk:
            self._server.junk(junk.reason)
            self._transport.close()
            return
        for packet in packets:
            self._server.take(packet)

    def close(self) -> None:
        """Close it."""
        self._transport.close()
