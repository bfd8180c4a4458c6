"""Calls that wait: each gets its own decision, and the table forgets whoever has gone."""

import asyncio
import hashlib
from typing import Any

import pytest

from streams.bridge.waiting import WaitingCalls, place_of
from tests.streams.bridge.bridge_case import decision


def setup(call_id: str = "1@a", setup_time_ms: int = 1_760_000_000_000, **more: Any) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "setup_time_ms": setup_time_ms,
        "calling_number": "+12025550101",
        "called_number": "+13125550142",
        "trunk_group_id": "t",
        "switch_id": "sbc-1",
    } | more


def test_the_key_is_the_switch_else_the_call_and_a_long_call_id_is_hashed() -> None:
    """As the contract has it: so the key is that of the decision's record."""
    long = "x" * 129
    short = "sha256:" + hashlib.sha256(long.encode()).hexdigest()

    numbers = "+12025550101", "+13125550142"
    assert place_of(setup()) == (b"sbc-1", ("1@a", *numbers), 1_760_000_000_000)
    assert place_of(setup(switch_id=None)) == (b"1@a", ("1@a", *numbers), 1_760_000_000_000)
    assert place_of(setup(long, switch_id="")) == (short.encode(), (short, *numbers), 1_760_000_000_000)
    assert place_of(setup(calling_number="tel:+1-202-555-0101")) == place_of(setup())
    assert place_of(setup(switch_id="s" * 300)).key == b"s" * 256


def test_a_decision_reaches_whoever_waits_for_it_and_nobody_else() -> None:
    async def run() -> None:
        waiting = WaitingCalls(10)
        first = waiting.add(place_of(setup()))
        again = waiting.add(place_of(setup()))
        later = waiting.add(place_of(setup(setup_time_ms=1_760_000_000_001)))
        other = waiting.add(place_of(setup(switch_id="sbc-2")))
        found = decision(setup())

        assert waiting.settle(b"sbc-1", found)
        assert (first.result(), again.result()) == (found, found)
        assert not later.done()
        assert not other.done()
        assert waiting.settle(b"sbc-1", found), "a repeat changes nothing"
        assert not waiting.settle(b"sbc-3", found)

    asyncio.run(run())


def test_calls_of_one_call_id_in_one_millisecond_get_their_own_decisions() -> None:
    """As a fork to two called numbers makes them; what one of them blocks is not the other's."""

    async def run() -> None:
        waiting = WaitingCalls(10)
        calls = [setup(), setup(called_number="+13125550143"), setup(calling_number="+12025550102")]
        futures = [waiting.add(place_of(one)) for one in calls]
        found = [decision(one, "block" if number == 1 else "allow") for number, one in enumerate(calls)]
        for one in reversed(found):
            waiting.settle(b"sbc-1", one)
        assert [future.result() for future in futures] == found

    asyncio.run(run())


def test_the_table_is_bounded_and_empties() -> None:
    async def run() -> None:
        waiting = WaitingCalls(2)
        places = [place_of(setup()), place_of(setup("2@a", switch_id=None))]
        futures = [waiting.add(place) for place in places]
        assert (len(waiting), waiting.is_full, waiting.has(b"2@a"), waiting.has(b"3@a")) == (2, True, True, False)

        for place, future in zip(places, futures, strict=True):
            waiting.remove(place, future)
        assert (len(waiting), waiting.is_full, waiting.has(b"sbc-1"), waiting.has(None)) == (0, False, False, False)

    asyncio.run(run())


def test_a_set_up_without_a_name_has_no_place() -> None:
    with pytest.raises(KeyError):
        place_of({"call_id": "1"})
