"""One of the simulated carriers as processes: Kafka, Valkey, a worker, the sink of an archive, perhaps campaigns.

Every command is `robocall` as an operator runs it. What a carrier saw is played to its Kafka as fast as that takes it;
events keep the times of the carrier's clock. Kafka is gone afterwards, and the archive stays.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from benchmarks.harness.trees import HERE
from benchmarks.harness.worker import PATIENT, Worker, metrics_of, wait_until
from benchmarks.tracebacks.tracing import PROVIDERS, parties
from benchmarks.tracebacks.worlds import DIGESTED, SECRET
from streams.archive.files import ArchiveStore
from streams.archive.query import ask, connected
from streams.kafka.topics import CALL_EVENTS
from streams.local.services import free_ports, local_services
from streams.metrics import Metric
from streams.upstreams.entries import Upstream, UpstreamRole, save_upstreams

PARTITIONS = 4
FLUSH_S = 2.0
ENDS_WITHIN_S = 60.0
_COUNTS = """
SELECT (SELECT count(*) FROM call_events), (SELECT count(*) FROM call_decisions),
(SELECT count(*) FROM call_decisions WHERE coalesce(would_be, action) <> 'allow' OR score >= 0.9)
"""

Events = Sequence[tuple[int, dict[str, Any]]]
"""When each came, by the carrier's clock, and the event."""


def office(carrier: int, folder: Path) -> dict[str, str]:
    """Write the carrier's register of upstreams, and return the settings by which it answers from its archive."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [
        Upstream(
            trunk_group_id=trunk,
            legal_name=str(party.provider.name),
            role=UpstreamRole.CUSTOMER if party.is_customer else UpstreamRole.INTERMEDIATE,
            ocn=party.provider.ocn,
            country=party.provider.country,
        )
        for trunk, party in parties(carrier).items()
    ]
    save_upstreams(folder / "upstreams.yaml", entries)
    settings = {
        "ROBOCALL_ARCHIVE_URL": str(folder / "archive"),
        "ROBOCALL_UPSTREAMS_FILE": str(folder / "upstreams.yaml"),
        "ROBOCALL_TRACEBACK_NAME": str(PROVIDERS[carrier].name),
        "ROBOCALL_TRACEBACK_OCN": str(PROVIDERS[carrier].ocn),
        "ROBOCALL_TRACEBACK_ZONE": "America/Denver",
        "ROBOCALL_CASES_SPOOL": str(folder / "spool"),
    }
    return settings | ({"ROBOCALL_ARCHIVE_NUMBER_KEY": SECRET} if carrier in DIGESTED else {})


def robocall(settings: dict[str, str], *arguments: str, given: str = "") -> str:
    """Run a command to its end; returns its standard output.

    Raises:
        SystemExit: it failed.
    """
    done = subprocess.run(
        HERE.command(*arguments), cwd=HERE.folder, env=HERE.environment() | settings, input=given, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"wrong run: robocall {' '.join(arguments[:2])}: {done.stderr.strip()[-600:]}")
    return done.stdout


@contextmanager
def played(
    settings: dict[str, str], events: Events, blocked: Sequence[str] = (), *, groups: bool = False
) -> Iterator[dict[str, str]]:
    """Let a carrier's processes see events; yields the settings of its commands, while its Kafka runs.

    It blocks until each event is archived, with a decision on each set-up, and each suspect call is grouped.

    Args:
        settings: Of `office`.
        events: In order.
        blocked: Calling numbers that are on its block list from the start.
        groups: Whether it runs `robocall campaigns` as well.

    Raises:
        SystemExit: a command failed, or a call is missing.
    """
    with local_services(quiet=True) as services:
        own = services.environment() | settings | PATIENT
        own |= {
            "ROBOCALL_PARTITIONS": str(PARTITIONS),
            "ROBOCALL_SNAPSHOT_URL": "off",
            "ROBOCALL_AWAIT_LISTS": "true",
            "ROBOCALL_CLOCK_BEHIND_MS": "86400000",  # hours are played in seconds
            "ROBOCALL_ARCHIVE_FLUSH_S": str(FLUSH_S),
            "ROBOCALL_LOG_LEVEL": "warning",
        }
        robocall(own, "topics", "create")
        if blocked:
            robocall(own, "lists", "add", "block", *blocked)
        with _running(own, groups=groups) as (worker, campaigns_port):
            worker.wait_until_ready()
            _publish(str(services.bootstrap_servers), events)
            set_ups = sum(event["type"] == "call_setup" for _, event in events)
            store = ArchiveStore(settings["ROBOCALL_ARCHIVE_URL"])
            wait_until(
                lambda: _counts(store)[:2] == (len(events), set_ups),
                "an archive with all calls and decisions",
                every_s=1.0,
            )
            if groups:
                suspects = _counts(store)[2]
                wait_until(
                    lambda: metrics_of(campaigns_port).get(Metric.CAMPAIGN_CALLS) == suspects,
                    f"a campaign service that has grouped all {suspects} suspect calls",
                    every_s=1.0,
                )
        yield own


@contextmanager
def _running(own: dict[str, str], *, groups: bool) -> Iterator[tuple[Worker, int]]:
    """A worker, the sink, and campaigns with the port of their metrics; all must end well when they are told to."""
    (port,) = free_ports(1)
    commands = [("archive", "run"), *([("campaigns", "run")] if groups else [])]
    environment = HERE.environment() | own | {"ROBOCALL_CAMPAIGNS_WEB_PORT": str(port)}
    worker = Worker(own)
    processes = [worker.process]
    try:
        processes.extend(
            subprocess.Popen(HERE.command(*command), cwd=HERE.folder, env=environment, stderr=subprocess.DEVNULL)
            for command in commands
        )
        yield worker, port
        for process in processes:
            process.terminate()
        statuses = [process.wait(ENDS_WITHIN_S) for process in processes]
        if any(statuses):
            raise SystemExit(f"wrong run: the processes ended with status {statuses}")
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _publish(servers: str, events: Events) -> None:
    producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2_random", "linger.ms": 5})
    for _, event in events:
        producer.produce(CALL_EVENTS, json.dumps(event), event["calling_number"])
        producer.poll(0)
    if producer.flush(120):
        raise SystemExit("wrong run: Kafka did not take all events")


def _counts(store: ArchiveStore) -> tuple[int, int, int]:
    """Events, decisions and suspect calls of an archive."""
    with connected(store) as connection:
        events, decisions, suspects = ask(connection, _COUNTS).fetchone()
    return events, decisions, suspects
