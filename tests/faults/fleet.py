"""Worker processes under a supervisor that starts each again when it has ended, as systemd would."""

import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from streams.local.services import free_ports
from tests.processes import WORKER, Worker

RESTART_PAUSE_S = 0.5
WATCH_S = 0.05
LOG_TAIL = 3_000


class Member:
    """One instance of the fleet: a worker process, and the next one after it has ended.

    Args:
        name: instance id, stable over restarts.
        environment: settings.
        log: all its processes write to this file.
        program: what Python runs.
    """

    def __init__(self, name: str, environment: dict[str, str], log: Path, program: Sequence[str]) -> None:
        self.name = name
        self.log = log
        self.exits: list[int] = []
        self._environment = environment | {"ROBOCALL_INSTANCE_ID": name}
        self._program = program
        self._start_again_s: float | None = None
        (self._port,) = free_ports(1)  # stays: pages that move with every restart are no deployment of anybody's
        self.worker = self._launch()

    def _launch(self) -> Worker:
        return Worker(self._environment, self.log, self._program, self._port)

    def look_after(self) -> None:
        """Start it again `RESTART_PAUSE_S` after it has ended."""
        status = self.worker.process.poll()
        if status is None:
            return
        if self._start_again_s is None:
            self.exits.append(status)
            self._start_again_s = time.monotonic() + RESTART_PAUSE_S
        elif time.monotonic() >= self._start_again_s:
            self._start_again_s = None
            self.worker = self._launch()

    @property
    def is_running(self) -> bool:
        """Whether its process lives, frozen or not."""
        return self.worker.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to its present process."""
        self.worker.process.send_signal(number)

    def partitions(self) -> int:
        """How many partitions it has, as it says itself."""
        return int(self.worker.health().get("partitions", 0))

    def stop(self) -> int:
        """SIGTERM to what runs; return the exit status."""
        status = self.worker.stop() if self.is_running else self.worker.process.returncode
        return int(status)


class Fleet:
    """Several members on one topic.

    Args:
        size: how many.
        environment: settings of all.
        folder: for their logs.
        program: what Python runs for each.
        log: where all of them log; a file of its own for each in `folder` when None.
    """

    def __init__(
        self,
        size: int,
        environment: dict[str, str],
        folder: Path,
        *,
        program: Sequence[str] = WORKER,
        log: Path | None = None,
    ) -> None:
        names = [f"worker-{index}" for index in range(size)]
        self._lock = threading.Lock()
        self._stopping = False
        self.members = [Member(name, environment, log or folder / f"{name}.log", program) for name in names]
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._thread.start()

    @property
    def restarts(self) -> int:
        """How often a member had ended and was started again."""
        return sum(len(member.exits) for member in self.members)

    def _supervise(self) -> None:
        while True:
            with self._lock:
                if self._stopping:
                    return
                for member in self.members:
                    member.look_after()
            time.sleep(WATCH_S)

    def share(self, partitions: int) -> bool:
        """Whether every member has its part, and together they have all partitions, each once."""
        shares = [member.partitions() for member in self.members]
        return sum(shares) == partitions and all(shares)

    def stop(self) -> list[int]:
        """SIGTERM to all at once and no restart; return the exit statuses."""
        self._end_supervision()
        with ThreadPoolExecutor(len(self.members)) as pool:
            return list(pool.map(Member.stop, self.members))

    def kill(self) -> None:
        """Leave nothing running."""
        self._end_supervision()
        for member in self.members:
            if member.is_running:
                member.worker.kill()

    def _end_supervision(self) -> None:
        with self._lock:
            self._stopping = True
        self._thread.join()

    def show_logs(self) -> None:
        """Write the ends of the logs to standard error."""
        for member in self.members:
            if member.log.is_file():
                sys.stderr.write(f"--- {member.name}\n{member.log.read_text(errors='replace')[-LOG_TAIL:]}\n")
