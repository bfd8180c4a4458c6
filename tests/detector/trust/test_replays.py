"""Replayed tokens are found in bounded memory, exactly as by the twin that keeps everything."""

from hypothesis import given
from hypothesis import strategies as st

from detector.trust.replays import KEPT_MS, SeenTokens, without_replay
from detector.trust.verdict import Cause, Refused, Verstat, refused
from detector.trust.verify import verify
from tests.detector.trust.authority import AT_MS, CALL, identity, trust


class NaiveSeenTokens:
    """The exact twin: it keeps every token in a list without a bound, and looks through all of them."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, str, int]] = []

    def is_replay(self, token: bytes, call: str, at_ms: int) -> bool:
        """Whether the token was kept within the last two minutes, for another call."""
        for known, first_call, first_ms in reversed(self.seen):
            if known == token and at_ms - first_ms <= KEPT_MS:
                return first_call != call
        self.seen.append((token, call, at_ms))
        return False


CALLS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, KEPT_MS)), max_size=40)


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
    earlier: set[tuple[int, int]] = set()
    for token, call, later_ms in calls:
        now_ms += later_ms
        if seen.is_replay(bytes([token]), str(call), now_ms):
            assert any(one == token and other != call for one, other in earlier)
        earlier.add((token, call))
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


def test_a_forwarded_call_and_one_that_failed_are_not_asked() -> None:
    """Forwarding brings the same token to another call, with the signatures that say so."""
    seen, passed = SeenTokens(10), verify((identity(),), CALL, AT_MS, trust())
    without_replay(passed, seen, "one", AT_MS)
    diverted, failed = passed._replace(is_diverted=True), refused(Refused(Cause.STALE, "old"))

    assert without_replay(diverted, seen, "another", AT_MS) == diverted
    assert without_replay(failed, seen, "another", AT_MS) == failed
