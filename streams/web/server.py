"""uvicorn on the event loop of a service: bounded heads and connections, no signals of its own, a bounded end."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.errors import SettingsInvalid
from streams.web.tls_listener import BACKLOG, TlsListener

MAX_HEAD_BYTES = 16 * 1024
MOST_CONNECTIONS = 2_000
KEEP_ALIVE_S = 75
STOP_S = 2


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol takes any number of connections, and heads of any size and for ever: here all have bounds.

    What stands beside bodies has one bound: heads, sizes and extensions of chunks, and trailers, which nobody reads.
    """

    _is_in_head = False
    _beside_bytes = 0
    """Received since the last part of a body, or since a request or its body began or ended."""
    _no_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection, or close it at once."""
        super().connection_made(transport)
        self._no_head = self.loop.call_later(KEEP_ALIVE_S, transport.close)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand on what comes, in parts no larger than a head may be: of one part nothing is counted before it ends."""
        for start in range(0, len(data), MAX_HEAD_BYTES):
            if self.transport.is_closing():
                return
            self._take(data[start : start + MAX_HEAD_BYTES])
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self._no_head is None and (self._is_in_head or not is_answering):
            self._no_head = self.loop.call_later(KEEP_ALIVE_S, self.transport.close)

    def _take(self, part: bytes) -> None:
        """Hand on a part, unless too much stands beside bodies: in a head that is a bad request."""
        if self._is_in_head and self._beside_bytes + len(part) > MAX_HEAD_BYTES:
            self.send_400_response("The headers are too large.")
            return
        self._beside_bytes += len(part)
        super().data_received(part)
        if not self._is_in_head and self._beside_bytes > MAX_HEAD_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        """See httptools."""
        self._is_in_head, self._beside_bytes = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools; behind a body it is a trailer, which uvicorn would keep."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._is_in_head, self._beside_bytes = False, 0
        self._head_came()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._beside_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        self._beside_bytes = 0
        super().on_message_complete()

    def _head_came(self) -> None:
        if self._no_head is not None:
            self._no_head.cancel()
            self._no_head = None


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command."""
        yield


class HttpServer:
    """Serves an application. Started and stopped once, on the event loop.

    Args:
        app: the application.
        prefix: of the variables `HOST`, `PORT` and `TLS_...` that an error names, "ROBOCALL_BRIDGE_HTTP_".
        host: address to listen on.
        port: 0 = one that is free.
        certfile: PEM of the certificate of HTTPS; None = plain HTTP.
        keyfile: PEM of its private key.
        cafile: PEM of the authority that signs clients; then each needs a certificate of it.

    Attributes:
        port: that it listens on, once it has started.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        prefix: str,
        host: str,
        port: int,
        certfile: Path | None = None,
        keyfile: Path | None = None,
        cafile: Path | None = None,
    ) -> None:
        self._prefix, self._host, self._asked_port = prefix, host, port
        self._scheme = "https" if certfile else "http"
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # by default whoever asks from this machine may write an address of its own choice
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
            ssl_certfile=certfile,
            ssl_keyfile=keyfile,
            ssl_ca_certs=cafile and str(cafile),
            ssl_cert_reqs=ssl.CERT_REQUIRED if cafile else ssl.CERT_NONE,
        )
        self._server = _Quiet(config)
        self._task: asyncio.Task[None] | None = None
        self._tls: TlsListener | None = None
        self.port = 0

    @property
    def listens(self) -> str:
        """Where, for people."""
        return f"{self._scheme}://{self._host}:{self.port}" if self.port else "off"

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsInvalid: the port is taken or not ours, or a certificate cannot be used.
        """
        try:
            self._server.config.load()
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise SettingsInvalid(f"{self._prefix}TLS_...: {type(error).__name__}: check the files") from error
        listening = self._listening()
        self.port = listening.getsockname()[1]
        if self._server.config.ssl is not None:
            self._tls = TlsListener(listening, self._server.config.ssl, self._protocol)
        self._task = asyncio.create_task(self._server.serve([] if self._tls else [listening]))
        if self._tls is not None:
            self._tls.start()

    def _protocol(self) -> BoundedProtocol:
        """Make what uvicorn makes of a connection to a socket of its own."""
        return BoundedProtocol(self._server.config, self._server.server_state, {})

    async def stop(self) -> None:
        """Stop listening, let requests end, and close what is left after `STOP_S`."""
        if self._tls is not None:
            self._tls.close()
        self._server.should_exit = True
        if self._task is not None:
            await self._task

    def _listening(self) -> socket.socket:
        host, port = self._host, self._asked_port
        try:
            address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            return socket.create_server(address[4][:2], family=address[0], backlog=BACKLOG)
        except OSError as error:
            raise SettingsInvalid(f"{self._prefix}PORT={port} on {host}: {error.strerror}") from error
