"""A task that calls need has ended: the process ends, unless it ends already or has not joined yet."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from streams.kafka.agents import watching as module
from streams.kafka.agents.watching import watching
from streams.running.watched_tasks import MOST_ABSENT

LOOKS = 2 * MOST_ABSENT


def failures_after(
    looks: int, monkeypatch: pytest.MonkeyPatch, *, is_there: bool, has_joined: bool, should_stop: bool = False
) -> int:
    """How often a failure was told in so many looks at an application with one task, which has ended."""
    failures: list[BaseException] = []
    seen = 0

    async def run() -> None:
        ended = asyncio.get_running_loop().create_future()
        ended.cancel()
        monkeypatch.setattr(module, "vital_tasks", lambda _: {"fetching": ended if is_there else None})
        monkeypatch.setattr(module, "WATCH_INTERVAL_S", 0.0)
        watch = watching(SimpleNamespace(should_stop=should_stop), counted(asyncio.current_task()), failures.append)
        with pytest.raises(asyncio.CancelledError):
            await watch()

    def counted(task: "asyncio.Task[None] | None") -> Callable[[], bool]:
        def joined() -> bool:
            nonlocal seen
            seen += 1
            if seen == looks and task is not None:
                task.cancel()
            return has_joined

        return joined

    asyncio.run(run())
    assert seen == looks
    return len(failures)


def test_a_task_that_has_ended_is_told_at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures_after(2, monkeypatch, is_there=True, has_joined=False) == 2


def test_a_task_that_never_comes_is_told_only_once_the_group_was_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures_after(LOOKS, monkeypatch, is_there=False, has_joined=False) == 0
    assert failures_after(LOOKS, monkeypatch, is_there=False, has_joined=True) == LOOKS - MOST_ABSENT


def test_nothing_is_told_of_tasks_that_end_because_all_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures_after(2, monkeypatch, is_there=True, has_joined=True, should_stop=True) == 0


def test_it_is_asked_whether_the_group_was_joined_also_while_all_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker judges its health there: a stall is measured from the first look that saw it."""
    assert failures_after(3, monkeypatch, is_there=False, has_joined=False, should_stop=True) == 0
