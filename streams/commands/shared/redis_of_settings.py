"""The Redis of the settings, as commands use it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis

from streams.redis.connection import asked
from streams.settings import load_settings

T = TypeVar("T")


def with_redis(work: Callable[[Redis], Awaitable[T]]) -> T:
    """Do the same as `streams.redis.connection.asked`, with the configured Redis.

    Raises:
        SettingsInvalid: a setting is out of its bounds.
        RedisUnreachable: nothing answers.
        RedisRefused: something answers with an error.
    """
    return asked(load_settings(), work)
