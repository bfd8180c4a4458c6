"""The call that somebody asks about, in Redis or else in the archive; what is away is said and not waited for."""

from collections.abc import Callable

from detector.contract.errors import RobocallError
from streams.cases.redress import Claim
from streams.redis.connection import asked as ask_redis
from streams.redress.finding import in_redis
from streams.settings import Settings


def looked_up(settings: Settings, asked: Claim, now_ms: int, complain: Callable[[str], None]) -> Claim:
    """Return the call as Redis or the archive has it, else as it was asked. It blocks for both.

    Args:
        settings: Where Redis is.
        asked: What is known of it.
        now_ms: Epoch milliseconds.
        complain: Told a sentence for each place that could not be asked.
    """
    for place, look in (("Redis", _in_redis), ("the archive", _in_archive)):
        try:
            claim = look(settings, asked, now_ms)
        except (RobocallError, OSError) as error:
            complain(f"not looked up in {place}: {error}")
        else:
            if claim is not None:
                return claim
    return asked


def _in_redis(settings: Settings, asked: Claim, now_ms: int) -> Claim | None:
    del now_ms
    return ask_redis(settings, lambda redis: in_redis(redis, asked))


def _in_archive(settings: Settings, asked: Claim, now_ms: int) -> Claim | None:
    del settings
    from streams.redress.archived import in_archive  # noqa: PLC0415 - pyarrow, which granting does not wait for

    return in_archive(asked, now_ms)
