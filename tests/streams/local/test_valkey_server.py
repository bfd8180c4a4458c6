"""Valkey is waited for until it has loaded what it kept, and says in one line when it does not answer."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from streams.local.jars import LocalServiceError
from streams.local.services import free_ports, port_accepts
from streams.local.valkey_server import command, wait_for_ping
from tests.waiting import wait_until

KEYS = 2_000
SLOW_LOADING = ("--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024")
"""Half a millisecond a key, and a look at clients after every few keys."""


@contextmanager
def running(folder: Path, *options: str) -> Iterator[str]:
    """URL of a server that keeps its data, once its port accepts; it ends with the block."""
    (port,) = free_ports(1)
    process = subprocess.Popen([*command(folder, port=port, keep=True), "--logfile", "valkey.log", *options])
    try:
        wait_until(lambda: port_accepts(port) or process.poll() is not None, "the server accepts")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def test_it_is_waited_for_until_it_has_loaded_what_it_kept(tmp_path: Path) -> None:
    """Meanwhile it accepts, and answers that it is loading."""
    with running(tmp_path) as url, redis.Redis.from_url(url) as client:
        wait_for_ping(url)
        client.mset({f"key-{number}": "x" * 100 for number in range(KEYS)})
        client.bgrewriteaof()
        wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "the data are on disk")

    with running(tmp_path, *SLOW_LOADING) as url, redis.Redis.from_url(url) as client:
        with pytest.raises(redis.exceptions.BusyLoadingError):
            client.ping()
        wait_for_ping(url)
        assert client.dbsize() == KEYS


def test_one_that_has_ended_is_told_in_a_sentence() -> None:
    """The owner prints it as the one line of a failed start."""
    (port,) = free_ports(1)

    with pytest.raises(LocalServiceError, match=f"local Valkey at redis://127.0.0.1:{port}/0 .* does not answer"):
        wait_for_ping(f"redis://127.0.0.1:{port}/0")
