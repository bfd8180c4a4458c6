"""Tasks that must run as long as the process does: when one of them has ended, so does the process, and says which.

Libraries start tasks whose end nobody notices: the process goes on, looks well, and waits for ever. A new start is the
only cure that needs no knowledge of them.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from detector.contract.errors import RobocallError

Tasks = Mapping[str, "asyncio.Future[object] | None"]
"""By name; None while it is not there."""
MOST_ABSENT = 10
"""So many looks in a row a task may not be there yet, although all should run."""


class BackgroundTaskEnded(RobocallError):
    """A task ended that calls depend on."""

    def __init__(self, name: str, error: BaseException | None) -> None:
        why = "" if error is None else f" with {type(error).__name__}"
        super().__init__(f"the background task {name} ended{why}: a new start is needed")


class WatchedTasks:
    """Looks whether they run. On the event loop; it only looks things up.

    Args:
        find: the tasks as they are now. One that was there once must go on, or be replaced by another that runs.
        fail: told of the first that ended.
    """

    def __init__(self, find: Callable[[], Tasks], fail: Callable[[BaseException], object]) -> None:
        self._find = find
        self._fail = fail
        self._seen: dict[str, asyncio.Future[object]] = {}
        self._absent: Counter[str] = Counter()

    def look(self, *, should_run: bool = True) -> None:
        """Look once; call it every second or so, and not once the process has begun to end.

        Args:
            should_run: whether all of them should have started.
        """
        for name, task in self._find().items():
            if task is not None:
                self._seen[name] = task
            seen = self._seen.get(name)
            self._absent[name] = self._absent[name] + 1 if seen is None and should_run else 0
            if self._absent[name] > MOST_ABSENT or (seen is not None and seen.done()):
                error = None if seen is None or seen.cancelled() else seen.exception()
                self._fail(BackgroundTaskEnded(name, error))
                return
