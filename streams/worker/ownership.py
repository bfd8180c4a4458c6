"""Which partitions of a topic this worker owns, and what has to happen when they come and go."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

from streams.worker.health import Health


class Ownership:
    """Follows the assignments of a Faust application. Everything happens on the event loop.

    The protocol takes all partitions away at every rebalance, and mostly gives them back. What was counted is handed
    over each time. It is dropped only for partitions that went to somebody else.

    Args:
        topic: the topic whose partitions matter.
        hand_over: awaited when partitions are about to go: everything in flight is answered and committed, and the
            group waits for us. It ends by itself after a bounded time, and must not raise.
        take_over: awaited with the partitions that are ours now, possibly none, before any of them is read; drops what
            was counted in all others. What it raises ends the worker.
        health: told about joining and leaving.
    """

    def __init__(
        self,
        topic: str,
        hand_over: Callable[[], Awaitable[None]],
        take_over: Callable[[Collection[int]], Awaitable[None]],
        health: Health,
    ) -> None:
        self._topic = topic
        self._hand_over = hand_over
        self._take_over = take_over
        self._health = health
        self.partitions: frozenset[int] = frozenset()

    def follow(self, app: Any) -> None:
        """Connect to the application's signals; once, before the application starts."""
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_partitions_assigned.connect(self._on_assigned)
        app.on_rebalance_complete.connect(self._on_complete)

    async def _on_revoked(self, app: Any, revoked: Iterable[Any], **kwargs: Any) -> None:
        del app, revoked, kwargs
        self._health.left()
        await self._hand_over()
        self.partitions = frozenset()

    async def _on_assigned(self, app: Any, assigned: Iterable[Any], **kwargs: Any) -> None:
        del app, kwargs
        self.partitions = frozenset(tp.partition for tp in assigned if tp.topic == self._topic)
        await self._take_over(self.partitions)

    async def _on_complete(self, app: Any, **kwargs: Any) -> None:
        del app, kwargs
        self._health.joined()
