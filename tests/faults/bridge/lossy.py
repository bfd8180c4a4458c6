"""A UDP relay in front of a bridge that loses some of the datagrams, in both directions."""

import asyncio
import random
import threading
from typing import Any

from streams.commands.demo.switch import HERE
from tests.waiting import HANG_S


class LossyRelay:
    """Passes datagrams between one switch and 127.0.0.1:`upstream_port`, on an event loop in a thread of its own.

    Args:
        upstream_port: of the bridge.
        loss: share of the datagrams that are lost, by chance.
        chance: seeded.
    """

    def __init__(self, upstream_port: int, loss: float, chance: random.Random) -> None:
        self._loss = loss
        self._chance = chance
        self.lost = self.passed = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lossy relay", daemon=True)
        self._thread.start()
        near, far = _Side(self), _Side(self)
        near.other, far.other = far, near
        asyncio.run_coroutine_threadsafe(self._open(near, far, upstream_port), self._loop).result(HANG_S)
        self.port: int = near.port

    def close(self) -> None:
        """End it and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(HANG_S)
        self._loop.close()

    async def _open(self, near: "_Side", far: "_Side", upstream_port: int) -> None:
        await self._loop.create_datagram_endpoint(lambda: near, local_addr=(HERE, 0))
        await self._loop.create_datagram_endpoint(lambda: far, local_addr=(HERE, 0), remote_addr=(HERE, upstream_port))

    def is_lost(self) -> bool:
        """Whether the next datagram is."""
        lost = self._chance.random() < self._loss
        self.lost, self.passed = self.lost + lost, self.passed + (not lost)
        return lost


class _Side(asyncio.DatagramProtocol):
    """One socket: what comes in goes out by the other, to whoever was heard there last."""

    other: "_Side"

    def __init__(self, relay: LossyRelay) -> None:
        self._relay = relay
        self._heard: Any = None
        self.port = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._heard = addr
        if not self._relay.is_lost():
            self.other.send(data)

    def send(self, data: bytes) -> None:
        connected = self._transport.get_extra_info("peername") is not None
        self._transport.sendto(data, None if connected else self._heard)
