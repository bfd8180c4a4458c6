"""What 1, 2 and 4 workers cost on as many partitions, and what one costs at each rate and number of tracked keys.

    python -m benchmarks.scale --workers 1 2 4 --events 1000000

Everything shares the machine. With more workers than processors the rate cannot grow; what shows is whether an event
stays as cheap. The workers stand still while the backlog is published, and start together. Every setup must have
exactly one decision, and none may fail open. docs/sizing.md and `benchmarks.sizing` use the result.
"""

import argparse
import os
import time
from itertools import islice
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from redis import Redis

from benchmarks.harness import plots
from benchmarks.harness.backlog import SETUP, Backlog, check_decisions, event_file, moved_to_now, publish, send
from benchmarks.harness.machine import describe, give
from benchmarks.harness.worker import wait_until
from benchmarks.scale.cost_model import Point, fit, windows_by_keys
from benchmarks.scale.fleet import SNAPSHOT_BYTES, Fleet, running_fleet
from streams.metrics import Metric

EVERY_S = 0.25
FROM_SHARE, TO_SHARE = 0.05, 0.75
"""Measured between these shares of the answers: partitions are not equally full, so workers end one after the other."""
RATE_PARTITIONS = 12
FIRST_RATE = 200
BATCHES, EVENTS = f"{Metric.BATCH_EVENTS}_count", f"{Metric.BATCH_EVENTS}_sum"


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 2, 4], help="numbers of workers; default: %(default)s"
    )
    parser.add_argument("--events", type=int, default=1_000_000, help="events of each backlog [%(default)s]")
    parser.add_argument(
        "--rates",
        type=int,
        nargs="+",
        default=[0, 100, 500, 2_000, 5_000],
        help="events a second of one worker; default: %(default)s",
    )
    parser.add_argument("--seconds", type=float, default=6.0, help="at each rate [%(default)s]")
    parser.add_argument(
        "--keys",
        type=int,
        nargs="+",
        default=[10_000, 100_000, 1_000_000],
        help="numbers of tracked keys; default: %(default)s",
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--plots", type=Path, help="draw plots into this folder")
    options = parser.parse_args()
    result: dict[str, Any] = describe() | {"processors": os.cpu_count()}
    result["keys"] = windows_by_keys(options.keys, options.seed)
    result["workers"] = [several(number, options.events, options.seed) for number in options.workers]
    result["rate"] = fit(rates(options.rates, options.seconds, options.events, options.seed))
    give(result, options.out)
    if options.plots:
        plots.scale(result, options.plots)


def several(workers: int, events: int, seed: int) -> dict[str, Any]:
    """A backlog worked off by some workers, one partition each."""
    with running_fleet(workers, workers) as (fleet, services), Redis.from_url(str(services.redis_url)) as redis:
        before = fleet.decided()
        with fleet.standing_still():
            backlog = publish(fleet.servers, events, seed)
            network, since = _network_bytes(redis), time.perf_counter()
        samples = _watch(fleet, backlog, sum(before))
        took_s = time.perf_counter() - since
        exchanged = _network_bytes(redis) - network
        size = check_decisions(fleet.servers, backlog, before, fleet.decided())
        wait_until(fleet.has_written, "a snapshot of all that was counted")
        figures, resident = [one.metrics() for one in fleet.workers], fleet.resident()
    setups = len(backlog.setups)
    started = next(one for one in samples if one[2] >= FROM_SHARE * setups)
    ended = next(one for one in samples if one[2] >= TO_SHARE * setups)
    wall_s, on_processor_s, answers = (b - a for a, b in zip(started, ended, strict=True))
    done = answers * events / setups
    return {
        "workers": workers,
        "more_than_processors": workers >= (os.cpu_count() or 1),
        "events_per_second": round(done / wall_s),
        "cpu_us_per_event": round(1e6 * on_processor_s / done, 2),
        "processors_used_by_workers": round(on_processor_s / wall_s, 2),
        "redis_bytes_per_worker_and_second": round(exchanged / took_s / workers),
        "bytes_per_event": round(backlog.value_bytes / events),
        "bytes_per_decision": round(size / setups),
        "numbers": sum(_numbers(one) for one in figures),
        "snapshot_bytes": sum(one[SNAPSHOT_BYTES] for one in figures),
        "resident_bytes_at_start": fleet.resident_at_start,
        "resident_bytes": resident,
        "samples_s_cpu_answers": [(round(at - since, 3), round(cpu, 3), count) for at, cpu, count in samples],
    }


def _numbers(metrics: dict[str, float]) -> int:
    return round(sum(metrics[f'{Metric.TRACKED_KEYS}{{family="{family}"}}'] for family in ("number", "cold_number")))


def _watch(fleet: Fleet, backlog: Backlog, before: int) -> list[tuple[float, float, int]]:
    """Seconds, seconds on processors and answers, until all is answered."""
    samples: list[tuple[float, float, int]] = []

    def look() -> bool:
        samples.append((time.perf_counter(), fleet.cpu_s(), sum(fleet.decided()) - before))
        return samples[-1][2] >= len(backlog.setups)

    wait_until(look, "the last decision", every_s=EVERY_S)
    return samples


def _network_bytes(redis: Any) -> int:
    found = redis.info("stats")
    return int(found["total_net_input_bytes"]) + int(found["total_net_output_bytes"])


def rates(wanted: list[int], seconds: float, events: int, seed: int) -> list[Point]:
    """One worker of all partitions at each rate, and at full speed."""
    with running_fleet(RATE_PARTITIONS, 1) as (fleet, _):
        _at_rate(fleet, FIRST_RATE, 2.0, events, seed)  # whatever happens once
        points = [_at_rate(fleet, rate, seconds, events, seed) for rate in wanted]
        before, begin = sum(fleet.decided()), _state(fleet)
        with fleet.standing_still():
            backlog = publish(fleet.servers, events, seed)
            begin = (time.perf_counter(), *begin[1:])  # it took nothing while it stood still
        return [*points, _point("backlog", begin, _state_after(fleet, before + len(backlog.setups)))]


def _at_rate(fleet: Fleet, rate: int, seconds: float, events: int, seed: int) -> Point:
    before, begin = sum(fleet.decided()), _state(fleet)
    if rate:
        setups = _send_paced(fleet.servers, rate, int(rate * seconds), event_file(events, seed))
        return _point(f"{rate} events/s", begin, _state_after(fleet, before + setups))
    time.sleep(seconds)
    return _point("no events", begin, _state(fleet))


def _send_paced(servers: str, rate: int, number: int, path: Path) -> int:
    """Send so many of the generated events, evenly; return how many of them are setups."""
    with path.open("rb") as file:
        lines = [line.rstrip(b"\n") for line in islice(file, number)]
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0, "partitioner": "murmur2_random"})
    since = time.perf_counter()
    for index, line in enumerate(moved_to_now(iter(lines), lines[-1])):
        while (wait_s := since + index / rate - time.perf_counter()) > 0:
            time.sleep(min(wait_s, 0.0005))
        send(producer, line)
        producer.poll(0)
    producer.flush(30)
    return sum(SETUP in line for line in lines)


State = tuple[float, float, float, float]  # s, s on the processor, batches, events


def _state(fleet: Fleet) -> State:
    metrics = fleet.workers[0].metrics()
    return time.perf_counter(), fleet.cpu_s(), metrics.get(BATCHES, 0.0), metrics.get(EVENTS, 0.0)


def _state_after(fleet: Fleet, decided: int) -> State:
    wait_until(lambda: sum(fleet.decided()) >= decided, "the last decision", every_s=EVERY_S)
    return _state(fleet)


def _point(what: str, begin: State, end: State) -> Point:
    seconds, on_processor_s, batches, events = (b - a for a, b in zip(begin, end, strict=True))
    return Point(what, round(seconds, 3), round(batches), round(events), round(on_processor_s, 3))


if __name__ == "__main__":
    main()
