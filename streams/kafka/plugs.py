"""What a consumer of call events asks and tells: whoever owns the state of its partitions plugs itself in here."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from streams.kafka.fetched import Partition, Unreadable
from streams.kafka.locating import Place

log = logging.getLogger(__name__)


async def _nobody(*_: object) -> None:
    """Is told something, and does nothing."""


def _say(tp: Partition, unreadable: Unreadable) -> None:
    log.error("%s: %s", tp, unreadable)


@dataclass(frozen=True, slots=True)
class Plugs:
    """All of them are called on the event loop.

    Attributes:
        is_ready: whether records of a partition may be handed out now. Asked for every assigned one at every poll, so
            it only looks something up.
        on_located: told, partition by partition, where reading goes on: after every rebalance, and when a log has
            changed. Nothing of these partitions is handed out until it returns, so whatever takes long goes into a
            task.
        on_unreadable: told of a batch that was stepped over. It must neither block nor raise.
        before_commit: awaited before each commit, which waits for it. It must not raise.
        on_leaving: awaited once, when everything is committed and the group is about to be left for good, within what
            `streams.running.services.STOP_TIMEOUT_S` leaves. It must not raise.
        on_full: told that polls wait, since too many are unanswered; every fifth of a second until there is room. It
            must neither block nor raise.
        on_replaced: told that another member has joined under our instance id (`streams.kafka.static_member`).
    """

    is_ready: Callable[[Partition], bool] = lambda _: True
    on_located: Callable[[Mapping[Partition, Place]], Awaitable[None]] = _nobody
    on_unreadable: Callable[[Partition, Unreadable], object] = _say
    before_commit: Callable[[], Awaitable[None]] = _nobody
    on_leaving: Callable[[], Awaitable[None]] = _nobody
    on_full: Callable[[], object] = lambda: None
    on_replaced: Callable[[], object] = lambda: None
