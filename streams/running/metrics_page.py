"""Metrics over HTTP for a process that has no web server of its own: `/metrics`, from a thread."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.registry import Collector

from streams.errors import SettingsInvalid


@contextmanager
def served(prefix: str, host: str, port: int, *metrics: Collector) -> Iterator[None]:
    """Serve metrics as long as the block runs; the end of it waits for the thread.

    Args:
        prefix: of the variable `WEB_PORT` that an error names, "ROBOCALL_ARCHIVE_".
        host: address to listen on.
        port: 0 = nothing is served.
        metrics: collected by the thread at each scrape.

    Raises:
        SettingsInvalid: the port is taken, or is not for this user.
    """
    if port == 0:
        yield
        return
    registry = CollectorRegistry()
    for one in metrics:
        registry.register(one)
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise SettingsInvalid(f"{prefix}WEB_PORT={port}: {error.strerror}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
