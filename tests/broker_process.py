"""A Kafka broker process that a test may stop, kill, pause and start again on its ports, with what it had stored."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from streams.local.guard import die_with_parent
from streams.local.kafka_broker import commands, new_cluster_id, wait_for_metadata
from streams.local.services import free_ports, port_accepts
from tests import start_cache
from tests.waiting import HANG_S, wait_until

STOP_TIMEOUT_S = 30.0
QUICK_RETURN = "broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=500\n"
"""A killed broker may register again only once its former registration expired: 3 instead of 11 s."""


STOPPED = frozenset("Tt")


def states_of_threads(pid: int) -> set[str]:
    """States of the threads of a process, as proc(5) writes them.

    The signal that stops a process reaches its threads one after the other: on a busy machine some of them run on for
    a while, and answer.
    """
    stats = [task / "stat" for task in Path(f"/proc/{pid}/task").iterdir()]
    return {stat.read_text().rpartition(")")[2].split()[0] for stat in stats if stat.exists()}


@dataclass(frozen=True, slots=True)
class Membership:
    """What makes a broker one of several.

    Attributes:
        node: its number, from 1.
        controller_ports: of all of them, in order of their numbers.
        cluster_id: of the cluster.
        in_step: copies that must have a record of a topic that says nothing of it, the group's offsets among them.
    """

    node: int
    controller_ports: tuple[int, ...]
    cluster_id: str
    in_step: int

    @property
    def properties(self) -> str:
        """Lines that replace those of a single broker: a later one wins."""
        voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(self.controller_ports, 1))
        copies = len(self.controller_ports)
        return (
            f"node.id={self.node}\ncontroller.quorum.voters={voters}\noffsets.topic.replication.factor={copies}\n"
            f"min.insync.replicas={self.in_step}\n"
        )


class BrokerProcess:
    """A real broker on loopback with a folder of its own; `bootstrap` stays the same over restarts.

    Args:
        folder: keeps properties, data and log; must exist.
        port: of the clients; a free one when None.
        heap_mb: of its Java.
        properties: lines of its configuration, over our own; `{port}` and `{controller_port}` stand for its ports.
        membership: of a cluster of several; None = it is alone.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        heap_mb: int = 384,
        properties: str = "",
        membership: Membership | None = None,
    ) -> None:
        free, self._controller_port = free_ports(2)
        self._membership = membership
        if membership is not None:
            self._controller_port = membership.controller_ports[membership.node - 1]
        self.port = free if port is None else port
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.log = folder / "broker.log"
        self.data = folder / "data"
        self._folder = folder
        self._heap_mb = heap_mb
        self._properties = properties
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended since, paused or not."""
        return self._process is not None

    def start(self, *, wait: bool = True) -> None:
        """Start it, formatting its storage the first time; return once clients are told about it when `wait`.

        Call it from a thread that lasts: the kernel ends the broker with the thread that started it.
        """
        start_cache.make()
        prepare, broker = commands(
            self._folder,
            port=self.port,
            controller_port=self._controller_port,
            heap_mb=self._heap_mb,
            fast_start=True,
        )
        with (self._folder / "server.properties").open("a") as properties:
            properties.write(QUICK_RETURN)
            properties.write(self._properties.format(port=self.port, controller_port=self._controller_port))
            if self._membership is not None:
                properties.write(self._membership.properties)
                cluster_id = self._membership.cluster_id
                prepare = [cluster_id if before == "-t" else word for before, word in pairwise(["", *prepare])]
        with self.log.open("ab") as out:
            if prepare:
                subprocess.run(prepare, stdout=out, stderr=out, check=True, timeout=HANG_S)
            self._process = subprocess.Popen(broker, stdout=out, stderr=out, preexec_fn=die_with_parent)  # noqa: PLW1509
        if wait:
            self.wait()

    def wait(self) -> None:
        """Return once the running broker tells clients about itself."""
        process = self._process
        assert process is not None
        wait_until(lambda: port_accepts(self.port) or process.poll() is not None, "the broker accepts")
        assert process.poll() is None, f"the broker ended: {self.log.read_text(errors='replace')[-400:]}"
        wait_for_metadata(self.bootstrap)

    def stop(self) -> None:
        """End it as an operator would; after `STOP_TIMEOUT_S` as a power cut would."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it without a chance to say goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop it in the middle of whatever it does: its ports accept, nobody answers. Returns when it stands still."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        pid = self._process.pid
        wait_until(lambda: states_of_threads(pid) <= STOPPED, "all threads of the broker stand still")

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def broker_process(folder: Path, *, properties: str = "") -> Iterator[BrokerProcess]:
    """A started broker that is killed at the end, paused or not."""
    folder.mkdir(parents=True, exist_ok=True)
    broker = BrokerProcess(folder, properties=properties)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def broker_cluster(
    folder: Path, *, size: int = 3, heap_mb: int = 256, in_step: int = 1
) -> Iterator[list[BrokerProcess]]:
    """Brokers of one cluster, started; those that still run at the end are killed. Each is a controller too."""
    controller_ports = tuple(free_ports(size))
    cluster_id = new_cluster_id()
    brokers: list[BrokerProcess] = []
    for node in range(1, size + 1):
        place = folder / f"broker-{node}"
        place.mkdir(parents=True)
        membership = Membership(node, controller_ports, cluster_id, in_step)
        brokers.append(BrokerProcess(place, heap_mb=heap_mb, membership=membership))
    try:
        for broker in brokers:
            broker.start(wait=False)
        for broker in brokers:
            broker.wait()
        yield brokers
    finally:
        for broker in brokers:
            broker.kill()
