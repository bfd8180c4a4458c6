"""Jobs beside the stream that are started again, and how a process comes to its end."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import structlog.testing

from streams.running import services
from streams.running.services import Background, Ending

NUMBER = "+12025550123"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started again is so in the next turn of the loop."""
    monkeypatch.setattr(services, "RESTART_PAUSE_S", 0.0)
    monkeypatch.setattr(services, "CANCEL_AGAIN_S", 0.0)


async def run_until(event: asyncio.Event, job: Callable[[], Awaitable[None]]) -> None:
    """Run the job in the background until the event is set, then stop it."""
    background = Background([("job", job)])
    await background.start()
    async with asyncio.timeout(30):
        await event.wait()
        await background.stop()


@pytest.mark.parametrize("does_raise", [True, False])
def test_a_job_that_ends_is_started_again(does_raise: bool) -> None:
    """Whether it broke or only returned. What the error says may quote a number and is not logged."""
    runs: list[int] = []

    async def story() -> None:
        thrice = asyncio.Event()

        async def job() -> None:
            runs.append(1)
            if len(runs) == 3:
                thrice.set()
            if does_raise:
                raise ValueError(NUMBER)

        await run_until(thrice, job)

    with structlog.testing.capture_logs() as lines:
        asyncio.run(story())
    assert len(runs) >= 3
    assert all(line["job"] == "job" and line["cause"] == "ValueError" for line in lines)
    assert bool(lines) is does_raise
    assert NUMBER not in str(lines)


def test_a_job_that_swallows_its_cancellation_is_cancelled_again() -> None:
    """As a network call does that takes the cancellation for its own time-out."""
    swallowed: list[int] = []

    async def story() -> None:
        runs = asyncio.Event()

        async def job() -> None:
            runs.set()
            while len(swallowed) < 3:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    swallowed.append(1)
            await asyncio.Event().wait()

        await run_until(runs, job)

    asyncio.run(story())
    assert len(swallowed) == 3


def test_the_first_failure_ends_the_process_and_is_its_cause() -> None:
    """What breaks on the way down is not what has to be repaired."""
    stops: list[int] = []

    async def stop() -> None:
        stops.append(1)

    async def story() -> Ending:
        ending = Ending()
        ending.bind(stop)
        ending.fail(ValueError("first"))
        ending.fail(ValueError("second"))
        await asyncio.sleep(0)
        return ending

    ending = asyncio.run(story())
    assert str(ending.cause) == "first"
    assert stops == [1]
