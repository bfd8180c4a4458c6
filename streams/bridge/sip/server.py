"""The SIP dip: sockets on one side, the asker on the other, transactions between them. UDP, TCP, and TLS by setting."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import structlog

from detector.contract.decisions import Decision
from detector.contract.errors import RobocallError
from streams.bridge.asking import Asked, Asker, FailOpen
from streams.bridge.metrics import CANCELLED, FAIL_OPEN, INTERNAL_ERROR, BridgeMetrics
from streams.bridge.peers import Peer, Peers, load_peers
from streams.bridge.settings import BRIDGE_PREFIX, BridgeSettings
from streams.bridge.sip.framing import PONG, Framer
from streams.bridge.sip.mapping import call_setup
from streams.bridge.sip.messages import Junk, Request, read_request
from streams.bridge.sip.profiles import answer_to, passing
from streams.bridge.sip.responses import Send, Source
from streams.bridge.sip.sockets import Connections, Stream, listen_for_datagrams
from streams.bridge.sip.transactions import Ask, Cancelled, Dropped, Key, Transactions
from streams.errors import SettingsInvalid
from streams.running.clock import wall_clock_ms
from streams.running.services import Background
from streams.web.tls_listener import BACKLOG, TlsListener

DIP = "sip"
TICK_S = 0.05
QUICK_MS = 200
"""A peer whose calls may wait longer hears 100 Trying at once."""
LAST_S = 1.0
"""Open questions are waited for so long at the end."""

log = structlog.get_logger(__name__)


class SipDip:
    """Answers INVITEs. Used on one event loop; `start` once, after the asker's, and `stop` once, before it.

    Args:
        settings: where to listen, how long to wait.
        peers: who may ask.
        asker: asks the workers.
        metrics: counts.

    Attributes:
        listens: `udp 127.0.0.1:5060` and so on, once started.
    """

    def __init__(self, settings: BridgeSettings, peers: Peers, asker: Asker, metrics: BridgeMetrics) -> None:
        self._settings = settings
        self._peers = peers
        self._asker = asker
        self._metrics = metrics
        self._transactions = Transactions(settings.max_transactions)
        self._asking: dict[Key, asyncio.Task[None]] = {}
        self._datagrams: asyncio.DatagramTransport | None = None
        self._servers: list[asyncio.Server | TlsListener] = []
        self._connections = Connections(lambda reason: metrics.junk(DIP, reason), self._is_peer)
        self._timers = Background([("sip timers", self._repeat)])
        self._reloading: asyncio.Task[None] | None = None
        self.listens: list[str] = []

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsInvalid: a port is taken, or is not for this user; or a certificate cannot be used.
        """
        try:
            await self._listen()
        except BaseException:
            await self.stop()
            raise
        await self._timers.start()

    async def _listen(self) -> None:
        settings = self._settings
        host, port, tls_port = settings.sip_host, settings.sip_port, settings.sip_tls_port
        variable, number = "SIP_TLS_PORT", tls_port
        try:
            if tls_port:
                await self._listen_for_tls(host, tls_port, self._tls())
            variable, number = "SIP_PORT", port
            if port:
                await self._listen_for_datagrams(host, port)
                await self._listen_for_streams(host, port)
        except OSError as error:
            raise SettingsInvalid(f"{BRIDGE_PREFIX}{variable}={number}: {error.strerror or error}") from error

    async def _listen_for_datagrams(self, host: str, port: int) -> None:
        self._datagrams = await listen_for_datagrams(
            host, port, lambda data, ip, from_port: self.take(data, Source(ip, from_port))
        )
        self.listens.append(f"udp {host}:{port}")

    async def _listen_for_streams(self, host: str, port: int) -> None:
        self._servers.append(await asyncio.get_running_loop().create_server(self._stream, host, port))
        self.listens.append(f"tcp {host}:{port}")

    async def _listen_for_tls(self, host: str, port: int, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in sorted({(family, address[:2]) for family, _, _, _, address in found}):
            listening = socket.create_server(address, family=family, backlog=BACKLOG)
            server = TlsListener(listening, context, self._stream, self._is_peer)
            server.start()
            self._servers.append(server)
        self.listens.append(f"tls {host}:{port}")

    def _stream(self) -> "_Stream":
        return _Stream(self._connections, self.take)

    def _is_peer(self, ip: str) -> bool:
        return self._peers.find(ip) is not None

    def _tls(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.sip_tls_cafile)
        try:
            context.load_cert_chain(cast("Any", settings.sip_tls_certfile), settings.sip_tls_keyfile)
        except (OSError, ssl.SSLError) as error:
            raise SettingsInvalid(f"{BRIDGE_PREFIX}SIP_TLS_CERTFILE cannot be used: {error}") from error
        if settings.sip_tls_cafile is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def stop(self) -> None:
        """Answer what was asked, by a pass where no decision comes soon, and close all sockets. Never raises."""
        if self._asking:
            _, left = await asyncio.wait(self._asking.values(), timeout=LAST_S)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left)
        await self._timers.stop()
        for server in self._servers:
            server.close()
        self._connections.close()
        if self._datagrams is not None:
            self._datagrams.close()

    @property
    def peers(self) -> Peers:
        """Those in force."""
        return self._peers

    def reload(self) -> None:
        """Read the peers file again, as SIGHUP asks for; one that is wrong is told, and the old one stays."""
        self._reloading = asyncio.get_running_loop().create_task(self._reload(self._reloading))

    async def _reload(self, before: "asyncio.Task[None] | None") -> None:
        """In a thread: a thousand peers take longer to read than a call may wait. Never raises."""
        if before is not None:
            await asyncio.wait([before])
        try:
            self._peers = await asyncio.to_thread(load_peers, self._settings.peers_file)
        except RobocallError as error:
            log.error("the peers of before stay", cause=str(error))  # noqa: TRY400 - it is one sentence
            return
        log.info("peers are read again", peers=len(self._peers.all))

    def take(self, data: bytes, source: Source) -> None:
        """Take a message; never raises."""
        try:
            self._take(read_request(data), source)
        except Junk as junk:
            self._metrics.junk(DIP, junk.reason)
        except Exception as error:  # noqa: BLE001 - whatever a stranger sent, others go on
            self._asker.failures(error)

    def _take(self, request: Request, source: Source) -> None:
        peer = self._peers.find(source.ip)
        now_s = time.monotonic()
        is_slow = peer is not None and self._deadline_ms(peer) > QUICK_MS
        outputs = self._transactions.receive(
            request, source, now_s, is_peer=peer is not None, is_healthy=self._asker.is_healthy, is_slow=is_slow
        )
        for output in outputs:
            if isinstance(output, Send):
                self._send(output)
            elif isinstance(output, Dropped):
                self._metrics.junk(DIP, output.reason)
            elif isinstance(output, Cancelled):
                # not before its first step, which publishes the set-up: an attempt counts
                asyncio.get_running_loop().call_soon(self._asking[output.key].cancel)
            elif peer is not None:
                self._ask(output, peer, now_s)

    def _deadline_ms(self, peer: Peer) -> int:
        return peer.deadline_ms or self._settings.deadline_ms

    def _ask(self, ask: Ask, peer: Peer, now_s: float) -> None:
        key = ask.key
        if key is None:  # too many to remember
            self._unasked("full", now_s)
            answer = passing(peer, ask.request, is_fail_open=True)
            self._send(self._transactions.forgetful(ask.request, ask.source, answer))
            return
        if not ask.request.first("call-id"):  # nobody could tell its decision from another's
            self._unasked("malformed", now_s)
            self._reply(key, passing(peer, ask.request, is_fail_open=True))
            return
        task = asyncio.get_running_loop().create_task(self._answer(key, ask.request, ask.source, peer, now_s))
        self._asking[key] = task
        task.add_done_callback(lambda _: self._asking.pop(key, None))

    def _unasked(self, reason: str, now_s: float) -> None:
        """Count a call that passes without being asked about."""
        self._metrics.failed_open(DIP, reason)
        self._metrics.answered(DIP, FAIL_OPEN, time.monotonic() - now_s)

    async def _answer(self, key: Key, request: Request, source: Source, peer: Peer, now_s: float) -> None:
        """Ask, and answer; whatever goes wrong, the call passes."""
        setup: dict[str, Any] | None = None
        decision: Decision | None = None
        why: str | None = None
        said, trace = FAIL_OPEN, self._asker.begin_trace(DIP)
        answer = passing(peer, request, is_fail_open=True)
        try:
            now_ms = wall_clock_ms()
            setup = call_setup(request, peer, source.ip, now_ms)
            asked = await self._asker.ask(setup, self._deadline_ms(peer) / 1_000, trace=trace)
            decision, why = asked.decision, asked.reason
            if asked.decision is None:
                self._metrics.failed_open(DIP, asked.reason or FAIL_OPEN)
            else:
                answer, action = answer_to(peer, request, asked.decision)
                said = action.value
            self._finish(key, setup, asked, answer, said)
        except asyncio.CancelledError:
            if self._reply(key, passing(peer, request, is_fail_open=True)):  # nobody cancelled it: we end
                self._metrics.failed_open(DIP, FailOpen.LATE)
                why = FailOpen.LATE
            else:
                said = CANCELLED
                if setup is not None:
                    self._asker.publish(_end(setup, 487, released_by="calling"))
        except Exception as error:  # noqa: BLE001 - fail open
            self._asker.failures(error)
            decision, said, why = None, FAIL_OPEN, INTERNAL_ERROR
            self._metrics.failed_open(DIP, why)
            self._reply(key, passing(peer, request, is_fail_open=True))
        self._metrics.answered(DIP, said, time.monotonic() - now_s)
        trace.answered(said, decision, why)

    def _finish(self, key: Key, setup: dict[str, Any], asked: Asked, answer: Any, said: str) -> None:
        self._reply(key, answer)
        if said == "block" and asked.decision is not None:
            end = _end(setup, answer.status, released_by="network")
            self._asker.publish(end | {"treatment": "block", "decision_id": asked.decision.decision_id})

    def _reply(self, key: Key, answer: Any) -> bool:
        """Answer an INVITE; whether it had no answer yet."""
        send = self._transactions.answer(key, answer, time.monotonic())
        if send is not None:
            self._send(send)
        return send is not None

    def _send(self, send: Send) -> None:
        if isinstance(send.to.connection, _Stream):
            send.to.connection.write(send.data)
        elif self._datagrams is not None and not self._datagrams.is_closing():
            with suppress(OSError):  # the peer repeats its INVITE
                self._datagrams.sendto(send.data, (send.to.ip, send.to.port))

    async def _repeat(self) -> None:
        """Repeat what was not acknowledged, and forget what has ended; a background job."""
        while True:
            await asyncio.sleep(TICK_S)
            for send in self._transactions.due(time.monotonic()):
                self._send(send)


def _end(setup: dict[str, Any], status: int, released_by: str) -> dict[str, Any]:
    """The end of a call that never got beyond us, this instant."""
    kept = ("call_id", "setup_time_ms", "calling_number", "called_number", "trunk_group_id", "switch_id")
    end = {name: setup[name] for name in kept if name in setup}
    now_ms = max(wall_clock_ms(), setup["setup_time_ms"])
    return end | {"type": "call_end", "end_time_ms": now_ms, "sip_status": status, "released_by": released_by}


class _Stream(Stream):
    """Messages with keep-alives between them; answers go back on it."""

    def __init__(self, connections: Connections, take: Callable[[bytes, Source], None]) -> None:
        super().__init__(connections)
        self._framer = Framer()
        self._take = take
        self._source = Source("", 0)

    def connection_made(self, transport: Any) -> None:
        ip, port, *_ = transport.get_extra_info("peername") or self._source  # none where it is gone already
        self._source = Source(ip, port, self)
        super().connection_made(transport)

    def feed(self, data: bytes) -> None:
        messages, is_ping = self._framer.feed(data)
        if is_ping:
            self.write(PONG)
        for message in messages:
            self._take(message, self._source)
