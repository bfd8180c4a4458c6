"""A worker, and a bridge in front of it that verifies: for tests of signed calls."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from streams.local.services import free_ports
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, ROOT, workers
from tests.streams.bridge.http.conftest import TOKEN
from tests.streams.bridge.sip.sip_case import seen
from tests.streams.trust.signed_calls import trust_environment
from tests.waiting import HANG_S, wait_until

PEER = {
    "name": "sbc-1",
    "addresses": ["127.0.0.1"],
    "profile": "clearip",
    "trunk_group_id": "t-1",
    "token_sha256": [hashlib.sha256(TOKEN.encode()).hexdigest()],
    "deadline_ms": 10_000,
}


class Bridge:
    """A bridge process that verifies, asked by SIP and over HTTP."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.sip_port, self.http_port, self._web_port = free_ports(3)
        (folder / "peers.yaml").write_text(json.dumps({"peers": [PEER]}))
        settings = {
            "ROBOCALL_BRIDGE_PEERS_FILE": str(folder / "peers.yaml"),
            "ROBOCALL_BRIDGE_SIP_PORT": str(self.sip_port),
            "ROBOCALL_BRIDGE_HTTP_PORT": str(self.http_port),
            "ROBOCALL_BRIDGE_WEB_PORT": str(self._web_port),
        }
        self.log = folder / "bridge.log"
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.commands.main", "bridge"],
                cwd=ROOT, env=os.environ | environment | settings, stdout=out, stderr=out,
            )  # fmt: skip

    def is_healthy(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"http://127.0.0.1:{self.http_port}/health").status_code == 200
        except httpx.TransportError:
            return False

    def metric(self, start: str) -> float:
        page = httpx.get(f"http://127.0.0.1:{self._web_port}/metrics").text
        return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(start))

    def says(self, data: bytes) -> int:
        """Status of the final answer to a datagram."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("127.0.0.1", 0))
            sender.settimeout(HANG_S)
            sender.sendto(data, ("127.0.0.1", self.sip_port))
            while (status := seen(sender.recv(65_535)).status) < 200:
                pass
            return status


@contextmanager
def running(environment: dict[str, str], folder: Path) -> Iterator[Bridge]:
    """A worker that decides, and a bridge in front of it that has its authorities."""
    with workers(1, environment, folder) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "the worker decides")
        bridge = Bridge(environment | trust_environment(folder), folder)
        try:
            wait_until(bridge.is_healthy, "the bridge says that decisions come")
            wait_until(lambda: bridge.metric("robocall_trust_list_entries") == 1, "it has the authority")
            yield bridge
            bridge.process.terminate()
            assert bridge.process.wait(HANG_S) == 0
        finally:
            sys.stderr.write(bridge.log.read_text(errors="replace")[-3_000:])
            if bridge.process.poll() is None:
                bridge.process.kill()
                bridge.process.wait()


def worker_environment(bootstrap: str, folder: Path) -> dict[str, str]:
    """A worker that enforces; nobody keeps lists. The topics have four partitions."""
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODE": "enforce",
        "ROBOCALL_ENFORCE_UNMEASURED": "the tests: no traffic is measured",
        "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
        "ROBOCALL_PARTITIONS": "4",
        "ROBOCALL_MODEL_DIR": str(save_small_model(folder / "models" / "small")),
        "ROBOCALL_CONSUMER_GROUP": f"signed-{time.time_ns()}",
        **PATIENT,
    }
