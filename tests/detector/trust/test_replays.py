"""Replayed tokens are found in bounded memory, exactly as by the twin that keeps everything."""

from hypothesis import given
from hypothesis import strategies as st

from detector.trust.replays import KEPT_MS, MOST_ATTEMPTS, SeenTokens, without_replay
from detector.trust.verdict import Cause, Refused, Verstat, refused
from detector.trust.verify import verify
from tests.detector.trust.authority import AT_MS, CALL, identity, trust


class NaiveSeenTokens:
    """The exact twin: it keeps every token in a list without a bound, and looks through all of them."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, str, int]] = []
        self.attempts: dict[int, int] = {}

    def is_replay(self, token: bytes, call: str, at_ms: int) -> bool:
        """Whether the token was kept within the last two minutes, for another call or for ten attempts of this one."""
        for place, (known, first_call, first_ms) in reversed(list(enumerate(self.seen))):
            if known == token and at_ms - first_ms <= KEPT_MS:
                self.attempts[place] += 1
                return first_call != call or self.attempts[place] > MOST_ATTEMPTS
        self.attempts[len(self.seen)] = 1
        self.seen.append((token, call, at_ms))
        return False


LATER_MS = st.integers(0, KEPT_MS) | st.integers(0, 2_000)
CALLS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), LATER_MS), max_size=60)


@given(CALLS)
def test_it_says_what_the_twin_says(calls: list[tuple[int, int, int]]) -> None:
    """As long as the bound is not reached, in event time."""
    seen, twin, now_ms = SeenTokens(100), NaiveSeenTokens(), 0
    for token, call, later_ms in calls:
        now_ms += later_ms
        assert seen.is_replay(bytes([token]), str(call), now_ms) is twin.is_replay(bytes([token]), str(call), now_ms)
    assert seen.forgotten == 0


@given(CALLS, st.integers(1, 4))
def test_beyond_the_bound_nothing_is_a_replay_that_is_none(calls: list[tuple[int, int, int]], capacity: int) -> None:
    """Memory is bounded; what was forgotten is counted."""
    seen, now_ms = SeenTokens(capacity), 0
    earlier: list[tuple[int, int]] = []
    for token, call, later_ms in calls:
        now_ms += later_ms
        if seen.is_replay(bytes([token]), str(call), now_ms):
            others = [one for one in earlier if one[0] == token]
            assert any(other != call for _, other in others) or len(others) >= MOST_ATTEMPTS
        earlier.append((token, call))
        assert len(seen) <= capacity


def test_a_token_comes_back_within_two_minutes_or_never() -> None:
    """Afterwards it is stale by itself."""
    seen = SeenTokens(10)

    assert not seen.is_replay(b"t", "one", 0)
    assert not seen.is_replay(b"t", "one", 5)
    assert seen.is_replay(b"t", "another", KEPT_MS)
    assert not seen.is_replay(b"t", "another", KEPT_MS + 1)
    assert len(seen) == 1


def test_a_replayed_call_does_not_pass() -> None:
    """The first one does, and its repetition; priorities are somebody else's token."""
    seen, passed = SeenTokens(10), verify((identity(),), CALL, AT_MS, trust())._replace(priorities=("ets.0",))

    assert without_replay(passed, seen, "one", AT_MS) == passed
    assert without_replay(passed, seen, "one", AT_MS + 500) == passed
    found = without_replay(passed, seen, "another", AT_MS + 900)

    assert (found.cause, found.verstat, found.code) == (Cause.REPLAYED, Verstat.FAILED, 438)
    assert (found.attestation, found.signer_spc, found.priorities) == (None, None, ("ets.0",))


def test_one_call_has_ten_attempts_with_a_token() -> None:
    """Its id is written by whoever sends it."""
    seen, passed = SeenTokens(10), verify((identity(),), CALL, AT_MS, trust())

    found = [without_replay(passed, seen, "one", AT_MS + n).cause for n in range(MOST_ATTEMPTS + 1)]

    assert found == [Cause.PASSED] * MOST_ATTEMPTS + [Cause.REPLAYED]


def test_a_call_that_failed_is_not_asked() -> None:
    seen, failed = SeenTokens(10), refused(Refused(Cause.STALE, "old"))

    assert without_replay(failed, seen, "one", AT_MS) == failed
    assert without_replay(failed, seen, "another", AT_MS) == failed
