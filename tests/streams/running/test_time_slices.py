"""Long work in short slices, by a clock that the test moves.

work       |--3--|-----8-----|        |-4-|           milliseconds, a slice is 10
breathe          ^no         ^pause of 50     ^no     11 are used up, so the others get five slices
busy_s     0                 0.011            0.011, and 0.015 once the slice is stopped
"""

import asyncio

import pytest

from streams.running.time_slices import SLICES_PER_PAUSE, TimeSlices


class World:
    """A clock, and the pauses that were made by it."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.used_s = 7.0
        self.pauses_s: list[float] = []

    def work(self, seconds: float) -> None:
        self.now_s += seconds
        self.used_s += seconds

    def be_held_up(self, seconds: float) -> None:
        """The processor works for others."""
        self.now_s += seconds

    async def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        self.now_s += seconds


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr("streams.running.time_slices.time.perf_counter", lambda: found.now_s)
    monkeypatch.setattr("streams.running.time_slices.time.thread_time", lambda: found.used_s)
    monkeypatch.setattr("streams.running.time_slices.asyncio.sleep", found.sleep)
    return found


def test_the_loop_is_given_back_once_a_slice_is_used_up(world: World) -> None:
    """The picture above; the pause itself is no work."""

    async def story() -> float:
        slices = TimeSlices(0.010)
        world.work(0.003)
        await slices.breathe()
        assert world.pauses_s == []
        world.work(0.008)
        await slices.breathe()
        assert world.pauses_s == [SLICES_PER_PAUSE * 0.010]
        world.work(0.004)
        await slices.breathe()
        slices.stop()
        return slices.busy_s

    assert asyncio.run(story()) == pytest.approx(0.015)
    assert len(world.pauses_s) == 1


def test_waiting_for_something_else_is_no_work(world: World) -> None:
    """A round trip to Redis, between `stop` and `restart`."""
    slices = TimeSlices(0.010)
    world.work(0.002)
    slices.stop()
    world.work(5.0)
    slices.restart()
    world.work(0.001)
    slices.stop()
    assert slices.busy_s == pytest.approx(0.003)


def test_a_processor_that_works_for_others_ends_the_slice_and_is_no_work(world: World) -> None:
    async def story() -> float:
        slices = TimeSlices(0.010, pauses=1)
        world.work(0.001)
        world.be_held_up(0.5)
        await slices.breathe()
        slices.stop()
        return slices.busy_s

    assert asyncio.run(story()) == pytest.approx(0.001)
    assert world.pauses_s == [0.010]
