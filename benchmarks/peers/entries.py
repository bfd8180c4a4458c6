"""The list of what is compared, one line an entry. README.md has the contract of a peer's folder."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
JOB, COPY, PRODUCT = "job", "copy", "product"
SLIDING, TUMBLING = "sliding", "tumbling"


@dataclass(frozen=True)
class Entry:
    """One competitor.

    Attributes:
        name: In the table and on the command line.
        does: `JOB`, `COPY` (the floor) or `PRODUCT` (the worker: all that it does, the job included).
        events: Enough for 10 to 30 seconds on one core.
        state: What keeps the windows, for the table.
        folder: Below `benchmarks/peers`, with its `run.sh`; empty for the worker.
        arguments: Added to the call of `run.sh`.
        windows: `SLIDING`, or what its own windows do instead.
        warm_up: Share of the events after which it is measured.
    """

    name: str
    does: str
    events: int
    state: str
    folder: str = ""
    arguments: tuple[str, ...] = ()
    windows: str = SLIDING
    warm_up: float = 0.4

    def command(self, *arguments: str) -> list[str]:
        """Start it with these arguments; the worker takes its settings from the environment."""
        if self.does == PRODUCT:
            return [sys.executable, "-m", "streams.commands.main", "worker"]
        return [str(FOLDER / self.folder / "run.sh"), *arguments]


@dataclass(frozen=True)
class Place:
    """Where one run reads and writes."""

    servers: str
    source: str
    sink: str
    group: str
    scratch: Path
    services: dict[str, str] = field(default_factory=dict)

    def arguments(self, entry: Entry) -> list[str]:
        """Of the entry's `run.sh`."""
        named = {
            "bootstrap": self.servers,
            "input": self.source,
            "output": self.sink,
            "events": str(entry.events),
            "group": self.group,
            "job": str(FOLDER / "job.json"),
        }
        return [part for name, value in named.items() for part in (f"--{name}", value)] + list(entry.arguments)

    def environment(self, entry: Entry) -> dict[str, str]:
        """Of the entry's process: nothing of ours, but for the worker."""
        common = os.environ | {"TMPDIR": str(self.scratch), "PYTHONPATH": str(ROOT), "PYTHON": sys.executable}
        common.pop("VIRTUAL_ENV", None)
        if entry.does != PRODUCT:
            return common
        # An hour's patience, since a backlog is old by nature; snapshots as shipped, in a folder of the run.
        return (
            common
            | self.services
            | {
                "ROBOCALL_CONSUMER_GROUP": self.group,
                "ROBOCALL_PARTITIONS": "1",
                "ROBOCALL_SNAPSHOT_URL": str(self.scratch / "snapshots"),
                "ROBOCALL_DECISION_DEADLINE_MS": "3600000",
                "ROBOCALL_SHED_AFTER_MS": "3600000",
                "ROBOCALL_WEB_PORT": "0",
                "ROBOCALL_LOG_LEVEL": "warning",
            }
        )


ENTRIES = (
    Entry("worker", PRODUCT, 600_000, "compiled windows, snapshots on"),
    Entry("worker_job", JOB, 1_000_000, "compiled windows in memory", "worker_job"),
    Entry("floor", COPY, 1_000_000, "none", "floor"),
    Entry("stock_faust", JOB, 15_000, "its windowed tables", "stock_faust", ("--state", "tables"), TUMBLING),
    Entry("faust_memory", JOB, 60_000, "dict in memory", "stock_faust", ("--state", "memory")),
    Entry("quix_state", JOB, 150_000, "its state store", "quix", ("--state", "store")),
    Entry("quix_memory", JOB, 300_000, "dict in memory", "quix", ("--state", "memory")),
    Entry("bytewax", JOB, 400_000, "its keyed stateful_batch", "bytewax", ("--state", "keyed")),
    Entry("bytewax_memory", JOB, 500_000, "dict in memory", "bytewax", ("--state", "memory")),
    Entry("kafka_streams", JOB, 1_500_000, "its store, logged and cached", "kafka_streams", ("--state", "logged")),
    Entry(
        "kafka_streams_rocksdb", JOB, 1_500_000, "RocksDB, logged and cached", "kafka_streams", ("--state", "rocksdb")
    ),
    # These are still being compiled after 500,000 events, and so quick that it shows.
    Entry(
        "kafka_streams_memory",
        JOB,
        1_500_000,
        "its store, in memory only",
        "kafka_streams",
        ("--state", "memory"),
        warm_up=0.7,
    ),
    Entry("flink", JOB, 1_500_000, "its heap backend, checkpoints on", "flink", warm_up=0.7),
)
