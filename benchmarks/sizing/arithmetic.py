"""What a rate of calls needs, by what `benchmarks.scale` measured and what the operator assumes."""

import math
from bisect import bisect_left
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import Any

RATES = (1_000, 10_000, 100_000, 1_000_000)
DAY_S = 86_400
EVENTS_PER_CALL = 2
FULL_BATCH = 2_048
FEWEST_PARTITIONS, MOST_PARTITIONS = 12, 1_024
PARTITIONS_PER_WORKER = 2
RECORD_OVERHEAD_BYTES = 32
"""Key, lengths and time stamp of a record, and its share of a batch's header."""
MB, GB, MIB = 1e6, 1e9, 2**20


@dataclass(frozen=True)
class Assumptions:
    """What the operator knows better.

    Attributes:
        core_share: most of a core that a worker may use in the busiest hour; the rest catches up after a restart, and
            carries the partitions of a worker that is gone.
        calls_per_number: calls a day of a calling number that calls at all.
        most_numbers: more cannot call, whatever the rate.
        worker_gib: memory of a worker.
        day_to_peak: mean rate of a day to that of its busiest hour.
    """

    core_share: float = 0.5
    calls_per_number: float = 4.0
    most_numbers: float = 1e9
    worker_gib: float = 4.0
    day_to_peak: float = 0.5


@dataclass(frozen=True, slots=True)
class Size:
    """Needs of a rate. Rates are those of the busiest hour."""

    calls_per_second: int
    us_per_event: float
    workers: int
    partitions: int
    numbers_per_worker: int
    worker_mib: int
    kafka_in_mb_s: float
    kafka_out_mb_s: float
    event_log_gb: float
    snapshot_mb: float


class Costs:
    """What was measured.

    Args:
        measured: the JSON object that `benchmarks.scale` prints.
    """

    def __init__(self, measured: dict[str, Any]) -> None:
        rate, alone = measured["rate"], measured["workers"][0]
        self.idle = float(rate["idle_s"])
        self._full_us = float(rate["event_us"]) + float(rate["batch_us"]) / FULL_BATCH
        self._keys = [(row["numbers"], row["cpu_us_per_setup"]) for row in measured["keys"]]
        self._base_keys = float(alone["numbers"])
        self.start_mib = alone["resident_bytes_at_start"][0] / MIB
        self.event_bytes = int(alone["bytes_per_event"]) + RECORD_OVERHEAD_BYTES
        self.decision_bytes = int(alone["bytes_per_decision"]) + RECORD_OVERHEAD_BYTES
        few, many = measured["keys"][-2:]
        more = many["numbers"] - few["numbers"]
        self.bytes_per_number = (many["grown_bytes"] - few["grown_bytes"]) / more
        self.snapshot_bytes_per_number = (many["snapshot_bytes"] - few["snapshot_bytes"]) / more

    def us_per_event(self, numbers: float) -> float:
        """CPU microseconds of an event in full batches, with so many calling numbers tracked by the worker."""
        more = self._windows_us(numbers) - self._windows_us(self._base_keys)
        return self._full_us + max(0.0, more) / EVENTS_PER_CALL

    def _windows_us(self, numbers: float) -> float:
        """Of a setup; straight between measured points over the logarithm, and beyond them like the last two."""
        points = [(math.log10(at), us) for at, us in self._keys]
        at = math.log10(max(numbers, self._keys[0][0]))
        pairs = list(pairwise(points))
        (x0, y0), (x1, y1) = next((pair for pair in pairs if at <= pair[1][0]), pairs[-1])
        return float(y0 + (y1 - y0) * (at - x0) / (x1 - x0))


def size(calls_per_second: int, costs: Costs, assumed: Assumptions) -> Size:
    """What a rate needs."""
    a_day = calls_per_second * assumed.day_to_peak * DAY_S
    numbers = min(assumed.most_numbers, a_day / assumed.calls_per_number)
    events = EVENTS_PER_CALL * calls_per_second

    def mib(workers: int) -> float:
        return float(costs.start_mib + numbers / workers * costs.bytes_per_number / MIB)

    def is_enough(workers: int) -> bool:
        share = events * costs.us_per_event(numbers / workers) / 1e6 / workers + costs.idle
        return share <= assumed.core_share and mib(workers) <= 1_024 * assumed.worker_gib

    most = 1
    while not is_enough(most):
        most *= 2
    workers = 1 + bisect_left(range(1, most + 1), x=True, key=is_enough)
    us = costs.us_per_event(numbers / workers)
    each = numbers / workers
    kafka_in = events * costs.event_bytes
    return Size(
        calls_per_second,
        round(us, 2),
        workers,
        min(MOST_PARTITIONS, max(FEWEST_PARTITIONS, PARTITIONS_PER_WORKER * workers)),
        round(each),
        round(mib(workers)),
        kafka_in / MB,
        calls_per_second * costs.decision_bytes / MB,
        kafka_in * assumed.day_to_peak * 25 * 3_600 / GB,
        each * costs.snapshot_bytes_per_number / MB,
    )


HEADINGS = (
    "calls/s",
    "us of CPU per event",
    "workers",
    "partitions",
    "numbers a day and worker",
    "memory of a worker, MiB",
    "Kafka in, MB/s",
    "Kafka out, MB/s",
    "events of 25 h, GB",
    "snapshot of a worker, MB",
)


def table(sizes: list[Size]) -> str:
    """A Markdown table, one row a rate."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for one in sizes:
        cells = [f"{cell:,.1f}" if isinstance(cell, float) else f"{cell:,}" for cell in astuple(one)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
