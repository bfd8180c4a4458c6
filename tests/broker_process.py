"""A Kafka broker that a test may stop, kill, freeze and start again on its port, with what it had on disk."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from streams import local_kafka
from streams.local import free_ports, port_accepts
from streams.local_guard import die_with_parent

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


class BrokerProcess:
    """One real Apache Kafka on loopback. Its port and data stay the same over restarts.

    Args:
        folder: for data, properties and the log; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._port, self._controller_port = free_ports(2)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "broker.log"
        self.bootstrap_servers = f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, formatting its storage the first time, and return once it answers clients.

        Call it from a thread that lasts: the kernel ends the broker with the thread that started it. After `kill` this
        takes ten seconds longer, as the controller waits for the broker that it knew before it registers another.
        """
        prepare, command = local_kafka.commands(
            self._folder, port=self._port, controller_port=self._controller_port, heap_mb=384, fast_start=True
        )
        with self.log.open("ab") as out:
            if prepare:
                subprocess.run(prepare, check=True, stdout=out, stderr=out, timeout=START_TIMEOUT_S)
            self._process = subprocess.Popen(
                command,
                stdout=out,
                stderr=out,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one call into the kernel, and no broker outlives the tests
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not port_accepts(self._port):
            assert self._process.poll() is None, f"the broker ended: {self.log.read_text(errors='replace')[-2_000:]}"
            assert time.monotonic() < deadline, f"the broker did not open its port within {START_TIMEOUT_S:.0f} s"
            time.sleep(0.05)
        local_kafka.wait_for_metadata(self.bootstrap_servers)

    def stop(self) -> None:
        """Let it end in order, SIGTERM; killed when that takes longer than `STOP_TIMEOUT_S`."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers, as behind a network that drops every packet."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the broker is not running"
        self._process.send_signal(number)


@contextlib.contextmanager
def running_broker(folder: Path) -> Iterator[BrokerProcess]:
    """A started broker; killed at the end, whatever state it is in."""
    broker = BrokerProcess(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
