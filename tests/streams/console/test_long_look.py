"""A question that takes seconds: no page waits for it, one asks at a time, and what was found stays for a while."""

import asyncio
import threading
import time

import pytest

from streams.console.bench import Bench, Found
from streams.console.long_look import LongLook
from tests.waiting import until


def test_pages_have_what_was_found_last_and_one_asks_at_a_time() -> None:
    """While somebody looks nobody else does; an answer is fresh for a while, then it is looked for again."""
    may_end, asked = threading.Event(), []

    def look() -> int:
        asked.append(may_end.wait(60))
        return len(asked)

    async def work() -> None:
        long = LongLook(Bench("The place", 60), look, fresh_s=1.0)
        assert set(await asyncio.gather(long.latest(), long.latest())) == {(None, True)}
        may_end.set()
        await until(lambda: long.found_ms)
        assert await long.latest() == (Found(1), False)
        may_end.clear()
        await asyncio.sleep(1.0)
        assert await long.latest() == (Found(1), True)
        may_end.set()
        await until(lambda: len(asked) == 2)

    asyncio.run(work())
    assert len(asked) == 2


def test_an_answer_is_of_the_instant_at_which_its_look_began() -> None:
    """What came while somebody looked is not in it."""
    may_end = threading.Event()

    async def work() -> tuple[int, int]:
        long = LongLook(Bench("The place", 60), lambda: may_end.wait(60), fresh_s=900.0)
        await long.latest()
        await asyncio.sleep(0.05)
        later_ms = time.time_ns() // 1_000_000
        may_end.set()
        await until(lambda: long.found_ms)
        return long.found_ms, later_ms

    found_ms, later_ms = asyncio.run(work())
    assert found_ms <= later_ms - 50


def test_what_was_quick_is_looked_for_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a quarter of an hour the figures of a demo stood still that were counted in the midst of its history."""
    monkeypatch.setattr("streams.console.long_look.FRESH_S", 0.2)
    asked: list[int] = []

    async def work() -> None:
        long = LongLook(Bench("The place", 60), lambda: asked.append(1), fresh_s=900.0)
        async with asyncio.timeout(60):
            while len(asked) < 2:
                await long.latest()
                await asyncio.sleep(0.05)

    asyncio.run(work())


def test_what_is_quick_is_there_at_once() -> None:
    """And what went wrong is a sentence."""

    def fail() -> None:
        raise ConnectionError

    async def work() -> tuple[tuple[Found | None, bool], tuple[Found | None, bool]]:
        good, bad = LongLook(Bench("One", 5), lambda: 7), LongLook(Bench("Another", 5), fail)
        return await good.latest(), await bad.latest()

    good, bad = asyncio.run(work())
    assert good == (Found(7), False)
    assert bad[0] is not None
    assert "Another does not answer" in bad[0].why_not
