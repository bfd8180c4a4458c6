"""Which partitions of a topic this worker owns, and what has to happen when they come and go."""

from collections.abc import Callable, Iterable
from typing import Any

from streams.health import Health


class Ownership:
    """Follows the assignments of a Faust application.

    Windows are kept over a rebalance and dropped only for partitions that really went to somebody else: the protocol
    takes all partitions away at every rebalance, and mostly gives them back.

    Known inaccuracy: a partition that comes back after its offsets could not be committed (a lost session) is read
    again from the last commit, and what was counted since then is counted twice, until it leaves the windows. Windows
    are not bound to offsets; only snapshots of them, taken with an offset, would mend that.

    Args:
        topic: the topic whose partitions matter.
        forget: drops what was counted in a partition.
        health: told about joining and leaving.
    """

    def __init__(self, topic: str, forget: Callable[[int], None], health: Health) -> None:
        self._topic = topic
        self._forget = forget
        self._health = health
        self._counted: set[int] = set()
        self.partitions: frozenset[int] = frozenset()

    def follow(self, app: Any) -> None:
        """Connect to the application's signals, which hold on to their receivers weakly."""
        self._receivers = (self._on_revoked, self._on_assigned, self._on_complete)
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_partitions_assigned.connect(self._on_assigned)
        app.on_rebalance_complete.connect(self._on_complete)

    async def _on_revoked(self, app: Any, revoked: Iterable[Any], **kwargs: Any) -> None:
        del app, revoked, kwargs
        self.partitions = frozenset()
        self._health.left()

    async def _on_assigned(self, app: Any, assigned: Iterable[Any], **kwargs: Any) -> None:
        del app, kwargs
        self.partitions = frozenset(tp.partition for tp in assigned if tp.topic == self._topic)
        for partition in self._counted - self.partitions:
            self._forget(partition)
        self._counted = set(self.partitions)

    async def _on_complete(self, app: Any, **kwargs: Any) -> None:
        del app, kwargs
        self._health.joined()
