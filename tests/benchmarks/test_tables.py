"""Tables of results, against figures worked out by hand."""

from typing import Any

import pytest

from benchmarks.tables import bridge, people, state
from benchmarks.tables.verifying import verifying

MADE = {"machine": "AMD EPYC, 2 cores, Linux", "python": "3.11.7", "commit": "abc", "command": "python -m x"}


def dip(path: str, p50_ms: float, **more: Any) -> dict[str, Any]:
    """A turn of 1,000 calls at 500 a second."""
    return {
        "path": path, "signed": 0.0, "rate": 500, "calls": 1_000, "unanswered": 0, "answers": {"404": 1_000},
        "p50_ms": p50_ms, "p99_ms": 5 * p50_ms, "p99.9_ms": 6 * p50_ms, "highest_ms": 7 * p50_ms,
        "generator_late_p99_ms": 0.4, "cpu_us_a_call": 100 * p50_ms, "processors_busy": 1.2,
    } | more  # fmt: skip


def test_the_bridge_is_held_against_the_other_turn_by_turn() -> None:
    """4 to 2 and 5 to 2: 2.25 times by the median of both turns."""
    turns = [
        dip("bridge", 4.0),
        dip("bare", 2.0),
        dip("bridge", 5.0, answers={"fail_open": 7, "404": 993}),
        dip("bare", 2.0),
    ]

    told = bridge.dips({**MADE, "rows": turns})

    assert "| 500 | bridge | 4 to 5 | 20 to 25 | 24 to 30 | 28 to 35 | 400 to 500 | 0 | 0 to 7 | yes |" in told
    assert "| 500 | a redirect server that asks nobody | 2 | 10 | 12 | 14 | 200 | 0 | 0 | yes |" in told
    assert "| 500 | times as much | 2.25 (2.00 to 2.50, 2 turns) |" in told
    assert "4,000 calls in all" in told


@pytest.mark.parametrize("more", [{"generator_late_p99_ms": 1.1}, {"processors_busy": 1.8}])
def test_a_run_that_did_not_fit_the_machine_says_so(more: dict[str, float]) -> None:
    """With two processors, 1.8 of them at work are all that may be."""
    told = bridge.dips({**MADE, "rows": [dip("bridge", 4.0, **more), dip("bare", 2.0)]})
    signed = bridge.dips_signed({**MADE, "rows": [dip("bridge", 4.0, **more), dip("bridge", 4.0, signed=0.3)]})

    assert "| 400 | 0 | 0 | no |" in told
    assert "says nothing: it did not fit" in signed


def test_signed_calls_are_held_against_those_of_the_same_turn() -> None:
    """p99 20 to 22 ms: 1.1 times, within 1.2."""
    told = bridge.dips_signed({**MADE, "rows": [dip("bridge", 4.0), dip("bridge", 4.4, signed=0.3)]})

    aim = "| p99 at 500 calls a second where 30 % are signed, to none | 1.100 (one turn) | at most 1.2 | met |"
    assert aim in told


def test_questions_over_http_count_what_was_no_decision() -> None:
    answer = {"p50_ms": 2.0, "p99_ms": 9.0, "p99.9_ms": 12.0, "max_ms": 13.0}
    row = {"rate": 1_000, "cpu_us_a_dip": 426.4, "said": {"allow": 990, "block": 3, "fail_open late": 7}}

    told = bridge.http_dips({**MADE, "rows": [row | {"answer": answer, "late": {"p99_ms": 0.2}}]})

    assert "| 1,000 | 2.0 | 9.0 | 12.0 | 13.0 | 426 | 7 | yes |" in told


def test_a_verdict_that_costs_more_than_the_aim_is_missed() -> None:
    def path(ratio: float) -> dict[str, Any]:
        of = {"ratio": ratio, "low": ratio, "high": ratio, "turns": 7}
        return {"cpu_us": 46.0, "a_second_and_core": 21_739, "of_openssl": of, "times_one_thread": 1.57}

    names = (
        "signature",
        "signature, two threads",
        "verdict",
        "verdict, two threads",
        "verdict, certificate parsed anew",
    )
    told = verifying(
        {**MADE, "calls": 100, "cryptography": "50", **{name: path(1.0) for name in names}, "verdict": path(1.56)}
    )

    assert (
        "| the signature, by a parsed key | 1.000 (1.000 to 1.000, 7 turns) | at most 1.3 | met | 46.0 | 21,739 |"
        in told
    )
    assert (
        "| the whole verdict | 1.560 (1.560 to 1.560, 7 turns) | at most 1.3 | missed, 1.20 times off | 46.0 |" in told
    )
    assert (
        "| the whole verdict, certificates parsed anew | 1.000 (1.000 to 1.000, 7 turns) |  |  | 46.0 | 21,739 |  |"
        in told
    )


def test_a_restore_is_held_against_its_aims() -> None:
    told = state.recovery(
        {
            **MADE,
            "snapshot_bytes": 27_400_000,
            "restore_s": 1.06,
            "process_start_to_green_s": 4.21,
            "snapshot_longest_step_ms": 0.2,
        }
    )

    assert "a snapshot of 27 MB loaded, later calls caught up with | 1.06 s | at most 10 s | met |" in told
    assert "| longest that a snapshot held the event loop in one go | 0.2 ms | at most 2 ms | met |" in told


def test_pages_stand_by_how_slow_they_are_and_each_has_the_aim() -> None:
    row = {"answers": 10, "p50_ms": 1.0, "max_ms": 400.0}
    pages = {"/now": row | {"p95_ms": 12.0}, "/queues/cases": row | {"p95_ms": 250.0}}
    facts = {"aim_ms": 200.0, "slower_than_aim": ["/queues/cases"], "rounds": 10, "published_a_second": 5_000}
    files = {"archived": 120_000, "files": {"call-decisions": 12}, "campaigns": 64, "cases": 72}

    told = people.console({**MADE, "pages": pages, "all": row | {"p95_ms": 200.0}, **facts, **files})

    first, second = told.splitlines()[2:4]
    assert first == "| `/queues/cases` | 10 | 1.0 | 250.0 | 400.0 | missed, 1.25 times off |"
    assert second == "| `/now` | 10 | 1.0 | 12.0 | 400.0 | met |"
    assert "p95 is within 200 ms for 1 of 2 pages and parts" in told


def test_a_draw_of_the_demo_has_the_shares_of_its_robocalls() -> None:
    """100 of 200 robocalls are labelled or blocked, 50 of them blocked."""
    robocalls, lawful = {"allow": 100, "label": 50, "block": 50}, {"allow": 990, "label": 10}

    told = people.demo({**MADE, "draws": [{"seed": 101, "caught": 0.5, "robocall": robocalls, "legitimate": lawful}]})

    assert "| 101 | 200 | 50 % | 25 % | 1,000 | 10 | 0 |" in told


def test_a_start_without_a_console_shows_none() -> None:
    turns = [
        {"the first words": 1.2, "history begins": 6.5, "live calls": 16.9},
        {"the first words": 1.3, "history begins": 6.7, "live calls": 17.6},
    ]
    alone = {**MADE, "turns": turns, "load": [0.1, 0.2, 0.3]}
    both = {**MADE, "turns": [one | {"console": 5.6} for one in turns], "load": [0.2, 0.2, 0.3]}

    told = people.demo_start(alone, both)

    assert "| `python -m x` | 1.2 to 1.3 s |  | 6.5 to 6.7 s | 16.9 to 17.6 s |" in told
    assert "| `python -m x` | 1.2 to 1.3 s | 5.6 to 5.6 s | 6.5 to 6.7 s | 16.9 to 17.6 s |" in told
    assert "2 warm starts each, at a load of 0.1 and 0.2." in told
