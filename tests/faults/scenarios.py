"""The faults of docs/reliability.md: each with its stage, how often it is injected, and what is special about it."""

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.faults import injections
from tests.faults.clocks import set_right, set_wrong
from tests.faults.counts import Undo
from tests.faults.disk import SmallDisk
from tests.faults.findings import Findings
from tests.faults.object_store import ObjectStore
from tests.faults.poison import call_itself
from tests.faults.stage import Plan, Stage, stage

Injection = Callable[[Stage, random.Random], None]
NEW_PARTITIONS_SOON = {"CONSUMER_METADATA_MAX_AGE_MS": "5000"}
"""How soon workers look for new partitions (a setting of Faust)."""
RAISING = ("-m", "tests.faults.odd_worker", "raise")
SLOW = ("-m", "tests.faults.odd_worker", "sleep", "4")
"""A call costs 4 ms: a worker decides 250 a second at most."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One row of the table.

    Attributes:
        fault: what happens, for the table.
        inject: makes it happen once.
        times: how often.
        plan: the stage.
        undo: see `tests.faults.counts.wrong_counts`.
    """

    fault: str
    inject: Injection
    times: int = 1
    plan: Plan = Plan()
    undo: Undo | None = None


def play(scenario: Scenario, folder: Path, seed: int) -> Findings:
    """Run one on a stage in `folder`; what was found."""
    chance = random.Random(seed)
    with stage(folder, replace(scenario.plan, seed=seed)) as on:
        for _ in range(scenario.times):
            scenario.inject(on, chance)
        return on.end(scenario.undo)


def of_workers() -> list[Scenario]:
    """Faults of workers."""
    return [
        Scenario(fault="kill -9 of one of three workers", inject=injections.kill_one, times=20),
        Scenario(fault="SIGTERM of one of three workers", inject=injections.terminate_one, times=5),
        Scenario(fault="rolling restart of three workers", inject=injections.restart_all, times=2),
        Scenario(
            fault="SIGSTOP for 1.5 times the session timeout, wakes as a zombie", inject=injections.freeze_one, times=5
        ),
        Scenario(
            fault="partitions increased from 6 to 9",
            inject=partial(injections.more_partitions, number=9),
            plan=Plan(environment=NEW_PARTITIONS_SOON),
        ),
    ]


def of_services() -> list[Scenario]:
    """Faults of Kafka and Redis."""
    return [
        Scenario(fault="broker stopped for 30 s", inject=partial(injections.stop_broker, seconds=30.0), times=2),
        Scenario(fault="all brokers silent for 2 minutes", inject=partial(injections.lose_brokers, seconds=120.0)),
        Scenario(
            fault="Redis killed, back empty after 10 s", inject=partial(injections.kill_redis, seconds=10.0), times=3
        ),
        Scenario(
            fault="Redis slow for 10 s (2 s an answer)", inject=partial(injections.slow_redis, seconds=10.0), times=3
        ),
        Scenario(fault="Redis out of memory for 10 s", inject=partial(injections.fill_redis, seconds=10.0), times=3),
    ]


def of_three_brokers() -> list[Scenario]:
    """Faults of one of three brokers: every topic has three copies, and two must have a record."""
    plan, away_s = Plan(brokers=3), 15.0
    return [
        Scenario(
            fault="three brokers: kill -9 of a leader, back after 15 s",
            inject=partial(injections.kill_leader, seconds=away_s),
            times=2,
            plan=plan,
        ),
        Scenario(
            fault="three brokers: kill -9 of the group's coordinator, back after 15 s",
            inject=partial(injections.kill_coordinator, seconds=away_s),
            times=2,
            plan=plan,
        ),
        Scenario(
            fault="three brokers: SIGSTOP of one for 15 s",
            inject=partial(injections.freeze_broker, seconds=away_s),
            times=2,
            plan=plan,
        ),
        Scenario(
            fault="three brokers: a worker killed, and started, while one is away",
            inject=partial(injections.start_without_one, seconds=away_s),
            times=2,
            plan=plan,
        ),
    ]


def of_load() -> list[Scenario]:
    """Faults of what comes in."""
    return [
        Scenario(
            fault="calls that make the model raise, 1 in 50",
            inject=partial(injections.go_on, seconds=10.0),
            plan=Plan(program=RAISING, change=call_itself),
        ),
        Scenario(
            fault="two of three switches 5 h ahead or behind",
            inject=partial(injections.go_on, seconds=10.0),
            plan=Plan(change=set_wrong),
            undo=set_right,
        ),
        Scenario(
            fault="three times more calls than can be decided, for 10 s",
            inject=partial(injections.overload, rate=3_000.0, seconds=10.0),
            plan=Plan(workers=2, program=SLOW),
        ),
    ]


@contextlib.contextmanager
def of_storage(folder: Path) -> Iterator[list[Scenario]]:
    """Faults of disks and of the snapshot store; what they need exists while the block runs."""
    disk, store = SmallDisk(folder / "disk"), ObjectStore()
    try:
        yield [
            Scenario(fault="newest snapshots damaged, then kill -9", inject=injections.damage_snapshots, times=3),
            Scenario(
                fault="snapshot disk full, with a kill -9",
                inject=partial(injections.fill_snapshots, disk=disk, seconds=10.0),
                plan=Plan(snapshot_url=str(folder / "disk" / "full")),
            ),
            Scenario(
                fault="snapshot disk read-only, with a kill -9",
                inject=partial(injections.refuse_snapshots, disk=disk, seconds=10.0),
                plan=Plan(snapshot_url=str(folder / "disk" / "read-only")),
            ),
            Scenario(
                fault="snapshot store (S3) slow, 2 s an answer, with a kill -9",
                inject=partial(injections.slow_snapshots, store=store, seconds=10.0),
                plan=Plan(snapshot_url=store.url),
            ),
            Scenario(
                fault="disk of the log full, with a kill -9",
                inject=partial(injections.go_on, seconds=10.0),
                plan=Plan(log=Path("/dev/full")),
            ),
        ]
    finally:
        disk.close()
        store.close()
