"""A server that speaks no HTTP, on a port where a page is looked for."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Greeting(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass  # to close before all is read would reset the connection, and lose the answer
        self.wfile.write(b"220 mail.example.net ESMTP\r\n")


@contextmanager
def stranger() -> Iterator[int]:
    """Port on loopback of a server that greets as one for mail does; it ends with the block."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Greeting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
