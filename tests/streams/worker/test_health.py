"""Health follows offsets: red when there is something to read and nothing moves, or nothing was joined."""

from streams.redis.lists import ListsView
from streams.redis.trunk_shares import TrunkView
from streams.worker.health import Health, Verdict

CLOCK_S = 0.1


def joined(stall_s: float = 30.0) -> Health:
    health = Health(stall_s, CLOCK_S)
    health.joined()
    return health


def test_a_worker_that_has_not_joined_is_red() -> None:
    """It would answer nothing."""
    verdict = Health(30.0, CLOCK_S).observe({}, 0.0)
    assert (verdict.status, verdict.is_healthy) == ("joining", False)


def test_a_worker_without_partitions_stands_by() -> None:
    """More workers than partitions: it takes over when another goes."""
    verdict = joined().observe({}, 0.0)
    assert (verdict.status, verdict.is_healthy) == ("standby", True)


def test_progress_is_healthy_however_large_the_lag() -> None:
    """Offsets move: it is busy, not stuck."""
    health = joined()
    for second in range(100):
        verdict = health.observe({"calls-0": (second, 1_000_000)}, float(second))
    assert verdict.status == "ok"
    assert verdict.lag == 999_901


def test_lag_without_movement_stalls_after_the_limit() -> None:
    """0 s: seen at offset 5. 29 s: still patient. 30 s: stalled. 31 s: moved, healthy again."""
    health = joined(30.0)
    progress = {"calls-0": (5, 9), "calls-1": (7, 7)}
    assert health.observe(progress, 0.0).is_healthy
    assert health.observe(progress, 29.0).is_healthy

    verdict = health.observe(progress, 30.0)
    assert (verdict.status, verdict.is_healthy, verdict.stalled, verdict.lag) == ("stalled", False, ("calls-0",), 4)

    assert health.observe({"calls-0": (6, 9), "calls-1": (7, 7)}, 31.0).is_healthy


def test_silence_is_not_a_stall() -> None:
    """Nothing to read for an hour; the clock of a stall starts when something arrives."""
    health = joined(30.0)
    assert health.observe({"calls-0": (5, 5)}, 0.0).is_healthy
    assert health.observe({"calls-0": (5, 5)}, 3_600.0).is_healthy
    assert health.observe({"calls-0": (5, 6)}, 3_601.0).is_healthy
    assert health.observe({"calls-0": (5, 6)}, 3_629.0).is_healthy
    assert not health.observe({"calls-0": (5, 6)}, 3_630.0).is_healthy


def test_a_partition_that_was_never_committed_counts_from_its_beginning() -> None:
    """Unknown start: everything is unread. Unknown end: nothing is known to be."""
    verdict = joined().observe({"calls-0": (None, 12), "calls-1": (3, None)}, 0.0)
    assert verdict.lag == 12


def test_leaving_the_group_is_red_until_joined_again() -> None:
    """A rebalance that does not end shows."""
    health = joined()
    health.left()
    assert health.observe({}, 0.0).status == "joining"
    health.joined()
    assert health.observe({}, 1.0).is_healthy


def test_a_partition_that_is_being_restored_is_red_and_warming_says_more() -> None:
    """Its calls are not decided yet; lag alone would not tell."""
    health = joined()
    assert health.observe({"calls-0": (5, 9)}, 0.0, ["restoring"]).status == "restoring"
    verdict = health.observe({"calls-0": (5, 9)}, 1.0, ["restoring", "warming"])
    assert (verdict.status, verdict.is_healthy) == ("warming", False)
    assert health.observe({"calls-0": (5, 9)}, 2.0).is_healthy


def test_a_clock_that_is_wrong_is_said_and_makes_nothing_red() -> None:
    """3 s ahead every call seems late; a restart would not set the clock."""
    health, progress = Health(30.0, 0.5), {"calls-0": (7, 7)}
    health.joined()
    for ahead_s in (3.0004, -0.6):
        verdict = health.observe(progress, 0.0, clock_ahead_s=ahead_s)
        assert (verdict.status, verdict.is_healthy, verdict.clock_ahead_s) == ("degraded", True, round(ahead_s, 3))
    assert health.observe(progress, 0.0, clock_ahead_s=0.5) == Verdict("ok", 1, 0)


def test_a_partition_without_a_leader_is_named_and_makes_nothing_red() -> None:
    """No restart of a worker brings the leader back; the other partitions are judged as ever."""
    health, calls, other = joined(30.0), ("call-events", 3), ("call-events", 4)
    assert health.observe({calls: (5, 9), other: (5, 9)}, 0.0, (), [calls]).status == "degraded"
    verdict = health.observe({calls: (5, 9), other: (6, 9)}, 31.0, (), [calls])
    assert (verdict.status, verdict.is_healthy) == ("degraded", True)
    assert (verdict.leaderless, verdict.stalled) == (("call-events/3",), ())
    assert health.observe({calls: (5, 9), other: (6, 9)}, 61.0, (), [calls]).stalled == ("call-events/4",)
    assert health.observe({calls: (5, 9), other: (7, 9)}, 62.0, ["restoring"], [calls]).status == "restoring"


def test_unknown_lists_are_said_and_green() -> None:
    """Every call passes, and a restart would not find the lists either. What is red stays as it is."""
    unknown, kept = ListsView("unknown"), ListsView("kept", 7.0)
    ok, joining = joined().observe({"calls-0": (1, 1)}, 0.0), Health(30.0, CLOCK_S).observe({}, 0.0)

    assert (ok.with_lists(unknown).status, ok.with_lists(unknown).is_healthy) == ("lists_unknown", True)
    assert joining.with_lists(unknown).status == "joining"
    assert (ok.with_lists(kept).status, ok.with_lists(kept).lists) == ("ok", kept)
    assert ok.with_lists(ListsView("none")) == ok


def test_trunk_totals_that_stay_partial_are_degraded_and_green() -> None:
    """A take-over has some seconds to read what others counted."""
    health, progress = joined(), {"calls-0": (7, 7)}
    whole, part = TrunkView("shared", 1.0, 0.1), TrunkView("partial", 0.6, 9.0)

    def observed(trunks: TrunkView, now_s: float) -> Verdict:
        return health.observe(progress, now_s, trunks=trunks)

    assert [observed(part, 0.0).status, observed(part, 14.0).status] == ["ok", "ok"]
    late = observed(part, 15.0)
    assert (late.status, late.is_healthy, late.trunks) == ("degraded", True, part)
    assert observed(whole, 16.0).status == "ok"
    assert observed(part, 30.0).status == "ok"


def test_partitions_of_decisions_that_take_nothing_are_named_and_a_restart_is_not_asked_for() -> None:
    """What is worse keeps its name."""
    for status, expected in (("ok", "degraded"), ("standby", "degraded"), ("stalled", "stalled")):
        verdict = Verdict(status, 1, 0).with_unwritable(["call-decisions/3"])
        assert (verdict.status, verdict.unwritable) == (expected, ("call-decisions/3",))
        assert verdict.is_healthy == (expected == "degraded")
    assert Verdict("ok", 1, 0).with_unwritable([]) == Verdict("ok", 1, 0)
