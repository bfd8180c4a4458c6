"""Whoever answers INVITEs in the place of a bridge, as a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from streams.bridge.sip.messages import Request, read_request
from streams.bridge.sip.responses import Answer, Source, respond
from streams.commands.demo.switch import HERE, Switch

Say = Callable[[Request], Sequence[Answer]]


class UdpBridge(asyncio.DatagramProtocol):
    """Answers each request by what `say` makes of it, and keeps all requests.

    Args:
        say: final answers and others to a request.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self.heard: list[Request] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        found = read_request(data)
        self.heard.append(found)
        for answer in self._say(found):
            send = respond(found, Source(*addr), answer, "tag-1")
            self._transport.sendto(send.data, addr)

    def methods(self) -> list[str]:
        return [one.method for one in self.heard]


@asynccontextmanager
async def asked(say: Say, timer_s: float = 30.0) -> AsyncIterator[tuple[Switch, UdpBridge]]:
    """A switch, started, and who answers it."""
    transport, bridge = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: UdpBridge(say), local_addr=(HERE, 0)
    )
    switch = Switch(timer_s)
    await switch.start(transport.get_extra_info("sockname")[1])
    try:
        yield switch, bridge
    finally:
        switch.stop()
        transport.close()
