"""What workers are told of the active model, and what each says of itself: its models, its health, how traffic drifts.

A worker has one key, which vanishes some seconds after its last word; a set has their names. Workers write, and people
read: `robocall models status`, `models promote`, which waits for their answers, and the console. No worker reads it.
"""

from typing import Annotated, Any, Literal

import msgspec
from redis.asyncio import Redis

from streams.redis.bounded import (
    MAX_COUNT,
    MAX_NAME_BYTES,
    MAX_RECORD_BYTES,
    SMALL_SET,
    is_instant,
    read_values,
    record,
    run_script,
    text,
)
from streams.redis.connection import ACTIVE_MODEL, MODELS_TOLD, WORKERS, worker_key

TOLD_TTL_S = 15
"""So long a worker is known after its last word."""
MAX_WORKERS = 1_024
"""As many as partitions: more workers have nothing to do."""
MAX_REFUSALS = 4
MAX_WHY = 300
MAX_ALARMS = 16
MAX_MOVED = 8
"""Features that have moved farthest, which a worker names."""
MAX_STALLED = 16
MAX_LAGS = 1_024

# One step: a worker that knows the count knows the name. A counter that is none begins anew.
ANNOUNCE = """
redis.call('SET', KEYS[1], ARGV[1])
local count = redis.pcall('INCR', KEYS[2])
if type(count) == 'table' then
  redis.call('SET', KEYS[2], '1')
  count = 1
end
return count
"""
# The keys are arguments, see `streams.redis.bounded`. Names of workers whose state has expired leave the set; a set of
# the wrong type is replaced.
TELL = """
local names = redis.pcall('SMEMBERS', ARGV[1])
if names.err then
  redis.call('DEL', ARGV[1])
  names = {}
end
for _, name in ipairs(names) do
  if redis.call('EXISTS', ARGV[2] .. name) == 0 then redis.call('SREM', ARGV[1], name) end
end
if redis.call('SADD', ARGV[1], ARGV[3]) == 1 and redis.call('SCARD', ARGV[1]) > tonumber(ARGV[6]) then
  redis.call('SREM', ARGV[1], ARGV[3])
  return 0
end
redis.call('SET', ARGV[2] .. ARGV[3], ARGV[4], 'EX', ARGV[5])
redis.call('EXPIRE', ARGV[1], ARGV[5])
return 1
"""

Role = Literal["active", "shadow"]
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME_BYTES)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]


class Refusal(msgspec.Struct, frozen=True):
    """A model that a worker was told of and did not take.

    Attributes:
        role: what it was to be: the one that decides, or the one beside it.
        model: as it was named.
        why: in one line.
        at_ms: when, epoch milliseconds.
    """

    role: Role
    model: Name
    why: Annotated[str, msgspec.Meta(max_length=MAX_WHY)]
    at_ms: int


class WorkerHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a worker does, as its `/health` says.

    Attributes:
        status: `ok`, `standby`, `degraded`, `lists_unknown`, `joining`, `restoring`, `warming` or `stalled`.
        lags: by partition of `call-events` that it reads: records that are not answered yet.
        stalled: partitions that do not move.
    """

    status: Name
    lags: Annotated[dict[str, Count], msgspec.Meta(max_length=MAX_LAGS)] = {}
    stalled: Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_STALLED)] = ()


class ShareSeen(msgspec.Struct, frozen=True):
    """A share of the scored calls, and the band in which the model's test calls would have it."""

    found: float
    low: float
    high: float


class WorkerDrift(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a worker's calls of the last hours are from those that its model was judged on.

    Attributes:
        calls: whose scores were counted.
        moved: weighted mean of the population stability index (PSI) of its features; None of too few calls.
        scores: PSI of the scores; None of too few calls.
        features: the PSI of those that moved farthest, the farthest first.
        shares: of calls that reach a threshold, by `label_at` and `block_at`.
    """

    calls: Count
    moved: float | None = None
    scores: float | None = None
    features: Annotated[dict[Name, float], msgspec.Meta(max_length=MAX_MOVED)] = {}
    shares: Annotated[dict[Name, ShareSeen], msgspec.Meta(max_length=MAX_ALARMS)] = {}


class WorkerReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one worker says.

    Attributes:
        worker: its name.
        model: version of the one that decides.
        since_ms: when that was put in place, epoch milliseconds.
        told: up to which announcement it has heard (`streams.redis.connection.MODELS_TOLD`).
        loading: the model that it was told of and is not done with.
        shadow: version of the one beside it.
        refused: what it did not take, the latest last.
        alarms: what is wrong with the model that decides, by the names of the metric of alarms.
        health: how it does; None of an earlier version.
        drift: of its calls; None where the model that decides has no reference.
    """

    worker: Name
    model: Name
    since_ms: int
    told: Count = 0
    loading: Name | None = None
    shadow: Name | None = None
    refused: Annotated[tuple[Refusal, ...], msgspec.Meta(max_length=MAX_REFUSALS)] = ()
    alarms: Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_ALARMS)] = ()
    health: WorkerHealth | None = None
    drift: WorkerDrift | None = None

    def refusal(self, model: str) -> Refusal | None:
        """Why it does not decide by that model; None where it did not refuse it."""
        return next((one for one in reversed(self.refused) if (one.role, one.model) == ("active", model)), None)


_DECODER = msgspec.json.Decoder(WorkerReport)


async def announce(redis: Redis, version: str) -> int:
    """Tell the workers which model is to decide; they follow within two seconds.

    Returns:
        The number of this announcement: whose `told` is lower has not heard of it.

    Raises:
        redis.exceptions.RedisError: the server is away, or refuses.
    """
    count: Any = await redis.eval(ANNOUNCE, 2, ACTIVE_MODEL, MODELS_TOLD, version)
    return int(count)


async def tell(redis: Redis, state: WorkerReport, ttl_s: int = TOLD_TTL_S) -> bool:
    """Write what a worker says, in the place of what it said before.

    Args:
        redis: client.
        state: what it says.
        ttl_s: for how long that is known.

    Returns:
        False where Redis refuses, for rights, or has no room for another worker.

    Raises:
        redis.exceptions.RedisError: the server is away.
    """
    said = msgspec.json.encode(state)
    return bool(await run_script(redis, TELL, WORKERS, worker_key(""), state.worker, said, ttl_s, MAX_WORKERS))


async def told(redis: Redis) -> list[WorkerReport]:
    """Read what the workers say, by name; what makes no sense is left out.

    Raises:
        redis.exceptions.RedisError: the server is away.
    """
    members = await run_script(redis, SMALL_SET, WORKERS, MAX_WORKERS)
    names = sorted(name for raw in members or () if (name := text(raw)) is not None)
    values = await read_values(redis, [worker_key(name) for name in names], MAX_RECORD_BYTES) if names else []
    found = [(name, record(raw, _DECODER)) for name, raw in zip(names, values, strict=True)]
    return [one for name, one in found if one is not None and one.worker == name and _is_dated(one)]


def _is_dated(state: WorkerReport) -> bool:
    return is_instant(state.since_ms, *(one.at_ms for one in state.refused))
