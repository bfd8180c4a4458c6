"""Workers of one group that own all partitions, and what they used so far."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from benchmarks.harness.backlog import ends
from benchmarks.harness.processors import cpu_s
from benchmarks.harness.worker import PATIENT, Worker, wait_until
from benchmarks.throughput.bench import OLD_EVENTS
from streams.files import private_folder
from streams.kafka.topics import CALL_DECISIONS, admin_client, create
from streams.local.services import LocalServices, local_services
from streams.metrics import Metric
from streams.settings import load_settings

SNAPSHOT_TIME, SNAPSHOT_BYTES = Metric.SNAPSHOT_TIMESTAMP, Metric.SNAPSHOT_BYTES
SNAPSHOT_WAIT_S = 1.5 * load_settings().snapshot_interval_s


class Fleet:
    """Workers of one group that own all partitions."""

    def __init__(self, services: LocalServices, partitions: int, workers: int) -> None:
        self.servers = str(services.bootstrap_servers)
        self._partitions = partitions
        settings = load_settings(kafka_bootstrap_servers=self.servers, kafka_security_protocol="PLAINTEXT")
        with admin_client(settings) as admin:
            create(admin, partitions=partitions)
        own = {
            "ROBOCALL_PARTITIONS": str(partitions),
            "ROBOCALL_SNAPSHOT_URL": str(private_folder()),
            "ROBOCALL_SESSION_TIMEOUT_S": "300",  # they stand still on purpose
        }
        environment = services.environment() | PATIENT | OLD_EVENTS | own
        self.workers = [Worker(environment | {"ROBOCALL_INSTANCE_ID": f"scale-{number}"}) for number in range(workers)]
        wait_until(self._is_shared_out, "one partition for each worker")
        self.resident_at_start = self.resident()

    def _is_shared_out(self) -> bool:
        if any(one.process.poll() is not None for one in self.workers):
            raise SystemExit("wrong run: a worker ended")
        owned = [sum(name.startswith(Metric.LAG) for name in one.metrics()) for one in self.workers]
        return sum(owned) == self._partitions and min(owned) == self._partitions // len(self.workers)

    def cpu_s(self) -> float:
        """Of all workers."""
        return sum(cpu_s(one.process.pid) for one in self.workers)

    def decided(self) -> list[int]:
        """Next offset of each partition of the decisions."""
        return ends(self.servers, CALL_DECISIONS, self._partitions)

    def resident(self) -> list[int]:
        """Bytes of memory of each worker."""
        return [int(psutil.Process(one.process.pid).memory_info().rss) for one in self.workers]

    def has_written(self) -> bool:
        """Whether the newest snapshot of every worker has all that was counted: none came for longer than the pause."""
        pages = [one.metrics() for one in self.workers]
        return all(
            page.get(SNAPSHOT_BYTES, 0) > 0 and time.time() - page[SNAPSHOT_TIME] > SNAPSHOT_WAIT_S for page in pages
        )

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Nothing is read in this block."""
        for one in self.workers:
            one.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for one in self.workers:
                one.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM, all at once."""
        for one in self.workers:
            one.process.terminate()
        for one in self.workers:
            one.process.wait(60)


@contextmanager
def running_fleet(partitions: int, workers: int) -> Iterator[tuple[Fleet, LocalServices]]:
    """A broker, a Valkey and workers that own all partitions."""
    with local_services(heap_mb=1024, fast_start=False) as services:
        fleet = Fleet(services, partitions, workers)
        try:
            yield fleet, services
        finally:
            fleet.stop()
