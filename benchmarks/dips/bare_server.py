"""A SIP server that answers every INVITE with 404, and asks nobody."""

import asyncio
from contextlib import suppress
from typing import Any

from streams.bridge.sip.messages import Junk, read_request
from streams.bridge.sip.responses import Answer, Source, respond

HERE = "127.0.0.1"


async def serve(port: int) -> None:
    """Answer until the process is ended."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(_Bare, local_addr=(HERE, port))
    await asyncio.Event().wait()


class _Bare(asyncio.DatagramProtocol):
    """Answers 404, and an OPTIONS 200."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        with suppress(Junk):
            found = read_request(data)
            if found.method != "ACK":
                answer = Answer(404, "Not Found") if found.method == "INVITE" else Answer(200, "OK")
                send = respond(found, Source(addr[0], addr[1]), answer, "bare")
                self._transport.sendto(send.data, (send.to.ip, send.to.port))
