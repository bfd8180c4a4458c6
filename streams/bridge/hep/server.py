"""Takes HEP3 by UDP and TCP, and publishes what it says of calls. It sends nothing back, so it blocks nothing."""

import asyncio
import hmac
import time
from collections.abc import Callable

from streams.bridge.asking import Asker
from streams.bridge.events import EventInvalid
from streams.bridge.hep.calls import CallsSeen
from streams.bridge.hep.packets import Cutter, read_packet
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.peers import Peers
from streams.bridge.settings import BRIDGE_PREFIX, BridgeSettings
from streams.bridge.sip.messages import Junk
from streams.bridge.sip.sockets import Connections, Stream, listen_for_datagrams
from streams.errors import SettingsInvalid

DIP = "hep"


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
            lambda address: peers().find(address),
            settings.hep_calls,
            lambda: metrics.junk(DIP, "forgotten"),
            gives_setups=settings.hep_setups,
        )
        self._datagrams: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._connections = Connections(lambda reason: metrics.junk(DIP, reason), makes_room=True)
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
            self._server = await loop.create_server(lambda: _Stream(self._connections, self.take), host, port)
            self.port = self._server.sockets[0].getsockname()[1]
            self._datagrams = await listen_for_datagrams(host, self.port, self._datagram)
        except OSError as error:
            await self.stop()
            raise SettingsInvalid(f"{BRIDGE_PREFIX}HEP_PORT={port}: {error.strerror or error}") from error

    async def stop(self) -> None:
        """Close all sockets. Never raises."""
        if self._server is not None:
            self._server.close()
        self._connections.close()
        if self._datagrams is not None:
            self._datagrams.close()

    def _datagram(self, data: bytes, ip: str, port: int) -> None:
        del ip, port
        self.take(data)

    def take(self, data: bytes) -> bool:
        """Take a packet; whether it is one, and has the key. Never raises."""
        is_one = False
        try:
            packet = read_packet(data)
            if self._key is not None and not hmac.compare_digest(packet.key, self._key):
                raise Junk("key")  # noqa: TRY301 - one place counts
            is_one = True
            for event in self._calls.take(packet, int(time.monotonic() * 1_000)):
                self._asker.publish(event)
        except Junk as junk:
            self._metrics.junk(DIP, junk.reason)
        except EventInvalid as error:
            self._metrics.junk(DIP, error.code)
        except Exception as error:  # noqa: BLE001 - whatever a stranger sent, others go on
            self._asker.failures(error)
        return is_one


class _Stream(Stream):
    """Packets, one after the other."""

    def __init__(self, connections: Connections, take: Callable[[bytes], bool]) -> None:
        super().__init__(connections)
        self._cutter = Cutter()
        self._take = take

    def feed(self, data: bytes) -> None:
        for packet in self._cutter.feed(data):
            self.is_of_use |= self._take(packet)
