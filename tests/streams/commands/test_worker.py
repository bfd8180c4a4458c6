"""What a worker checks before it starts."""

import socket

import pytest

from streams.commands.worker import require_port
from streams.errors import PortTaken
from streams.local.services import free_ports


def test_a_taken_port_is_named_with_what_to_do() -> None:
    """One line, before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port} .*: set ROBOCALL_WEB_PORT"):
            require_port("127.0.0.1", port)


def test_a_free_port_may_be_used() -> None:
    """And is free again afterwards."""
    (port,) = free_ports(1)
    require_port("127.0.0.1", port)
    require_port("127.0.0.1", port)
