"""A worker that enforces, a bridge in front of it, and what stands in the topics: for tests of dips by SIP."""

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
from typing import Any

from confluent_kafka import Consumer

from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.local.services import free_ports
from tests.integration.bridge.sipp import sipp
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, ROOT, Worker, robocall, workers
from tests.streams.bridge.sip.sip_case import invite, seen
from tests.waiting import wait_until

LISTED, IMPOSSIBLE = "+12025550199", "+10005550123"
TERMINATING, ORIGINATING, QUICK, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.9"
TOKEN = "of-the-switch-that-terminates"  # noqa: S105 - of the tests
PEERS = f"""
peers:
  - {{name: terminating, addresses: [{TERMINATING}], profile: clearip, trunk_group_id: tg-1, deadline_ms: 10000,
      token_sha256: [{hashlib.sha256(TOKEN.encode()).hexdigest()}]}}
  - {{name: originating, addresses: [{ORIGINATING}], profile: clearip, trunk_group_id: tg-2, role: originating,
      deadline_ms: 10000}}
  - {{name: quick, addresses: [{QUICK}], profile: redirect, trunk_group_id: tg-3, deadline_ms: 100}}
"""


def says(data: bytes, port: int) -> list[bytes]:
    """What somebody on loopback answers to a datagram within a moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((TERMINATING, 0))
        sender.settimeout(0.5)
        sender.sendto(data, ("127.0.0.1", port))
        try:
            return [sender.recv(65_535)]
        except (TimeoutError, ConnectionRefusedError):
            return []


class Bridge:
    """A bridge process."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.port, self.http_port, self.web_port = free_ports(3)
        peers = folder / "peers.yaml"
        peers.write_text(PEERS, encoding="utf-8")
        self.log = folder / "bridge.log"
        settings = {
            "ROBOCALL_BRIDGE_PEERS_FILE": str(peers),
            "ROBOCALL_BRIDGE_SIP_PORT": str(self.port),
            "ROBOCALL_BRIDGE_HTTP_PORT": str(self.http_port),
            "ROBOCALL_BRIDGE_WEB_PORT": str(self.web_port),
        }
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.commands.main", "bridge"],
                cwd=ROOT, env=os.environ | environment | settings, stdout=out, stderr=out,
            )  # fmt: skip

    def is_healthy(self) -> bool:
        """Whether an OPTIONS is answered by 200."""
        assert self.process.poll() is None, self.log.read_text()
        found = says(invite().replace(b"INVITE", b"OPTIONS"), self.port)
        return bool(found) and seen(found[0]).status == 200


class Case:
    """A worker that enforces and a bridge in front of it."""

    def __init__(self, bridge: Bridge, worker: Worker, bootstrap: str, folder: Path) -> None:
        self.bridge = bridge
        self.worker = worker
        self._folder = folder
        self._topics: dict[str, list[dict[str, Any]]] = {CALL_DECISIONS: [], CALL_EVENTS: []}
        self._reader = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": f"reader-{time.time_ns()}", "auto.offset.reset": "earliest"}
        )
        self._reader.subscribe(list(self._topics))

    def sipp(self, scenario: str, **more: Any) -> None:
        sipp(scenario, self.bridge.port, self._folder, **more)

    def records(self, topic: str) -> list[dict[str, Any]]:
        """What has come so far."""
        for message in self._reader.consume(1_000, 0.2):
            value = message.value()
            if message.error() is None and value is not None:
                self._topics[message.topic() or ""].append(json.loads(value))
        return self._topics[topic]

    def ends(self, treatment: str | None, status: int) -> list[dict[str, Any]]:
        """Ends of calls that were treated so."""
        events = (event for event in self.records(CALL_EVENTS) if event["type"] == "call_end")
        return [end for end in events if (end.get("treatment"), end["sip_status"]) == (treatment, status)]


@contextmanager
def running(bootstrap: str, redis_url: str, folder: Path) -> Iterator[Case]:
    """Both are up and healthy; the topics have four partitions, and `LISTED` is on the block list."""
    environment = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "ROBOCALL_REDIS_URL": redis_url,
        "ROBOCALL_AWAIT_LISTS": "true",
        "ROBOCALL_MODE": "enforce",
        "ROBOCALL_ENFORCE_UNMEASURED": "the tests: no traffic is measured",
        "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
        "ROBOCALL_PARTITIONS": "4",
        "ROBOCALL_MODEL_DIR": str(save_small_model(folder / "models" / "small")),
        "ROBOCALL_CONSUMER_GROUP": f"sip-dip-{time.time_ns()}",
        **PATIENT,
    }
    robocall("lists", "add", "block", LISTED, environment=environment)
    bridge = Bridge(environment, folder)
    try:
        with workers(1, environment, folder) as (worker,):
            wait_until(lambda: worker.health().get("status") == "ok", "the worker decides")
            wait_until(bridge.is_healthy, "the bridge says that decisions come")
            yield Case(bridge, worker, bootstrap, folder)
    finally:
        sys.stderr.write(bridge.log.read_text(errors="replace")[-3_000:])
        if bridge.process.poll() is None:
            bridge.process.kill()
            bridge.process.wait()
