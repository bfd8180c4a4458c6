"""What may stand in our keys of Redis besides what we put there: texts, and values of every type."""

import json
from typing import Any

import redis

from detector.contract.decisions import Action
from detector.windows.trunks import header_of
from streams.redis import connection as keys
from streams.redis.bounded import MAX_COUNT, MAX_RECORD_BYTES
from streams.redis.list_notes import NOTED_LISTS, notes_key
from tests.streams.redis.test_lists import CALLING, ENTITY, standing_record
from tests.streams.redis.test_trunk_exchange import SEED, TRUNK

PARTITION, IDENTIFIER, WORKER = 1, "a" * 32, "w-1"
OUR_KEYS = (
    keys.LISTS_VERSION,
    keys.EMERGENCY_EMPTIED,
    keys.ENTITIES_VERSION,
    keys.ENTITIES_CHANGED,
    keys.TRUNK_PARTITIONS,
    keys.ACTIVE_MODEL,
    keys.SHADOW_MODEL,
    keys.MODELS_TOLD,
    keys.WORKERS,
    keys.worker_key(WORKER),
    *map(keys.list_key, keys.LIST_NAMES),
    *map(notes_key, NOTED_LISTS),
    keys.entity_key(ENTITY),
    keys.entity_key(f"trunk:{TRUNK}"),
    keys.decision_key(IDENTIFIER),
    keys.number_key(CALLING),
    keys.trunk_key(PARTITION),
    keys.trunk_journal_key(PARTITION),
    keys.trunk_version_key(PARTITION),
)
HUGE = 10**30


def odd_record(since_ms: object) -> bytes:
    """A standing decision as ours, but for one field."""
    found: dict[str, Any] = json.loads(standing_record(Action.BLOCK, 1_000)[1])
    return json.dumps(found | {"since_ms": since_ms}).encode()


ODD_TEXTS = (
    b"9" * 5_000,
    b"-1",
    b"1e400",
    b"nan",
    str(HUGE).encode(),
    str(MAX_COUNT + 1).encode(),
    b"[" * 60_000,
    b'{"a":' * 12_000,
    b"x" * (MAX_RECORD_BYTES + 1),
    CALLING.encode(),
    ENTITY.encode(),
    IDENTIFIER.encode(),
    b"number:" + b"7" * 2_000,
    b"\xed\xa0\x80",
    odd_record(HUGE),
    odd_record(-1),
    odd_record("soon"),
    b'{"basis":"whim"}',
    b'{"by":"M. Lee","reason":"why","at_ms":1e18}',
)
ODD_SCORES = (0.5, 1.0, 5.0, float("inf"), float(2**60))


def forged_share(name: bytes, latest_ms: int, body: bytes) -> bytes:
    """A trunk share with a header as ours, whatever its name and what follows."""
    head = header_of("", latest_ms, SEED)
    return head[:-2] + len(name).to_bytes(2, "little") + name + body


def put(client: "redis.Redis", key: str, value: Any) -> None:
    """A string, list, set, hash, or (in a tuple) sorted set."""
    if isinstance(value, bytes):
        client.set(key, value)
    elif isinstance(value, list):
        client.rpush(key, *value)
    elif isinstance(value, set):
        client.sadd(key, *value)
    elif isinstance(value, dict):
        client.hset(key, mapping=value)
    else:
        client.zadd(key, value[0])
