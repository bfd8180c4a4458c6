"""What a question over HTTP takes: from the instant that it was due to its answer, and processor time of the bridge.

    python -m benchmarks.http_dips --rates 100 500 1000 --seconds 20

Open loop: each request has an instant fixed beforehand, and its clock starts then, however late the sender gets to it.
Sender, bridge, broker and worker share the machine; a row says how late the sender was, and which answers were no
decision. The worker scores with the shipped model and enforces nothing.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvloop

from benchmarks.harness.machine import describe, give
from benchmarks.harness.processors import cpu_s
from benchmarks.harness.worker import PATIENT, Worker
from benchmarks.http_dips.sending import TOKEN, send
from streams.files import private_folder
from streams.kafka.topics import admin_client, create
from streams.local.services import free_ports, local_services
from streams.settings import load_settings

WARM_UP_S = 3.0
PARTITIONS = 4


@contextmanager
def bridge(environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """A bridge that gets decisions; its process id and its port."""
    (port,) = free_ports(1)
    peers = private_folder() / "peers.yaml"
    entry = {"name": "bench", "trunk_group_id": "tg", "token_sha256": [hashlib.sha256(TOKEN.encode()).hexdigest()]}
    peers.write_text(json.dumps({"peers": [entry]}))
    settings = {
        "ROBOCALL_BRIDGE_PEERS_FILE": str(peers),
        "ROBOCALL_BRIDGE_SIP_PORT": "0",
        "ROBOCALL_BRIDGE_HTTP_PORT": str(port),
    }
    program = [sys.executable, "-m", "streams.commands.main", "bridge"]
    process = subprocess.Popen(program, env=os.environ | environment | settings)
    try:
        while not is_healthy(port):
            if process.poll() is not None:
                raise SystemExit("the bridge ended")
            time.sleep(0.2)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def is_healthy(port: int) -> bool:
    """Whether it gets decisions."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def row(pid: int, port: int, rate: int, seconds: float) -> dict[str, Any]:
    """One rate."""
    uvloop.run(send(port, rate, WARM_UP_S))
    before = cpu_s(pid)
    found = uvloop.run(send(port, rate, seconds))
    dips = sum(found["said"].values())
    return {"rate": rate, "cpu_us_a_dip": round((cpu_s(pid) - before) / dips * 1e6, 1)} | found


def main() -> None:
    """Run every rate, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=[100, 500, 1_000], help="calls a second [%(default)s]")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each rate [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    with local_services(heap_mb=1024, fast_start=False) as services:
        with admin_client(load_settings(kafka_bootstrap_servers=str(services.bootstrap_servers))) as admin:
            create(admin, partitions=PARTITIONS)
        own = {"ROBOCALL_PARTITIONS": str(PARTITIONS), "ROBOCALL_SNAPSHOT_URL": str(private_folder())}
        environment = services.environment() | own
        worker = Worker(environment | PATIENT)
        try:
            worker.wait_until_ready()
            with bridge(environment) as (pid, port):
                rows = [row(pid, port, rate, options.seconds) for rate in options.rates]
        finally:
            worker.process.terminate()
            worker.process.wait(30)
    give(describe() | {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
