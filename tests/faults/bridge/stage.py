"""What drills happen to: a broker, a worker that enforces, a bridge in front of it, and calls that ask by SIP."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streams.commands.demo.processes import has_decisions
from streams.commands.demo.view import Routing
from streams.kafka import topics
from streams.local.services import free_ports
from streams.settings import load_settings
from tests.broker_process import BrokerProcess, broker_process
from tests.faults.answers import Answer, Answers
from tests.faults.bridge.calls import Calls, Findings, Pace, found
from tests.faults.bridge.lossy import LossyRelay
from tests.faults.fleet import Fleet
from tests.processes import ROOT
from tests.waiting import HANG_S, wait_until

PARTITIONS = 4
WELL = 20
"""So many calls in a row that are all judged: the system is well."""
PEERS = "peers: [{name: drills, addresses: [127.0.0.1], profile: clearip, trunk_group_id: drill}]\n"


class BridgeProcess:
    """A bridge on ports that stay, which a test may kill, pause and start again.

    Args:
        environment: settings.
        folder: for its peers file and its log.
    """

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.port, self.web_port = free_ports(2)
        self.log = folder / "bridge.log"
        peers = folder / "peers.yaml"
        peers.write_text(PEERS, encoding="utf-8")
        self._environment = environment | {
            "ROBOCALL_BRIDGE_PEERS_FILE": str(peers),
            "ROBOCALL_BRIDGE_SIP_PORT": str(self.port),
            "ROBOCALL_BRIDGE_WEB_PORT": str(self.web_port),
        }
        self.start()

    def start(self) -> None:
        """Start it; it is ready a little later."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.commands.main", "bridge"],
                cwd=ROOT, env=os.environ | self._environment, stdout=out, stderr=out,
            )  # fmt: skip

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait()

    def is_well(self) -> bool:
        """Whether it says that decisions come; fails where it has ended."""
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-3_000:]
        return has_decisions(self.port)

    def counted(self, name: str, **labels: str) -> float:
        """One of its figures, summed over the labels that are not named."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/metrics", timeout=HANG_S) as page:
            lines = page.read().decode().splitlines()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        rows = (line for line in lines if line.startswith((f"{name}{{", f"{name} ")))
        return sum(float(line.split()[-1]) for line in rows if all(one in line for one in wanted))


@dataclass
class Stage:
    """A running system; `calls` come while `under_load`."""

    broker: BrokerProcess
    fleet: Fleet
    bridge: BridgeProcess
    answers: Answers
    pace: Pace
    calls: Calls | None = None

    @contextlib.contextmanager
    def under_load(
        self, pace: Pace | None = None, *, port: int | None = None, chance: random.Random | None = None
    ) -> Iterator[Calls]:
        """Calls come while the block runs; all of it is well before it begins.

        Args:
            pace: that of the stage when None.
            port: where INVITEs go; to the bridge when None.
            chance: see `Calls`.
        """
        wait_until(self.bridge.is_well, "the bridge says that decisions come")
        self.calls = Calls(port or self.bridge.port, pace or self.pace, chance)
        try:
            yield self.calls
        finally:
            self.calls.stop()

    def wait_until_well(self) -> None:
        """Return once many calls in a row that were placed from now on were all judged in time."""
        since_s, calls = time.time(), self.calls
        assert calls is not None

        def are_judged() -> bool:
            calls.require_well()
            latest = [one for one in list(calls.asked) if one.sent_s >= since_s][-WELL:]
            return len(latest) == WELL and all(one.routing in {Routing.PASSED, Routing.BLOCKED} for one in latest)

        wait_until(are_judged, "calls are judged again")

    def found(self, calls: Calls, noted: str = "") -> Findings:
        """Judge the calls, which have ended, once the decisions by which they were answered were read."""
        answered = {one.call_id for one in calls.asked if one.routing in {Routing.PASSED, Routing.BLOCKED}}
        wait_until(lambda: answered <= self.decided().keys(), "every answer by a decision has one")
        return found(calls.asked, self.decided(), noted)

    def decided(self) -> dict[str, Answer]:
        """Decisions by call id, of several the first."""
        return {one.call_id: one for one in reversed(list(self.answers.decisions))}

    def blocks(self) -> set[str]:
        """Ids of calls that a decision blocks; of several calls by one id, any of them."""
        return {one.call_id for one in list(self.answers.decisions) if one.substance[0] == "block"}

    def lossy(self, loss: float, chance: random.Random) -> "contextlib.closing[LossyRelay]":
        """A relay in front of the bridge."""
        return contextlib.closing(LossyRelay(self.bridge.port, loss, chance))


@contextlib.contextmanager
def stage(folder: Path, pace: Pace) -> Iterator[Stage]:
    """Set a stage in `folder`; nothing is left running.

    The model enforces nothing without a measure, so that do-not-originate numbers alone are blocked: what has to be,
    and what may not be, is known of each call.
    """
    with contextlib.ExitStack() as cleanup:
        broker = cleanup.enter_context(broker_process(folder / "kafka"))
        with topics.admin_client(load_settings(kafka_bootstrap_servers=broker.bootstrap)) as admin:
            topics.create(admin, partitions=PARTITIONS, replication_factor=1)
        environment = {
            "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "ROBOCALL_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
            "ROBOCALL_AWAIT_LISTS": "false",
            "ROBOCALL_SNAPSHOT_URL": str(folder / "snapshots"),
            "ROBOCALL_PARTITIONS": str(PARTITIONS),
            "ROBOCALL_BRIDGE_DEADLINE_MS": str(pace.deadline_ms),
            "ROBOCALL_MODE": "enforce",
            "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
        }
        fleet = Fleet(1, environment, folder)
        cleanup.callback(fleet.kill)
        answers = Answers(broker.bootstrap, PARTITIONS)
        cleanup.callback(answers.stop)
        bridge = BridgeProcess(environment, folder)
        cleanup.callback(bridge.kill)
        try:
            wait_until(lambda: fleet.members[0].worker.health().get("status") == "ok", "the worker decides")
            wait_until(bridge.is_well, "the bridge says that decisions come")
            yield Stage(broker, fleet, bridge, answers, pace)
        except BaseException:
            fleet.show_logs()
            sys.stderr.write(bridge.log.read_text(errors="replace")[-3_000:])
            raise


def paused(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """SIGSTOP, and after some seconds SIGCONT."""
    process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)
