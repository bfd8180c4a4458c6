"""How an exact call is packed, against plain integers: nothing of a call is lost in its 20 bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.features.window_constants import ATTEMPTS, DAY_MS, ENDED, N_SETUP_MEASURES, TALK_S
from detector.windows.exact_calls import (
    TALK_LIMIT_S,
    end_bits,
    end_flags,
    halves,
    pack_facts,
    setup_flags,
    talk_of,
    time_of,
)

setup_bits = st.integers(0, (1 << N_SETUP_MEASURES) - 1).map(lambda bits: bits | 1 << ATTEMPTS)
ended_bits = st.integers(0, (1 << (TALK_S - ENDED)) - 1).map(lambda bits: (bits | 1) << ENDED)
times_ms = st.integers(1_600_000_000_000, 1_900_000_000_000)


@given(setup_bits, ended_bits, st.integers(0, 200_000))
def test_what_a_call_showed_is_what_was_packed(setup: int, ended: int, talk_s: int) -> None:
    """Bits of the set-up, bits of the end, seconds of talk up to 18 hours."""
    facts = pack_facts(setup | ended, talk_s)

    assert setup_flags(facts) == setup
    assert end_flags(facts) == ended
    assert talk_of(facts) == min(talk_s, TALK_LIMIT_S)


@given(setup_bits)
def test_a_call_that_has_not_ended_shows_its_set_up_alone(setup: int) -> None:
    assert setup_flags(pack_facts(setup, 0)) == setup
    assert talk_of(pack_facts(setup, 0)) == 0


#  latest - 24 days                       latest                     latest + 24 days
#  |-------------------- a time within is found again by its low 32 bits -----------|
@given(times_ms, st.integers(-24 * DAY_MS, 24 * DAY_MS))
def test_a_time_is_found_by_its_low_32_bits(latest_ms: int, apart_ms: int) -> None:
    time_ms = latest_ms + apart_ms

    assert time_of(time_ms % 2**32, latest_ms) == time_ms


@given(times_ms)
def test_an_end_is_never_taken_for_none(end_ms: int) -> None:
    """0 says that there is no end yet; the one end in 49 days that would look so is kept a millisecond late."""
    assert end_bits(end_ms) == max(1, end_ms % 2**32)
    assert end_bits(end_ms - end_ms % 2**32) == 1


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0x12345678, 0x9ABCDEF0), (0xFFFFFFFF, 1)])
def test_two_parties_are_told_by_16_bits_each(first: int, second: int) -> None:
    packed = halves(first, second)

    assert (packed >> 16, packed & 0xFFFF) == (first & 0xFFFF, second & 0xFFFF)
