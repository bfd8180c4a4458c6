"""Open-loop INVITEs: from the instant at which a call is due to its final answer, by the bridge and by a bare server.

    python -m benchmarks.dips --rates 100 500 1000 --seconds 10

The bare server reads the INVITE and answers 404, and asks nobody. Both take turns at each rate. Broker, worker, bridge
and generator share the machine, so each row says how busy it was and how late the generator was. A call that has no
answer, or one without a decision, is counted in its row: `unanswered`, `fail_open`.

    python -m benchmarks.dips --rates 1000 --signed 0.3

The bridge verifies, and takes turns with itself: none of the calls is signed, or that share by fifty signers, whose
certificates nobody has at the start of the turn.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.dips.bare_server import HERE, serve
from benchmarks.dips.signers import Header, Signers, signers
from benchmarks.harness.machine import describe, give
from benchmarks.harness.processors import cpu_s, machine_busy_s
from benchmarks.harness.worker import Worker
from streams.files import private_folder
from streams.kafka.temporary_group import partitions_of, temporary_group
from streams.kafka.topics import CALL_EVENTS, admin_client, create
from streams.local.services import LocalServices, free_ports, local_services
from streams.settings import load_settings
from tests.streams.trust.signed_calls import trust_environment

CALLED = "13125550142"
BRIDGE, BARE = "bridge", "bare"
NUMBERS = 5_000
SIGNERS = 50
JUNK = f"{'e' * 600};info=<https://c.example/a.pem>"
"""An Identity header for whoever only carries it."""
LAST_S = 2.0
"""Answers are waited for so long after the last call."""
FAIL_OPEN = b"fail-open"
PEERS = "peers: [{name: benchmark, addresses: [127.0.0.1], profile: clearip, trunk_group_id: t-1}]"


def main() -> None:
    """Run every rate against both and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=[100, 500, 1_000], help="calls a second [%(default)s]")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn [%(default)s]")
    parser.add_argument("--turns", type=int, default=3, help="of each path at each rate [%(default)s]")
    parser.add_argument("--signed", type=float, default=0.0, help="share of signed calls; the bridge verifies then")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--serve", type=int, metavar="PORT", help="be the bare server")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return
    with signers(SIGNERS) as all_of_them, local_services(heap_mb=1024, fast_start=False, configured=True) as services:
        rows = _signed(services, options, all_of_them) if options.signed else _bare(services, options)
    give(describe() | {"rows": rows}, options.out)


def _bare(services: LocalServices, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The bridge and the bare server take turns."""
    with running(services, {}) as paths:
        for path, (port, pid) in paths.items():  # compiles, connects
            measure(path, port, pid, 50, 2.0)
        return [
            measure(path, port, pid, rate, options.seconds)
            for rate in options.rates
            for _ in range(options.turns)
            for path, (port, pid) in paths.items()
        ]


def _signed(services: LocalServices, options: argparse.Namespace, all_of_them: Signers) -> list[dict[str, Any]]:
    """A bridge that verifies takes turns with itself: nobody signs, or some do."""
    with running(services, trust_environment(private_folder())) as paths:
        port, pid = paths[BRIDGE]
        measure(BRIDGE, port, pid, 50, 2.0, options.signed, all_of_them.cold())
        return [
            measure(BRIDGE, port, pid, rate, options.seconds, share, all_of_them.cold())
            for rate in options.rates
            for _ in range(options.turns)
            for share in (0.0, options.signed)
        ]


@contextmanager
def running(services: LocalServices, more: Mapping[str, str]) -> Iterator[dict[str, tuple[int, int]]]:
    """Start a worker, a bridge with more settings, and the bare server; port and process of both paths."""
    settings = load_settings(kafka_bootstrap_servers=str(services.bootstrap_servers))
    bridge_port, bare_port = free_ports(2)
    folder = private_folder()
    (folder / "peers.yaml").write_text(PEERS, encoding="utf-8")
    with admin_client(settings) as admin, temporary_group(_prepared(admin), "robocall-benchmark") as group:
        own = services.environment() | {
            "ROBOCALL_CONSUMER_GROUP": group,
            "ROBOCALL_PARTITIONS": str(partitions_of(admin, CALL_EVENTS)),
            "ROBOCALL_SNAPSHOT_URL": str(folder / "snapshots"),
            "ROBOCALL_BRIDGE_PEERS_FILE": str(folder / "peers.yaml"),
            "ROBOCALL_BRIDGE_SIP_PORT": str(bridge_port),
        }
        worker = Worker(own)
        commands = ["-m", "streams.commands.main", "bridge"], ["-m", "benchmarks.dips", "--serve", str(bare_port)]
        started = [
            subprocess.Popen([sys.executable, *command], env={**os.environ, **own, **more}) for command in commands
        ]
        try:
            worker.wait_until_ready()
            yield {BRIDGE: (bridge_port, started[0].pid), BARE: (bare_port, started[1].pid)}
        finally:
            for process in (*started, worker.process):
                process.terminate()
                process.wait(30)


def _prepared(admin: Any) -> Any:
    create(admin, partitions=12)
    return admin


def _wait_for(port: int) -> None:
    """Return once OPTIONS is answered by 200: the bridge says that decisions come."""
    data = _message("OPTIONS", "options", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.5)
        for _ in range(400):
            with suppress(OSError):
                probe.sendto(data, (HERE, port))
                if probe.recv(4_096).startswith(b"SIP/2.0 200"):
                    return
                time.sleep(0.2)
    raise SystemExit("wrong run: a server does not come up")


def _caller(number: int) -> str:
    return f"1202{2_000_000 + number % NUMBERS}"


def _message(method: str, call: str, number: int, identity: str | None = JUNK) -> bytes:
    calling = f"+{_caller(number)}"
    signed = "" if identity is None else f"Identity: {identity}\r\n"
    return (
        f"{method} sip:+13125550142@dip.example;user=phone SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK-{call}\r\nMax-Forwards: 70\r\n"
        f'From: "A" <sip:{calling}@127.0.0.1>;tag=1\r\nTo: <sip:+13125550142@dip.example>\r\n'
        f"Call-ID: {call}@127.0.0.1\r\nCSeq: 1 {method}\r\nP-Asserted-Identity: <tel:{calling}>\r\n"
        f"{signed}Content-Length: 0\r\n\r\n"
    ).encode()


def _invites(run: str, count: int, share: float, header: Header | None) -> list[bytes]:
    """All of a run; without headers to sign by, each carries junk."""
    if header is None:
        return [_message("INVITE", f"{run}-{number}", number) for number in range(count)]
    is_signed = np.random.default_rng(count).random(count) < share
    return [
        _message("INVITE", f"{run}-{number}", number, header(number, _caller(number), CALLED) if signed else None)
        for number, signed in enumerate(is_signed.tolist())
    ]


def measure(
    path: str, port: int, pid: int, rate: int, seconds: float, share: float = 0.0, header: Header | None = None
) -> dict[str, Any]:
    """Send at the rate for the time, and acknowledge each answer; one row.

    Args:
        path: its name.
        port: where it listens.
        pid: its process.
        rate: calls a second.
        seconds: how long.
        share: of the calls that are signed.
        header: signs them; None where all carry junk.
    """
    _wait_for(port)
    count, run = round(rate * seconds), f"{time.time_ns():x}"
    invites = _invites(run, count, share, header)
    due_s, late_s, took_s = np.empty(count), np.empty(count), np.full(count, np.nan)
    statuses: Counter[str] = Counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as switch:
        switch.bind((HERE, 0))
        switch.settimeout(LAST_S)
        switch.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)

        def receive() -> None:
            while np.isnan(took_s).any():
                try:
                    data = switch.recv(65_535)
                except TimeoutError:
                    return
                now_s = time.perf_counter()
                call = data.partition(b"Call-ID: ")[2].partition(b"@")[0].decode()
                number = int(call.rpartition("-")[2])
                if data[8:9] == b"1" or not call.startswith(run):
                    continue
                switch.sendto(_message("ACK", call, number), (HERE, port))
                if np.isnan(took_s[number]):
                    took_s[number] = now_s - due_s[number]
                    statuses["fail_open" if FAIL_OPEN in data else data[8:11].decode()] += 1

        receiver = threading.Thread(target=receive)
        before_s, machine_s, began_s = cpu_s(pid), machine_busy_s(), time.perf_counter() + 0.1
        receiver.start()
        for number in range(count):
            due_s[number] = began_s + number / rate
            while (left_s := due_s[number] - time.perf_counter()) > 0:
                time.sleep(left_s)
            late_s[number] = time.perf_counter() - due_s[number]
            switch.sendto(invites[number], (HERE, port))
        receiver.join()
        elapsed_s = time.perf_counter() - began_s
        used_s, busy_s = cpu_s(pid) - before_s, machine_busy_s() - machine_s
    answered_ms = took_s[~np.isnan(took_s)] * 1_000
    return {
        "path": path,
        "signed": share,
        "rate": rate,
        "calls": count,
        "unanswered": count - len(answered_ms),
        "answers": dict(statuses),
        **{f"p{p}_ms": round(float(np.percentile(answered_ms, p)), 3) for p in (50, 99, 99.9) if len(answered_ms)},
        "highest_ms": round(float(answered_ms.max(initial=0)), 3),
        "generator_late_p99_ms": round(float(np.percentile(late_s, 99)) * 1_000, 3),
        "cpu_us_a_call": round(used_s / count * 1e6, 1),
        "processors_busy": round(busy_s / elapsed_s, 2),
    }


if __name__ == "__main__":
    main()
