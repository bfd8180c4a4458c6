"""Keep decisions in Redis for look-ups: by id for seven days, and the latest twenty ids of a calling number.

Taking a decision costs an append to a bounded queue; a task writes behind it. When Redis is away the queue drops its
oldest, counted: the topic `call-decisions` is the record, this is the index for people.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from detector.contract.decisions import Decision
from detector.contract.numbers import written_forms
from streams.redis.bounded import FIRST, MAX_RECORD_BYTES, answers, is_instant, read_values, record, text
from streams.redis.connection import DECISION_TTL_S, PASSING, Guard, decision_key, number_key
from streams.redis.entity_journal import WRITE_ENTITY, arguments_of, keys_of
from streams.wire.records import DECISION_DECODER

LATEST_PER_NUMBER = 20
MAX_IDENTIFIER_BYTES = 64
COMMANDS_PER_TRIP = 32
"""Small, so that packing and reading one trip holds the event loop for well under a millisecond."""
PAUSE_S = 0.05

# One command for each decision. LREM first: a repeat after a lost answer, or a replay, must not list an id twice.
WRITE_DECISION = f"""
redis.call('SET', KEYS[1], ARGV[2], 'EX', {DECISION_TTL_S})
redis.call('LREM', KEYS[2], 0, ARGV[1])
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, {LATEST_PER_NUMBER - 1})
redis.call('EXPIRE', KEYS[2], {DECISION_TTL_S})
return 1
"""


@dataclass(frozen=True, slots=True)
class _Write:
    script: str
    keys: tuple[str, ...]
    arguments: tuple[str | bytes | int, ...]


class DecisionIndex:
    """Write decisions and standing decisions behind the stream.

    Args:
        redis: client.
        guard: shared by all users of the client.
        capacity: most decisions that wait; the same number of standing decisions may wait beside them.
    """

    def __init__(self, redis: Redis, guard: Guard, *, capacity: int = 10_000) -> None:
        self._redis = redis
        self._guard = guard
        self._decisions: deque[_Write] = deque(maxlen=capacity)
        self._entities: deque[_Write] = deque(maxlen=capacity)
        self._held: list[_Write] = []
        self.written = 0
        """Writes that Redis took."""
        self.dropped = 0
        """Writes given up because the queue was full."""
        self.refused = 0
        """Writes that Redis refused for their key, which somebody else uses for something else."""

    @property
    def waiting(self) -> int:
        """Writes not yet taken by Redis."""
        return len(self._decisions) + len(self._entities) + len(self._held)

    def offer(self, identifier: str, calling_number: str, payload: bytes) -> None:
        """Take one decision that did not allow; returns at once, O(1).

        Args:
            identifier: `decision_id`.
            calling_number: as in the decision.
            payload: the decision as published.
        """
        keys = (decision_key(identifier), number_key(calling_number))
        self._queue(self._decisions, _Write(WRITE_DECISION, keys, (identifier, payload)))

    def offer_entity(self, entity: str, payload: bytes | None, expires_ms: int) -> None:
        """Take one standing decision, or its end; returns at once, O(1).

        Args:
            entity: `number:+1...` or `trunk:...`.
            payload: the record as published; None deletes.
            expires_ms: epoch milliseconds at which Redis forgets it.
        """
        arguments = arguments_of(entity, payload or b"", expires_ms)
        self._queue(self._entities, _Write(WRITE_ENTITY, keys_of(entity), arguments))

    async def run(self) -> None:
        """Write until cancelled; a fault of Redis never ends it."""
        while True:
            if not await self.flush():
                await asyncio.sleep(PAUSE_S)

    async def flush(self) -> bool:
        """Write what waits, at most one round trip of it.

        Returns:
            True when Redis took it and there may be more.
        """
        if not self._held:
            self._held = [*self._take(self._entities), *self._take(self._decisions)][:COMMANDS_PER_TRIP]
        if not self._held or await self._guard.attempt(self._write) is None:
            return False
        self._held = []
        return True

    def _queue(self, queue: deque[_Write], write: _Write) -> None:
        if len(queue) == queue.maxlen:
            self.dropped += 1
        queue.append(write)

    @staticmethod
    def _take(queue: deque[_Write]) -> list[_Write]:
        return [queue.popleft() for _ in range(min(COMMANDS_PER_TRIP // 2, len(queue)))]

    async def _write(self) -> bool:
        pipeline = self._redis.pipeline(transaction=False)
        for write in self._held:
            pipeline.eval(write.script, len(write.keys), *write.keys, *write.arguments)
        self._count(await pipeline.execute(raise_on_error=False))
        return True

    def _count(self, answers: Sequence[object]) -> None:
        for answer in answers:
            if isinstance(answer, PASSING):
                raise answer
        refused = sum(isinstance(answer, ResponseError) for answer in answers)
        self.refused += refused
        self.written += len(answers) - refused


async def latest_decisions(redis: Redis, calling_number: str) -> list[Decision]:
    """Read the kept decisions on a calling number, the latest call first, in whatever form switches wrote the number.

    At most `LATEST_PER_NUMBER` of each form, in two round trips; what is none of ours counts as not there.

    Args:
        redis: client.
        calling_number: E.164; what is none is looked for as it is.

    Raises:
        redis.exceptions.RedisError: the server is away.
    """
    pipeline = redis.pipeline(transaction=False)
    for form in written_forms(calling_number):
        pipeline.eval(FIRST, 0, number_key(form), LATEST_PER_NUMBER, MAX_IDENTIFIER_BYTES)
    found = [raw for listed in await answers(pipeline) for raw in listed or ()]
    identifiers = [name for raw in found if (name := text(raw)) is not None]
    kept = [one for one in await decisions_of(redis, identifiers) if one is not None]
    return sorted(kept, key=lambda one: one.setup_time_ms, reverse=True)


async def decisions_of(redis: Redis, identifiers: Sequence[str]) -> list[Decision | None]:
    """Read kept decisions by their ids; None where there is none of ours.

    Raises:
        redis.exceptions.RedisError: the server is away.
    """
    keys = [decision_key(identifier) for identifier in identifiers]
    values = await read_values(redis, keys, MAX_RECORD_BYTES) if keys else []
    found = [record(raw, DECISION_DECODER) for raw in values]
    return [one if one is not None and is_instant(one.setup_time_ms, one.decided_time_ms) else None for one in found]
