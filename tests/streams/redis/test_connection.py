"""How the absence of Redis is survived, by a clock that the test moves."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError
from structlog.testing import capture_logs

from streams.redis.connection import FIRST_RETRY_S, LONGEST_RETRY_S, Guard, connect
from streams.settings import load_settings


class World:
    """A guard, its clock, a server that answers or does not, and the outages that the log tells of."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.fault: Exception | None = None
        self.asked = 0
        self.outages = 0
        self._guard = Guard(clock=lambda: self.now_s)

    async def _work(self) -> str:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return "answer"

    def attempt(self, work: Callable[[], Awaitable[str]] | None = None) -> str | None:
        with capture_logs() as lines:
            answer = asyncio.run(self._guard.attempt(work or self._work))
        self.outages += [line["event"] for line in lines].count("redis unreachable, going on with own counts")
        return answer


def test_the_first_attempt_reaches_the_server() -> None:
    """Nobody knows before it whether the server is there."""
    world = World()
    assert world.attempt() == "answer"
    assert world.asked == 1
    assert world.outages == 0


@pytest.mark.parametrize("fault", [RedisConnectionError(), ReadOnlyError(), OSError(), TimeoutError(), EOFError()])
def test_every_fault_of_a_server_means_not_now(fault: Exception) -> None:
    world = World()
    world.fault = fault
    assert world.attempt() is None
    assert world.outages == 1


def test_a_bug_of_ours_is_no_fault_of_the_server() -> None:
    """It comes through, to whoever restarts the job."""
    world = World()
    world.fault = KeyError("ours")
    with pytest.raises(KeyError):
        world.attempt()


def test_while_it_is_away_one_try_comes_after_pauses_that_double() -> None:
    """One try for all who ask; who asks in between is answered at once.

    seconds since it went away   0   0.2     0.6             1.4                             3.0  ...
    tries                        x---x-------x---------------x-------------------------------x-
    pause before the next         0.2   0.4         0.8                    1.6        then 3.2, then 5.0
    """
    world = World()
    world.fault = OSError()
    world.attempt()
    pauses, pause_s = [], FIRST_RETRY_S
    for _ in range(8):
        asked = world.asked
        world.now_s += pause_s * 0.9
        assert world.attempt() is None
        assert world.asked == asked, "it was asked before its time"
        world.now_s += pause_s * 0.2
        world.attempt()
        assert world.asked == asked + 1
        pauses.append(pause_s)
        pause_s = min(2 * pause_s, LONGEST_RETRY_S)
    assert pauses[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert world.outages == 1, "it is one outage, however often it was tried"


def test_once_it_answers_pauses_begin_anew() -> None:
    world = World()
    world.fault = OSError()
    world.attempt()
    world.now_s += 1.0
    world.attempt()
    world.fault = None
    world.now_s += 1.0
    assert world.attempt() == "answer"

    world.fault = OSError()
    world.attempt()
    world.fault = None
    world.now_s += FIRST_RETRY_S
    assert world.attempt() == "answer"
    assert world.outages == 2


def test_a_client_is_made_without_asking_the_server() -> None:
    """Nobody listens there; making it says nothing of that."""
    client = connect(load_settings(redis_url="redis://127.0.0.1:1/0"))
    asyncio.run(client.aclose())
