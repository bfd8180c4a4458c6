"""Benchmarks must notice when what they measure is wrong."""

import random
import time
from itertools import pairwise

import pytest

from benchmarks import page, traffic
from benchmarks.harness.backlog import moved_to_now
from benchmarks.harness.open_loop import IDLE, Answers, instants_ns, make_run, merged, percentiles
from benchmarks.harness.workload import event_lines
from benchmarks.replay.measuring import measure


def test_a_replay_of_sound_events_is_measured_and_one_with_a_broken_event_fails() -> None:
    lines = event_lines(2_000, seed=3)
    result = measure(lines)
    assert result["events"] == 2_000
    assert result["decisions"] == sum(b'"call_setup"' in line for line in lines)
    with pytest.raises(SystemExit, match="wrong run"):
        measure([*lines, b'{"type":"call_setup"}'])


def test_a_rate_is_kept_exactly_and_an_idle_system_gets_single_calls() -> None:
    steady = make_run("t", 400, seconds=2.0, warm_s=1.0)
    assert (steady.warm, steady.number) == (400, 1_200)
    assert instants_ns(steady)[-1] == 1_199 * 2_500_000
    idle = instants_ns(make_run("t", IDLE, seconds=3.0, warm_s=0.0))
    assert all(50_000_000 <= later - sooner < 100_000_000 for sooner, later in pairwise(idle))


def test_every_answer_is_looked_for_once_and_only_of_this_run() -> None:
    run = make_run("t", 10, seconds=1.0, warm_s=0.2)
    answers, due = Answers(run), 1_000_000_000
    values = [f'{{"call_id":"{run.tag}.{index}.{due}","x":1}}'.encode() for index in range(run.number)]
    random.Random(1).shuffle(values)
    for value in [*values[1:], values[1], b'{"call_id":"another.3.5"}']:
        answers.take(value, due + 7_000_000)
    figures = answers.figures()
    assert (figures["calls"], figures["missing"], figures["repeated"]) == (10, 1, 1)
    assert figures["p50_ms"] == pytest.approx(7.0, rel=0.001)


def test_histograms_of_several_runs_are_one() -> None:
    encoded = []
    for waits_us in ((1_000,) * 99, (50_000,)):
        run = make_run("t", 100, seconds=1.0, warm_s=0.0)
        answers = Answers(run)
        for index, us in enumerate(waits_us):
            answers.take(f'"call_id":"{run.tag}.{index}.0"'.encode(), 1_000 * us)
        encoded.append(str(answers.figures()["histogram_us"]))
    assert merged(encoded).get_total_count() == 100
    assert percentiles(encoded)["p50_ms"] == pytest.approx(1.0, rel=0.001)
    assert percentiles(encoded)["max_ms"] == pytest.approx(50.0, rel=0.001)


def test_a_backlog_ends_now_and_keeps_its_distances() -> None:
    lines = [b'{"setup_time_ms":1773147600000}', b'{"setup_time_ms":1773147600000,"end_time_ms":1773147605000}']
    before_ms = time.time_ns() // 1_000_000
    moved = list(moved_to_now(iter(lines), lines[-1]))
    after_ms = time.time_ns() // 1_000_000
    times = [[int(part[:13]) for part in line.split(b'_time_ms":')[1:]] for line in moved]
    assert before_ms <= times[1][1] <= after_ms
    assert times[1][1] - times[1][0] == 5_000
    assert times[0][0] == times[1][0]


def test_traffic_of_every_family_and_author_is_generated_and_counted() -> None:
    rows = traffic.measure(500, 1)
    others = [f"{author} author, as events" for author in ("second", "third")]
    assert [row["worlds"] for row in rows] == ["central", "training", "held out", *others]
    assert all(row["events"] > 500 for row in rows)


def test_the_aim_of_generated_traffic_is_for_the_first_author() -> None:
    rows = [
        {"worlds": worlds, "events": 1_000, "events_per_cpu_second": rate}
        for worlds, rate in (("central", 90_000), ("held out", 60_000), ("second author, as events", 40_000))
    ]
    told = page.traffic(
        {"aim_per_second": 50_000, "rows": rows, **dict.fromkeys(("machine", "python", "commit", "command"), "")}
    )
    assert "| 60,000 | at least 50,000 | met |" in told
    assert "| second author, as events | 1,000 | 40,000 |" in told
