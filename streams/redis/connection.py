"""Redis, or Valkey: how it is reached, what its keys are called, and how its absence is survived.

Redis is never on the way of a decision. Every use of it goes through a `Guard`, which turns each fault into "not now",
says so once an outage, and finds back by itself. It knows nothing of calls, windows or policies.
"""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from detector.contract.errors import RobocallError
from streams.settings import Settings

PREFIX = "robocall:"
LIST_NAMES = ("emergency", "opt_out", "allow", "block", "dno")
"""Lists that workers follow."""
TRAPS = "traps"
"""List of called numbers that nobody should call; labels are made of it, and no worker reads it."""
KEPT_LISTS = (*LIST_NAMES, TRAPS)

LISTS_VERSION = f"{PREFIX}list:version"
"""Counter; whoever changes a list raises it afterwards."""
EMERGENCY_EMPTIED = f"{PREFIX}list:emergency-emptied"
"""There while the emergency list is empty because `robocall lists` emptied it."""
ENTITIES_CHANGED = f"{PREFIX}entity-journal"
"""Sorted set of the entities whose standing decision changed, by the count of the change."""
ENTITIES_VERSION = f"{PREFIX}entity-version"
"""Grows with each change of a standing decision: about the microseconds since 1970 at the latest one."""
TRUNK_PARTITIONS = f"{PREFIX}trunk-partitions"
"""Set of the partitions that have trunk shares."""
ACTIVE_MODEL = f"{PREFIX}model:active"
"""Version of the model that workers are to run."""
SHADOW_MODEL = f"{PREFIX}model:shadow"
"""Version of the model that workers are to score beside it, or `NO_MODEL`."""
NO_MODEL = "off"
MODELS_TOLD = f"{PREFIX}model:told"
"""Counter of announcements; whoever names the active model raises it in the same step, also where the name stays."""
WORKERS = f"{PREFIX}workers"
"""Set of the names of the workers that told of themselves lately."""

CONNECT_TIMEOUT_S = 0.5
SOCKET_TIMEOUT_S = 1.0
EXCHANGE_TIMEOUT_S = 3.0
FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 5.0
SHARE_TTL_S = 25 * 3_600
"""Longer than the longest window: what is older counts for nothing."""
DECISION_TTL_S = 7 * 24 * 3_600

FAULTS = (RedisError, OSError, TimeoutError, EOFError)
"""Whatever a dead, slow, full, read-only or strange server can raise."""
PASSING = (RedisConnectionError, ReadOnlyError, OutOfMemoryError, NoPermissionError)
"""Refusals that say something about the server; any other says something about one key and is not repeated."""

E164 = re.compile(r"\+[1-9][0-9]{1,14}")
"""What is looked up, listed and released as a number. It is wider than `is_e164` of the contract on purpose: callers
claim numbers that cannot exist, and those too are found, blocked and released."""
_ERRNO = re.compile(r"Error (\d+) connecting to ")
_AT = re.compile(r"^Error -?\d+ connecting to \S+ ")
T = TypeVar("T")
log = structlog.get_logger(__name__)


class RedisUnreachable(RobocallError):
    """No Redis answers; for commands that cannot do without."""

    retriable = True

    def __init__(self, address: str, cause: BaseException) -> None:
        super().__init__(f"no Redis answers at {address} ({_detail(cause)}): start one or set ROBOCALL_REDIS_URL")
        self.address = address


def _detail(cause: BaseException) -> str:
    """What went wrong, without the address, which the client says up to twice."""
    errno = _ERRNO.match(str(cause))
    if errno is not None and "[SSL" not in str(cause):  # a fault of TLS has a number of its own
        return os.strerror(int(errno.group(1))).lower()
    said = _AT.sub("", str(cause))
    return f"{type(cause).__name__}: {said}".splitlines()[0].rstrip(": ")


class RedisRefused(RobocallError):
    """Redis answers, but not as it should."""

    def __init__(self, address: str, cause: BaseException) -> None:
        super().__init__(f"Redis at {address} refused: {cause}".splitlines()[0])
        self.address = address


def list_key(name: str) -> str:
    """Set of the entries of one of `KEPT_LISTS`."""
    return f"{PREFIX}list:{name}"


def entity_key(entity: str) -> str:
    """Standing decision (JSON) of `number:+1...` or `trunk:...`; it expires with the decision."""
    return f"{PREFIX}entity:{entity}"


def decision_key(identifier: str) -> str:
    """Decision (JSON, as on the topic) by its id."""
    return f"{PREFIX}decision:{identifier}"


def number_key(calling_number: str) -> str:
    """List of the ids of the latest decisions on a calling number, latest first."""
    return f"{PREFIX}number:{calling_number}:last"


def trunk_key(partition: int) -> str:
    """Hash of a partition's trunk shares: trunk group id to `TrunkShare.to_bytes()`."""
    return f"{PREFIX}trunk:{partition}"


def trunk_journal_key(partition: int) -> str:
    """Sorted set of a partition's trunk groups by the count of their latest change."""
    return f"{PREFIX}trunk-journal:{partition}"


def trunk_version_key(partition: int) -> str:
    """Counter of the changes of a partition's trunk shares."""
    return f"{PREFIX}trunk-version:{partition}"


def trunk_total_key(partition: int) -> str:
    """How many trunk groups the owner of a partition has, written or not."""
    return f"{PREFIX}trunk-total:{partition}"


def worker_key(name: str) -> str:
    """What a worker says of its models (JSON); it expires soon after its last word."""
    return f"{PREFIX}worker:{name}"


def tls_options(settings: Settings) -> dict[str, Any]:
    """Options of a client's TLS; none where the URL asks for none, since a plain connection knows none of them."""
    scheme = urlsplit(settings.redis_url.get_secret_value()).scheme
    if scheme != "rediss" or settings.redis_tls_cafile is None:
        return {}
    return {"ssl_ca_certs": str(settings.redis_tls_cafile)}


def connect(settings: Settings) -> "Redis":
    """Make a client; nothing is sent before its first command.

    Timeouts are short (0.5 s to connect, 1 s an answer) and nothing is retried inside: a `Guard` decides about that.
    """
    client: Redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=SOCKET_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        encoding_errors="surrogatepass",  # a calling number is whatever a switch sent
        **tls_options(settings),
    )
    return client


def asked(settings: Settings, work: Callable[["Redis"], Awaitable[T]]) -> T:
    """Run `work` with a client of its own, in an event loop of its own; blocks until it is done.

    Raises:
        RedisUnreachable: nothing answers.
        RedisRefused: something answers with an error.
    """

    async def run() -> T:
        client = connect(settings)
        try:
            return await work(client)
        finally:
            await client.aclose()

    try:
        return asyncio.run(run())
    except (ResponseError, AuthenticationError) as fault:
        raise RedisRefused(settings.redis_address, fault) from fault
    except FAULTS as fault:
        raise RedisUnreachable(settings.redis_address, fault) from fault


class Guard:
    """Keep the faults of Redis away from those who use it; share one among all users of a client.

    While Redis is away, `attempt` answers at once and without touching the network, except for one try after 0.2 s,
    doubling to every 5 s.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._available: bool | None = None
        self._retry_s = FIRST_RETRY_S
        self._next_try_s = 0.0
        self._down_since_s = 0.0

    async def attempt(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """Await `work()`; None when Redis is away, or not yet due for another try.

        `work` must stand being given up half-way and repeated. It is given up after `EXCHANGE_TIMEOUT_S`.

        Raises:
            Exception: whatever `work` raises that is none of `FAULTS`.
        """
        if self._available is False and self._clock() < self._next_try_s:
            return None
        if self._available is False:
            self._next_try_s = self._clock() + self._retry_s  # others who share this guard do not try meanwhile
        try:
            async with asyncio.timeout(EXCHANGE_TIMEOUT_S):
                result = await work()
        except FAULTS as fault:
            self._failed(fault)
            return None
        self._succeeded()
        return result

    def _failed(self, fault: BaseException) -> None:
        now_s = self._clock()
        if self._available is not False:
            self._down_since_s = now_s
            self._retry_s = FIRST_RETRY_S
            log.warning("redis unreachable, going on with own counts", cause=f"{type(fault).__name__}: {fault}")
        else:
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
        self._available = False
        self._next_try_s = now_s + self._retry_s

    def _succeeded(self) -> None:
        if self._available is False:
            log.info("redis reachable again", outage_s=round(self._clock() - self._down_since_s, 1))
        self._available = True
