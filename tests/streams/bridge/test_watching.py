"""Calls that passed at once: what workers decide of them tells whether waiting is worth it again."""

import asyncio

from streams.bridge.breaker import ANSWERS, TIMEOUTS, Breaker
from streams.bridge.waiting import Place, WaitingCalls, place_of
from streams.bridge.watching import MOST, Watch
from tests.streams.bridge.bridge_case import decision
from tests.waiting import until

LONG_S = 60.0


def setup(number: int) -> dict[str, object]:
    return {
        "call_id": f"{number}@a",
        "setup_time_ms": 1,
        "calling_number": "+12025550101",
        "called_number": "+13125550145",
        "trunk_group_id": "t-1",
        "switch_id": "sbc-1",
    }


def opened() -> Breaker:
    breaker = Breaker()
    breaker.answered()
    for _ in range(TIMEOUTS):
        breaker.timed_out()
    return breaker


def settle(waiting: WaitingCalls, number: int) -> None:
    call = setup(number)
    waiting.settle(place(number).key, decision(call))


def place(number: int) -> Place:
    return place_of(setup(number))


def test_as_many_decisions_in_time_as_close_the_breaker_close_it_though_nobody_waits() -> None:
    async def run() -> None:
        breaker, waiting = opened(), WaitingCalls(1_000)
        watch = Watch(waiting, breaker, 1_000)
        for number in range(ANSWERS):
            watch.add(place(number), LONG_S)
        for number in range(ANSWERS - 1):
            settle(waiting, number)
        await asyncio.sleep(0)
        assert not breaker.is_closed

        settle(waiting, 0)  # a decision that comes twice counts once
        await asyncio.sleep(0)
        assert not breaker.is_closed

        settle(waiting, ANSWERS - 1)
        await asyncio.sleep(0)
        assert breaker.is_closed

    asyncio.run(run())


def test_a_decision_after_the_deadline_counts_for_nothing_and_its_place_is_free_again() -> None:
    async def run() -> None:
        breaker, waiting = opened(), WaitingCalls(1_000)
        watch = Watch(waiting, breaker, 1_000)
        for number in range(2 * ANSWERS):
            watch.add(place(number), 0.0)
        await until(lambda: not len(waiting))
        for number in range(2 * ANSWERS):
            settle(waiting, number)
        await asyncio.sleep(0)
        assert not breaker.is_closed

        watch.add(place(0), LONG_S)
        assert len(waiting) == 1

    asyncio.run(run())


def test_the_same_call_is_watched_once() -> None:
    """One decision on a call that was asked about ten times is one."""

    async def run() -> None:
        breaker, waiting = opened(), WaitingCalls(1_000)
        watch = Watch(waiting, breaker, 1_000)
        for _ in range(ANSWERS):
            watch.add(place(0), LONG_S)
        settle(waiting, 0)
        await asyncio.sleep(0)

        assert not breaker.is_closed
        assert len(watch) == len(waiting) == 1

    asyncio.run(run())


def test_places_are_free_again_after_their_deadlines_however_many_were_taken() -> None:
    async def run() -> None:
        breaker, waiting = opened(), WaitingCalls(1_000)
        watch = Watch(waiting, breaker, 1_000)
        for turn in range(3):
            for number in range(2 * MOST):
                watch.add(place(number), 0.01)
            assert len(watch) == len(waiting) == 100, turn
            async with asyncio.timeout(LONG_S):
                await until(lambda: not len(watch))
            assert not len(waiting)

    asyncio.run(run())


def test_what_is_watched_leaves_half_of_the_places_to_calls_that_wait() -> None:
    async def run() -> None:
        for most, watched in ((10, 5), (1_000, MOST)):
            waiting = WaitingCalls(most)
            watch = Watch(waiting, opened(), most)
            for number in range(2 * MOST):
                watch.add(place(number), LONG_S)
            assert (len(waiting), waiting.is_full) == (watched, False)

    asyncio.run(run())
