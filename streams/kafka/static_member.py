"""One worker per instance id: of two, the one that came first ends.

A static member (KIP-345) that joins under an id replaces whoever had it, which is what a restart wants. The one that is
replaced hears of it only if it says both its member id and its instance id. aiokafka forgets the member id at the first
sign, joins again as a newcomer, and takes the id back: two workers with one id steal from each other for ever.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka.errors import GroupCoordinatorNotAvailableError, UnknownMemberIdError
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import JoinGroupRequest

from streams.errors import InstanceTaken
from streams.settings import Settings

FENCED_INSTANCE_ID = 82
"""The broker's error code: another member has this instance id now. aiokafka has no name for it."""


def tell_when_replaced(consumer: Any, on_replaced: Callable[[], object]) -> None:
    """Have a consumer notice that another one has its instance id; without an id there is nothing to notice.

    Args:
        consumer: an `aiokafka.AIOKafkaConsumer`, started and not yet subscribed.
        on_replaced: called on the event loop, with the flow of records stopped. The consumer asks the group for nothing
            more; all that is left is to stop it.
    """
    coordinator = consumer._coordinator  # noqa: SLF001 - no public way to any of this
    if coordinator._group_instance_id is None:  # noqa: SLF001
        return
    send = coordinator._send_req  # noqa: SLF001

    def rejoin() -> None:
        """Join again as who we were: the broker then says whether somebody else is that by now."""
        coordinator.generation = OffsetCommitRequest.DEFAULT_GENERATION_ID
        coordinator.request_rejoin()

    async def send_request(request: Any) -> Any:
        response = await send(request)
        code = getattr(response, "error_code", 0)
        if code == FENCED_INSTANCE_ID:
            on_replaced()
            await asyncio.wait([coordinator._closing])  # noqa: SLF001
            raise GroupCoordinatorNotAvailableError  # as the original does while there is nobody to ask
        if code == UnknownMemberIdError.errno and isinstance(request, JoinGroupRequest):  # we were away for too long
            coordinator.member_id = JoinGroupRequest.UNKNOWN_MEMBER_ID
        return response

    coordinator.reset_generation = rejoin
    coordinator._send_req = send_request  # noqa: SLF001


def ends_when_replaced(settings: Settings, fail: Callable[[InstanceTaken], object]) -> Callable[[], object]:
    """Make what `streams.kafka.plugs.Plugs.on_replaced` is told: the older of two ends, and says why."""
    return lambda: fail(InstanceTaken(instance=str(settings.instance_id), group=settings.consumer_group))
