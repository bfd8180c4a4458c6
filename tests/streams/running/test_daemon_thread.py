"""One thread for blocking work: in order, with results and errors, and nobody waits for it at the end."""

import asyncio
import subprocess
import sys
import threading

import pytest

from streams.running.daemon_thread import DaemonThread


def test_calls_run_one_after_the_other_in_one_thread_of_their_own() -> None:
    async def work() -> None:
        thread = DaemonThread("worker of the test")
        names: list[str] = []
        posted = [thread.post(lambda: names.append(threading.current_thread().name)) for _ in range(3)]
        assert await thread.run(int, "11", base=2) == 3
        assert all(one.done() for one in posted), "what was posted before ran before"
        assert names == ["worker of the test"] * 3

    asyncio.run(work())


def test_what_a_call_raises_comes_to_whoever_waits_and_the_next_call_runs() -> None:
    async def work() -> None:
        thread = DaemonThread("worker of the test")
        with pytest.raises(ZeroDivisionError):
            await thread.run(lambda: 1 // 0)
        assert await thread.run(str, 7) == "7"

    asyncio.run(work())


def test_a_call_goes_on_when_nobody_waits_any_more() -> None:
    """A snapshot that is half written is finished or removed, whatever became of who asked for it."""

    async def work() -> None:
        thread, may_end, ended = DaemonThread("worker of the test"), threading.Event(), []

        def slow() -> None:
            may_end.wait()
            ended.append(1)

        waiting = asyncio.create_task(thread.run(slow))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        may_end.set()
        await thread.run(lambda: None)
        assert ended == [1]

    asyncio.run(work())


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    """An executor's threads are waited for at exit: a store that hangs would hang the worker."""
    program = (
        "import asyncio, threading\n"
        "from streams.running.daemon_thread import DaemonThread\n"
        "async def work():\n"
        "    DaemonThread('hangs').post(threading.Event().wait)\n"
        "asyncio.run(work())\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
