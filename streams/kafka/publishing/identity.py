"""Who a publisher is to the brokers: they store a batch once that the same producer sends twice (KIP-98).

Each batch names producer, epoch and the number of its first record in its partition. A batch whose answer was lost is
sent again under the same number, and the broker answers as it did the first time. No transaction is begun.

Whoever has no identity publishes all the same: a batch that is sent twice is then stored twice, as before. So it is
where the brokers refuse one, and for the moment in which one that they no longer know is replaced.
"""

import asyncio
from typing import Any, NamedTuple

import structlog
from aiokafka import errors
from aiokafka.protocol.transaction import InitProducerIdRequest

FIRST_S, LATER_S = 2.0, 5.0
"""How long an answer is waited for, before anything is published and afterwards."""
AGAIN_S = 1.0
SEQUENCES = 1 << 31
LOST = (errors.OutOfOrderSequenceNumber, errors.UnknownProducerId, errors.InvalidProducerEpoch, errors.ProducerFenced)
"""What brokers answer who do not know the identity, or not at this point: another one is needed."""

log = structlog.get_logger(__name__)


class Identity(NamedTuple):
    """A producer id and its epoch, -1 both where there is none."""

    producer_id: int
    epoch: int


ANONYMOUS = Identity(-1, -1)


class Identities:
    """Has the identity of one publisher. Used on the event loop alone.

    Args:
        is_wanted: False: it stays without one.
    """

    def __init__(self, *, is_wanted: bool = True) -> None:
        self._is_wanted = is_wanted
        self._client: Any = None
        self._asking: asyncio.Task[None] | None = None
        self.current = ANONYMOUS

    async def start(self, client: Any) -> None:
        """Ask for an identity; where none comes soon, go on without and ask again behind the records. Never raises."""
        self._client = client
        if self._is_wanted and not await self._ask(FIRST_S):
            self._ask_later()

    async def stop(self) -> None:
        """Ask no longer."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def renew(self, lost: Identity) -> None:
        """Note that the brokers do not know this identity; returns at once, and the next batches are anonymous."""
        if lost is self.current and lost is not ANONYMOUS:
            log.warning("the brokers do not know our producer id any more, asking for another one")
            self.current = ANONYMOUS
            self._ask_later()

    def _ask_later(self) -> None:
        if self._is_wanted and (self._asking is None or self._asking.done()):
            self._asking = asyncio.get_running_loop().create_task(self._ask_until(), name="producer id")

    async def _ask_until(self) -> None:
        while not await self._ask(LATER_S):  # noqa: ASYNC110 - it is a broker that is waited for
            await asyncio.sleep(AGAIN_S)

    async def _ask(self, timeout_s: float) -> bool:
        """Ask once; False where it is worth asking again."""
        try:
            node = self._client.get_random_node()
            answer = await asyncio.wait_for(self._client.send(node, InitProducerIdRequest(None, 0)), timeout_s)
            error = errors.for_code(answer.error_code)
        except (errors.KafkaError, OSError, TimeoutError) as broken:
            log.info("no producer id yet: %s", type(broken).__name__)
            return False
        if error is errors.NoError:
            self.current = Identity(answer.producer_id, answer.producer_epoch)
            return True
        if getattr(error, "retriable", False):
            return False
        log.warning(
            "the brokers give us no producer id: a batch that is sent again may be stored twice, with the same decision"
            " ids. Grant IdempotentWrite on the cluster",
            cause=error.__name__,
        )
        self._is_wanted = False
        return True
