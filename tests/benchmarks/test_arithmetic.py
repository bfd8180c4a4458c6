"""What benchmarks compute from what they measure, against figures worked out by hand."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.promotion.judging import Answer, judged
from benchmarks.scale.cost_model import Point, fit
from benchmarks.sizing.arithmetic import Assumptions, Costs, size
from benchmarks.throughput import breakdown

ROOT = Path(__file__).parents[2]
PACKAGES = ("detector", "models", "streams")
SPAWN = "<module> (/app/streams/commands/main.py:9);run (/app/streams/running/services.py:161)"
MEASURED = {
    "rate": {"idle_s": 0.01, "batch_us": 256.0, "event_us": 9.0},
    "keys": [
        {"numbers": 10_000, "cpu_us_per_setup": 2.0, "grown_bytes": 10_000_000, "snapshot_bytes": 1_000_000},
        {"numbers": 1_000_000, "cpu_us_per_setup": 4.0, "grown_bytes": 208_000_000, "snapshot_bytes": 40_600_000},
    ],
    "workers": [
        {
            "numbers": 10_000,
            "resident_bytes_at_start": [200 * 2**20],
            "bytes_per_event": 300,
            "bytes_per_decision": 500,
        }
    ],
}


def test_a_sample_counts_for_its_innermost_stage() -> None:
    stacks = "\n".join(
        [
            f"{SPAWN};screen (/app/streams/worker/screen_calls.py:1);run (/app/detector/windows/engine.py:2) 30",
            f"{SPAWN};answer (/app/streams/worker/screen_calls.py:1);read (/app/streams/wire/reading.py:2);f (/a:3) 18",
            f"{SPAWN};read (/app/streams/wire/reading.py:2);__call__ (/app/detector/columns/compiled.py:25) 2",
            f"{SPAWN};exchange (/app/streams/redis/trunk_exchange.py:1);merge (/app/detector/windows/trunks.py:2) 7",
            f"{SPAWN} 5",
            "_bootstrap (/lib/threading.py:1);_worker (/lib/concurrent/futures/thread.py:81) 40",
            "somewhere (/lib/else.py:1) 1",
        ]
    )
    found = breakdown.by_stage(stacks)
    assert found == {"windows and features": 30, "decode": 20, "background": 7, "event loop": 5, "other": 1}
    assert sum(breakdown.in_microseconds(found, 14.0).values()) == pytest.approx(14.0)


def test_stages_name_files_that_are_there() -> None:
    """A file that has moved would count for whoever is next in its stack."""
    files = ["/" + path.relative_to(ROOT).as_posix() for top in PACKAGES for path in (ROOT / top).rglob("*.py")]
    tables = (*breakdown.STAGES.values(), breakdown.BESIDE, breakdown.SHARED, breakdown.WAITING)
    ours = [part for parts in tables for part in parts if part.startswith(tuple(f"/{top}/" for top in PACKAGES))]
    assert len(ours) > 30
    assert [part for part in ours if not any(part in file for file in files)] == []


def test_an_event_loop_that_waits_is_not_at_work() -> None:
    samples = Counter({"decode": 30, breakdown.EVENT_LOOP: 70})
    assert breakdown.without_waiting(samples, 0.4) == {"decode": 30, breakdown.EVENT_LOOP: 10}
    assert breakdown.without_waiting(samples, 0.2)[breakdown.EVENT_LOOP] == 0
    assert breakdown.without_waiting(samples, 1.0) == samples


def test_costs_are_found_again_in_what_they_make() -> None:
    runs = [(10.0, 0, 0), (10.0, 1_000, 1_000), (10.0, 2_000, 20_000), (5.0, 2_000, 500_000)]
    points = [Point("run", s, b, e, 0.01 * s + 300e-6 * b + 8e-6 * e) for s, b, e in runs]
    found = fit(points)
    assert (found["idle_s"], found["batch_us"], found["event_us"]) == pytest.approx((0.01, 300.0, 8.0))


def test_no_cost_is_below_nought() -> None:
    points = [Point("run", s, b, e, 1e-6 * e) for s, b, e in ((1.0, 10, 1_000), (2.0, 30, 4_000), (3.0, 50, 9_000))]
    points.append(Point("cheaper than its events", 4.0, 900, 9_000, 0.008))
    found = fit(points)
    assert min(found["idle_s"], found["batch_us"], found["event_us"]) >= 0.0


def test_a_size_worked_out_by_hand() -> None:
    found = size(1_000, Costs(MEASURED), Assumptions(core_share=0.5, calls_per_number=432.0, day_to_peak=0.5))
    # 43,200,000 calls a day of 100,000 numbers: half way between the measured points, 1 us more a setup.
    assert found.numbers_per_worker == 100_000
    assert found.us_per_event == pytest.approx(9.0 + 256 / 2_048 + 0.5, abs=0.0051)  # it has two decimals
    assert (found.workers, found.partitions) == (1, 12)
    assert found.worker_mib == 200 + round(100_000 * 200 / 2**20)
    assert found.kafka_in_mb_s == pytest.approx(2_000 * 332 / 1e6)
    assert found.snapshot_mb == pytest.approx(4.0)


@pytest.mark.parametrize("calls", [1, 5_000, 50_000, 500_000, 3_000_000])
def test_workers_are_enough_and_not_one_more_than_needed(calls: int) -> None:
    costs, assumed = Costs(MEASURED), Assumptions()
    found = size(calls, costs, assumed)

    def fits(workers: int) -> bool:
        each = min(assumed.most_numbers, calls * 0.5 * 86_400 / 4) / workers
        share = 2 * calls * costs.us_per_event(each) / 1e6 / workers + costs.idle
        return share <= 0.5 and 200 + each * 200 / 2**20 <= 4_096

    assert fits(found.workers)
    assert found.workers == 1 or not fits(found.workers - 1)


S = 1_000_000_000


def promoted(slow_ms: float) -> list[Answer]:
    """A call each 100 ms for 30 s; the model changes 1.5 s after second 10 and 2 s after second 20."""
    models = ["one" if due < 115 or due >= 220 else "other" for due in range(300)]
    slow = {105: slow_ms, 3: 8.0, 150: 9.0}
    return [Answer(due * S // 10, slow.get(due, 2.0), due * 100 + 1, model) for due, model in enumerate(models)]


def test_a_switch_costs_what_it_adds_to_the_slowest_answer_of_other_spans() -> None:
    """Other spans of 4 s have 2 ms at most, but for two with 8 and 9: a usual 2 ms, so that 30 ms are 28 too many."""
    found = judged(promoted(30.0), "one", [("other", 10 * S), ("one", 20 * S)])

    assert [one["to"] for one in found["switches"]] == ["promotion", "rollback"]
    assert [one["decides_after_s"] for one in found["switches"]] == [1.5, 2.0]
    assert [one["spike_ms"] for one in found["switches"]] == [28.0, 0.0]
    assert [one["calls"] for one in found["switches"]] == [40, 40]
    assert (found["spike_ms"], found["spike_is_met"], found["switch_is_met"]) == (28.0, False, True)
    assert found["is_quiet"]
    assert judged(promoted(20.0), "one", [("other", 10 * S), ("one", 20 * S)])["spike_is_met"]


def test_models_that_decide_out_of_turn_fail_the_run() -> None:
    """A decision of the old model after the new one has begun."""
    answers = promoted(2.0)
    answers[130] = Answer(13 * S, 2.0, 13_001, "one")

    with pytest.raises(SystemExit, match="wrong run"):
        judged(answers, "one", [("other", 10 * S), ("one", 20 * S)])
