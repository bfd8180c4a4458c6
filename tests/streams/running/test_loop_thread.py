"""An event loop beside another one: results and errors come back, and neither waits for the other."""

import asyncio
import threading

import pytest

from streams.running.loop_thread import LoopThread
from tests.waiting import until


async def where() -> str:
    return threading.current_thread().name


def test_work_runs_in_a_thread_of_that_name_and_its_answer_comes_back() -> None:
    """All of it in the same one."""

    async def whole() -> None:
        beside = LoopThread("beside")
        assert await asyncio.gather(*(beside.run(where()) for _ in range(3))) == ["beside"] * 3
        beside.stop()

    asyncio.run(whole())


def test_what_it_raises_is_raised() -> None:
    async def fails() -> None:
        raise ValueError("no")

    async def whole() -> None:
        beside = LoopThread("beside")
        with pytest.raises(ValueError, match="no"):
            await beside.run(fails())
        assert await beside.run(where()) == "beside"
        beside.stop()

    asyncio.run(whole())


@pytest.mark.parametrize("is_stopped", [False, True])
def test_who_is_cancelled_and_who_stops_it_end_what_runs_there(*, is_stopped: bool) -> None:
    """It has its chance to clean up; the other loop goes on all the while."""
    said: list[str] = []

    async def endless() -> None:
        said.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            said.append("ended")

    async def whole() -> None:
        beside = LoopThread("beside")
        waiting = asyncio.create_task(beside.run(endless()))
        await until(lambda: said == ["began"])
        if is_stopped:
            beside.stop()
        else:
            waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await until(lambda: said == ["began", "ended"])
        beside.stop()

    asyncio.run(whole())


def test_a_thread_that_was_never_needed_is_stopped_too() -> None:
    LoopThread("never needed").stop()
    assert "never needed" not in {one.name for one in threading.enumerate()}
