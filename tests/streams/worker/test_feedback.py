"""Feedback on a real Kafka, decisions in a real Valkey: what was said of a call meets what was decided on it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from detector.contract.events import MAX_RECORD_BYTES
from streams.kafka.topics import CALL_FEEDBACK, DEAD_LETTERS
from streams.redis.connection import Guard, connect, decision_key, number_key
from streams.settings import load_settings
from streams.worker.feedback import FeedbackCounts, FeedbackReader
from streams.worker.refused_feedback import RefusedFeedback
from tests.streams.worker.fakes import Side
from tests.waiting import until

pytestmark = pytest.mark.kafka

BLOCKED, UNHEARD_OF, LOCAL = "+12025550123", "+12025550177", "+12025550155"
"""Of the last one, the switch wrote both numbers of its call without `+1`."""


def decision(call_id: str, action: str, **fields: str) -> bytes:
    """A kept decision, in shadow mode, as it stands in Redis."""
    return json.dumps(
        {
            "call_id": call_id, "decision_id": call_id, "action": "allow", "mode": "shadow", "would_be": action,
            "decided_by": "model", "score": 0.97, "label": None, "reasons": [], "sip": None,
            "calling_number": BLOCKED, "called_number": "+12025550199", "trunk_group_id": "t", "switch_id": None,
            "setup_time_ms": 1_700_000_000_000, "decided_time_ms": 1_700_000_000_001,
            "model_version": "gbt-1", "policy_version": "p1", "feature_schema": "f1",
            **fields,
        }
    ).encode()  # fmt: skip


def report(number: str, **fields: Any) -> bytes:
    return json.dumps({"time_ms": 1_700_000_000_000, "source": "redress", "calling_number": number, **fields}).encode()


REPORTS = [
    report(BLOCKED, verdict="legitimate", call_id="blocked-call"),
    report(BLOCKED, verdict="robocall", call_id="labelled-call"),
    report(BLOCKED, verdict="robocall", call_id="forgotten-call"),
    report(UNHEARD_OF, verdict="legitimate"),
    report(UNHEARD_OF, verdict="legitimate", calling_number=None),
    report(BLOCKED, verdict="robocall", call_id=None, called_number="+1 202 555 0199"),
    report(BLOCKED, verdict="robocall", call_id=None, called_number="+12025550198"),
    report(LOCAL, verdict="robocall", call_id=None, called_number="+12025550199"),
    report(BLOCKED, verdict="legitimate", calling_number=None, called_number=BLOCKED, call_time_ms=1_700_000_000_000),
    report(BLOCKED, verdict="robocall", source="subscriber_repport"),
    b"no json",
    report(BLOCKED, verdict="robocall")[:-1] + b',"x":' + b"[" * 7_000 + b"]" * 7_000 + b"}",
    report(BLOCKED, verdict="robocall", x="x" * MAX_RECORD_BYTES),
]
BROKEN_KEY = b"\xff"
"""It comes first: what follows in the same poll is heard nevertheless."""


async def keep_decisions(redis: Redis) -> list[str]:
    """Keep the decisions that reports are about; returns their keys."""
    keys = [decision_key("blocked-call"), decision_key("labelled-call"), number_key(BLOCKED)]
    keys += [decision_key("local-call"), number_key(LOCAL[2:])]
    await redis.delete(*keys)
    await redis.set(keys[0], decision("blocked-call", "block"))
    await redis.set(keys[1], decision("labelled-call", "label"))
    await redis.rpush(keys[2], "labelled-call", "blocked-call", "expired-call")
    await redis.set(keys[3], decision("local-call", "label", calling_number=LOCAL[2:], called_number="2025550199"))
    await redis.rpush(keys[4], "local-call")
    return keys


def test_reports_meet_the_decisions_on_their_calls(
    kafka_bootstrap: str, redis_url: str, fresh_topics: Callable[..., list[str]]
) -> None:
    """A blocked call reported lawful is a false block; what is not kept, or no report at all, is counted as that.

    One poll brings all of it: no record costs those behind it, be its key no UTF-8 or its value 7,000 levels deep.
    """
    fresh_topics(partitions=2)
    settings = load_settings(
        kafka_bootstrap_servers=kafka_bootstrap, redis_url=redis_url, consumer_group="feedback-test"
    )
    counts = FeedbackCounts(lambda: 0)
    unreadable: list[Any] = []
    side = Side()

    async def listen() -> None:
        redis = connect(settings)
        keys = await keep_decisions(redis)
        reader = FeedbackReader(
            settings, redis, Guard(), counts, RefusedFeedback(counts, side).tell, lambda *one: unreadable.append(one)
        )
        listening = asyncio.create_task(reader.run())
        producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
        await producer.start()
        try:
            await until(lambda: reader.is_listening)
            numberless = report(BLOCKED, verdict="legitimate", calling_number=None, call_id="blocked-call")
            sent = [producer.send(CALL_FEEDBACK, numberless, BROKEN_KEY, partition=0)]
            sent += [producer.send(CALL_FEEDBACK, value, BLOCKED.encode(), partition=0) for value in REPORTS]
            for one in sent:
                await (await one)
            await until(lambda: counts.heard.total() + counts.invalid.total() == len(sent))
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await producer.stop()
            await redis.delete(*keys)
            await redis.aclose()

    asyncio.run(listen())

    assert dict(counts.heard) == {
        ("legitimate", "redress", "block", "shadow"): 1,
        ("robocall", "redress", "label", "shadow"): 3,  # two of them by the called number
        ("robocall", "redress", "none", ""): 2,
        ("legitimate", "redress", "none", ""): 2,
        ("legitimate", "redress", "unknown", ""): 1,  # by the called number and time alone
    }
    assert dict(counts.false_blocks) == {("redress", "model", "shadow"): 1}
    assert counts.invalid == {"missing_field": 1, "invalid_json": 1, "too_deep": 1, "too_large": 1, "out_of_range": 1}
    letters = [json.loads(value or b"") for _, value in side.records[DEAD_LETTERS]]
    assert {letter["topic"] for letter in letters} == {CALL_FEEDBACK}
    assert len({(letter["partition"], letter["offset"]) for letter in letters}) == 5
