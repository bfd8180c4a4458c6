"""One thread a place: what is too many, too slow or broken is one sentence."""

import asyncio
import threading

from detector.contract.errors import RobocallError
from streams.console import bench as module
from streams.console.bench import Bench, Found


def broken(error: Exception) -> None:
    raise error


def test_what_goes_wrong_is_one_sentence() -> None:
    """An error of ours says what to do; of others only the name is said, which quotes nothing."""
    errors = [RobocallError("set ROBOCALL_X"), OSError("disk"), RuntimeError("+12025550123")]

    async def run() -> list[Found]:
        bench = Bench("The place", 5.0)
        return [await bench.run(lambda: 7), *[await bench.run(lambda one=error: broken(one)) for error in errors]]  # type: ignore[misc]

    well, ours, disk, bug = asyncio.run(run())

    assert well == Found(7)
    assert ours.why_not == "The place: set ROBOCALL_X"
    assert disk.why_not == "The place does not answer (OSError)"
    assert "RuntimeError" in bug.why_not
    assert "2025550123" not in bug.why_not


def test_whoever_is_one_too_many_is_told_so_and_the_others_are_answered() -> None:
    """The queue is short: nobody waits for minutes without a word."""
    may_go = threading.Event()

    async def run() -> list[Found]:
        bench = Bench("The place", 60.0)
        waiting = [asyncio.create_task(bench.run(may_go.wait)) for _ in range(module.MOST_WAITING)]
        await asyncio.sleep(0)
        refused = await bench.run(may_go.wait)
        may_go.set()
        return [refused, *await asyncio.gather(*waiting), await bench.run(lambda: 8)]

    refused, *answered = asyncio.run(run())

    assert "busy" in refused.why_not
    assert answered == [Found(True)] * module.MOST_WAITING + [Found(8)]
