"""Find the decision that somebody asks about in Redis, which has seven days of them."""

from redis.asyncio import Redis

from detector.contract.decisions import Action, Decision
from detector.contract.numbers import normal_form, written_forms
from streams.cases.redress import Claim
from streams.redis.decisions import decisions_of, latest_decisions

TOLERANCE_MS = 600_000
"""So far the instant that somebody remembers may be from that of the call."""


async def in_redis(redis: Redis, asked: Claim) -> Claim | None:
    """The decision with the id, or on the call between the numbers that is nearest to the instant.

    Args:
        redis: Client.
        asked: Its id, or its calling number; called number and instant narrow it down.

    Returns:
        None where Redis has none: plain allows are not kept, and others for seven days.

    Raises:
        RedisError: the server is away.
    """
    if asked.decision_id is not None:
        (decision,) = await decisions_of(redis, [asked.decision_id])
        return None if decision is None else _claim(decision)
    decisions = await latest_decisions(redis, normal_form(asked.calling_number or ""))
    near = [one for one in decisions if _fits(one, asked)]
    at_ms = asked.call_time_ms or max((one.setup_time_ms for one in near), default=0)
    nearest = min(near, key=lambda one: (_is_plain_allow(one), abs(one.setup_time_ms - at_ms)), default=None)
    return None if nearest is None else _claim(nearest)


def _fits(decision: Decision, asked: Claim) -> bool:
    is_near = asked.call_time_ms is None or abs(decision.setup_time_ms - asked.call_time_ms) <= TOLERANCE_MS
    called = asked.called_number
    return is_near and (called is None or decision.called_number in written_forms(called))


def _is_plain_allow(decision: Decision) -> bool:
    return decision.would_be is None and decision.action is Action.ALLOW


def _claim(decision: Decision) -> Claim:
    return Claim(
        calling_number=decision.calling_number,
        called_number=decision.called_number,
        call_time_ms=decision.setup_time_ms,
        decision_id=decision.decision_id,
        call_id=decision.call_id,
        trunk_group_id=decision.trunk_group_id,
        decided=decided_text(decision.would_be, decision.action, decision.decided_by),
        because=decision.reasons[0].code if decision.reasons else None,
    )


def decided_text(would_be: str | None, action: str, decided_by: str) -> str:
    """What was done with a call, in words: `block by model`."""
    shadow = "" if would_be is None else " (shadow)"
    return f"{would_be or action}{shadow} by {decided_by}"
