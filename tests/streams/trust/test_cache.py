"""Chains and failures in memory: for how long, how many, and that failures never push a chain out."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from detector.trust.verdict import Cause, Refused
from streams.trust.cache import ChainCache
from streams.trust.stored_chains import Entry
from tests.detector.trust.authority import provider

CHAIN = provider().chain()
FAILED = Refused(Cause.CERTIFICATE_UNAVAILABLE, "away")


def entry(url: str, until_ms: int = 100, size: int = 10) -> Entry:
    return Entry(url, bytes(size), 0, until_ms, CHAIN)


def test_a_chain_is_there_until_its_time_ends() -> None:
    """The same parsed object each time: keys are parsed once."""
    cache = ChainCache(10, 1_000)
    cache.keep(entry("a"))

    assert cache.get("a", 99) is CHAIN
    assert cache.get("b", 99) is None
    assert cache.get("a", 100) is None
    assert (cache.chains, cache.size_bytes) == (0, 0)


def test_a_failure_is_there_until_its_time_ends_and_a_chain_ends_it() -> None:
    cache = ChainCache(10, 1_000)
    cache.refuse("a", FAILED, 50)
    cache.refuse("b", FAILED, 50)
    cache.keep(entry("b"))

    assert cache.get("a", 49) is FAILED
    assert cache.get("b", 49) is CHAIN
    assert cache.get("a", 50) is None
    assert cache.refusals == 0


def test_the_chain_that_was_not_used_for_longest_goes_first() -> None:
    cache = ChainCache(2, 1_000)
    cache.keep(entry("a"))
    cache.keep(entry("b"))
    assert cache.get("a", 0)
    cache.keep(entry("c"))

    assert [url for url in "abc" if cache.get(url, 0)] == ["a", "c"]


def test_bytes_are_bounded_too() -> None:
    cache = ChainCache(100, 25)
    for url in "abc":
        cache.keep(entry(url))
    assert (cache.chains, cache.size_bytes, cache.get("a", 0)) == (2, 20, None)


def test_failures_push_no_chain_out() -> None:
    """A flood of invented addresses leaves the real ones where they are."""
    cache = ChainCache(2, 1_000)
    cache.keep(entry("a"))
    for number in range(50):
        cache.refuse(str(number), FAILED, 100)
    assert cache.get("a", 0) is CHAIN
    assert (cache.chains, cache.refusals) == (1, 2)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 12), st.booleans()), max_size=40))
def test_it_never_grows_beyond_its_bounds_and_counts_right(steps: list[tuple[str, int, bool]]) -> None:
    cache = ChainCache(3, 20)
    for url, size, is_chain in steps:
        if is_chain:
            cache.keep(entry(url, size=size))
        else:
            cache.refuse(url, FAILED, 100)
        known = [one for one in "abcdef" if cache.get(one, 0) is CHAIN]
        assert cache.chains == len(known) <= 3
        assert cache.refusals <= 3
        assert 0 <= cache.size_bytes <= 20


def test_threads_may_ask_while_others_tell() -> None:
    """What one drops another is just being given: nobody stumbles, and the bounds hold."""
    cache = ChainCache(2, 1_000)

    def work(number: int) -> None:
        for turn in range(2_000):
            url = "abcd"[(turn + number) % 4]
            if turn % 3 == number % 3:
                cache.keep(entry(url, until_ms=turn % 2))
            cache.get(url, 1)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [None] * 4
    assert cache.chains <= 2
    assert cache.size_bytes == 10 * cache.chains
