"""Grant redress: what stands against the number ends at once, it is allowed for a while, and its call counts as lawful.

Redis comes first, since workers follow it within two seconds and it needs nothing else. What fails after that can be
done again: each step changes nothing that is as it should be.
"""

import asyncio
import time
from dataclasses import dataclass

from redis.asyncio import Redis
from rich.console import Console

from detector.contract.events import FeedbackSource, Verdict
from detector.features.window_constants import DAY_MS
from detector.policy.lists import NUMBER_ENTITY
from streams.cases.redress import Claim
from streams.commands.entity_topic import publish_end
from streams.commands.lookup import with_redis
from streams.commands.records.rows import Tally, deliver
from streams.kafka.topics import CALL_FEEDBACK
from streams.redis.connection import E164
from streams.redis.list_changes import change_list
from streams.redis.list_notes import MAX_BY, note_now
from streams.redis.releasing import Released, release
from streams.running.progress import step
from streams.settings import Settings
from streams.wire.records import FeedbackRecord, encode


@dataclass(frozen=True, slots=True)
class Lifted:
    """What ended against a number.

    Attributes:
        released: What stood, and what stays by order.
        allowed_until_ms: The allow entry ends then, epoch milliseconds; None where there is none.
        took_s: From the first question to Redis to its last answer, seconds.
    """

    released: Released
    allowed_until_ms: int | None
    took_s: float


def lift(settings: Settings, number: str, *, who: str, case_id: str, allow_days: float) -> Lifted | None:
    """End what stands against a number and put it on the allow list for a while; blocks for Redis.

    The entry has no reason on purpose: with one the number would pass do-not-originate, orders and what subscribers
    asked for too, which redress does not lift.

    Args:
        settings: Where Redis is, and how long analytics do not block what is released.
        number: Who called; what is no E.164 number has nothing standing against it.
        who: Grants.
        case_id: Stands with them in the entry.
        allow_days: How long the entry holds; 0 for none.

    Raises:
        RedisUnreachable: nothing answers.
        RedisRefused: something answers with an error.
    """
    if not E164.fullmatch(number):
        return None
    began_s, by = time.monotonic(), f"{who[: MAX_BY - len(case_id) - 2]}, {case_id}"
    until_ms = time.time_ns() // 1_000_000 + round(allow_days * DAY_MS) if allow_days else None

    async def work(redis: Redis) -> Released:
        done = await release(redis, NUMBER_ENTITY + number, by=by, grace_s=settings.release_grace_s)
        if until_ms is not None:
            await change_list(redis, "allow", [number], is_addition=True, note=note_now(by=by, until_ms=until_ms))
        return done

    return Lifted(with_redis(work), until_ms, time.monotonic() - began_s)


def tell_others(settings: Settings, claim: Claim, note: str, console: Console) -> None:
    """Tell switches that nothing stands any more, and workers and archive that the call was lawful; blocks for Kafka.

    Raises:
        RobocallError: no broker answers, or it refuses, or a topic is missing.
    """
    number = claim.calling_number
    if number is not None and E164.fullmatch(number):
        asyncio.run(publish_end(settings, NUMBER_ENTITY + number))
    said = FeedbackRecord(
        time_ms=time.time_ns() // 1_000_000,
        verdict=Verdict.LEGITIMATE,
        source=FeedbackSource.REDRESS,
        call_id=claim.call_id,
        calling_number=number,
        called_number=claim.called_number,
        call_time_ms=claim.call_time_ms,
        note=note,
    )
    key = None if number is None else number.encode("utf-8", "surrogatepass")
    with step("Telling workers and switches", console, quick=True) as say:
        deliver(CALL_FEEDBACK, [(key, encode(said))], None, Tally(), say)
