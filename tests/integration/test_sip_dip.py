"""The whole way by SIP: sipp asks the bridge, the bridge Kafka, a real worker decides, and sipp checks the answer."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer

from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.local.services import free_ports
from tests.integration.sipp import asked, cancelled, needs_sipp, sipp
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, ROOT, Worker, robocall, workers
from tests.streams.bridge.sip.sip_case import invite, seen
from tests.valkey_process import ValkeyProcess
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

LISTED, IMPOSSIBLE = "+12025550199", "+10005550123"
TERMINATING, ORIGINATING, QUICK, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.9"
PEERS = f"""
peers:
  - {{name: terminating, addresses: [{TERMINATING}], profile: clearip, trunk_group_id: tg-1, deadline_ms: 10000}}
  - {{name: originating, addresses: [{ORIGINATING}], profile: clearip, trunk_group_id: tg-2, role: originating,
      deadline_ms: 10000}}
  - {{name: quick, addresses: [{QUICK}], profile: redirect, trunk_group_id: tg-3, deadline_ms: 100}}
"""
ANALYTICS = r'SIP;cause=603;text="v=analytics1;url=https://redress.carrier.example/;id=[0-9a-f]*";location=RLN'
FAIL_OPEN = r'SIP;cause=404;text="fail-open"'


class Bridge:
    """A bridge process."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.port, self.web_port = free_ports(2)
        peers = folder / "peers.yaml"
        peers.write_text(PEERS, encoding="utf-8")
        self.log = folder / "bridge.log"
        settings = {
            "ROBOCALL_BRIDGE_PEERS_FILE": str(peers),
            "ROBOCALL_BRIDGE_SIP_PORT": str(self.port),
            "ROBOCALL_BRIDGE_WEB_PORT": str(self.web_port),
        }
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.commands.main", "bridge"],
                cwd=ROOT, env=os.environ | environment | settings, stdout=out, stderr=out,
            )  # fmt: skip

    def says(self, data: bytes) -> list[bytes]:
        """What comes back for a datagram within a moment."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((TERMINATING, 0))
            sender.settimeout(0.5)
            sender.sendto(data, ("127.0.0.1", self.port))
            try:
                return [sender.recv(65_535)]
            except TimeoutError:
                return []

    def is_healthy(self) -> bool:
        """Whether an OPTIONS is answered by 200."""
        assert self.process.poll() is None, self.log.read_text()
        found = self.says(invite().replace(b"INVITE", b"OPTIONS"))
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


@pytest.fixture
def case(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], valkey: ValkeyProcess, tmp_path: Path
) -> Iterator[Case]:
    needs_sipp()
    fresh_topics(4)
    environment = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_REDIS_URL": valkey.url,
        "ROBOCALL_AWAIT_LISTS": "true",
        "ROBOCALL_MODE": "enforce",
        "ROBOCALL_ENFORCE_UNMEASURED": "the tests: no traffic is measured",
        "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
        "ROBOCALL_PARTITIONS": "4",
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "models" / "small")),
        "ROBOCALL_CONSUMER_GROUP": f"sip-dip-{time.time_ns()}",
        **PATIENT,
    }
    robocall("lists", "add", "block", LISTED, environment=environment)
    bridge = Bridge(environment, tmp_path)
    try:
        with workers(1, environment, tmp_path) as (worker,):
            wait_until(lambda: worker.health().get("status") == "ok", "the worker decides")
            wait_until(bridge.is_healthy, "the bridge says that decisions come")
            yield Case(bridge, worker, kafka_bootstrap, tmp_path)
    finally:
        sys.stderr.write(bridge.log.read_text(errors="replace")[-3_000:])
        if bridge.process.poll() is None:
            bridge.process.kill()
            bridge.process.wait()


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_calls_pass_are_blocked_and_labelled_as_the_worker_decides(case: Case, transport: str) -> None:
    """Over UDP and over TCP; a block has the bytes of its decision, and its end is published."""
    more = {"more": ("-t", transport)}
    case.sipp(asked(404), calls=5, **more)
    case.sipp(asked(603, "Reason", ANALYTICS), calling=LISTED, **more)
    case.sipp(asked(603), calling=IMPOSSIBLE, **more)
    case.sipp(
        asked(302, "P-Asserted-Identity", f'".*" .sip:.{LISTED[1:]}@'), source=ORIGINATING, calling=LISTED, **more
    )
    case.sipp(asked(302, "Contact", ".sip:.13125550142@dip.example;user=phone."), source=QUICK, **more)
    case.sipp(asked(403), source=STRANGER, **more)

    wait_until(lambda: len(case.ends("block", 603)) == 2, "both blocks have ended")
    blocked = {one["decision_id"]: one for one in case.records(CALL_DECISIONS) if one["action"] == "block"}
    assert {end["decision_id"] for end in case.ends("block", 603)} == set(blocked)
    assert sorted(one["decided_by"] for one in blocked.values()) == ["dno", "entity_block"]
    labelled = [one for one in case.records(CALL_DECISIONS) if one["action"] == "label"]
    assert [one["trunk_group_id"] for one in labelled] == ["tg-2"]


def test_an_answer_is_repeated_until_its_ack_and_the_bytes_are_those_of_the_decision(case: Case) -> None:
    """Sent again by us, and asked for again by the switch: the same bytes, and one decision."""
    data = invite(
        call_id="again@test", from_=f"<sip:{LISTED}@a>;tag=1", via="SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK-again"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as switch:
        switch.bind((TERMINATING, 0))
        switch.settimeout(30)
        switch.sendto(data, ("127.0.0.1", case.bridge.port))
        answers = [switch.recv(65_535) for _ in range(4)]
        switch.sendto(data, ("127.0.0.1", case.bridge.port))
        answers.append(switch.recv(65_535))
        switch.sendto(data.replace(b"INVITE", b"ACK"), ("127.0.0.1", case.bridge.port))

    assert seen(answers[0]).status == 100
    assert len(set(answers[1:])) == 1
    wait_until(lambda: [one for one in case.records(CALL_DECISIONS) if one["call_id"] == "again@test"], "a decision")
    (made,) = [one for one in case.records(CALL_DECISIONS) if one["call_id"] == "again@test"]
    answer = seen(answers[-1])
    assert (answer.status, answer.phrase) == (made["sip"]["status"], made["sip"]["reason_phrase"])
    assert answer.all("Reason") == [made["sip"]["reason_header"]]


def test_a_cancelled_call_is_487_and_a_worker_that_is_frozen_or_dead_blocks_nothing(case: Case) -> None:
    """While it is frozen calls wait; one that is cancelled ends. Then it is killed: calls pass, and health says so."""
    case.worker.process.send_signal(signal.SIGSTOP)
    case.sipp(cancelled(), calls=3, calling=LISTED)
    wait_until(lambda: len(case.ends(None, 487)) == 3, "cancelled calls have ended")
    case.sipp(asked(302, "Reason", FAIL_OPEN), calls=30, source=QUICK, calling=LISTED)
    assert not case.bridge.is_healthy()
    case.sipp(asked(404, "Reason", FAIL_OPEN), calls=50, calling=LISTED)

    case.worker.process.send_signal(signal.SIGCONT)
    wait_until(case.bridge.is_healthy, "decisions come again")
    case.sipp(asked(603, "Reason", ANALYTICS), calling=LISTED)
    case.worker.kill()
    case.sipp(asked(302, "Reason", FAIL_OPEN), calls=30, source=QUICK, calling=LISTED)


def test_lost_datagrams_cost_no_call_its_answer(case: Case) -> None:
    """A tenth of what sipp sends and gets is dropped; it repeats, and so do we."""
    case.sipp(asked(603, "Reason", ANALYTICS), calls=200, calling=LISTED, more=("-lost", "10", "-r", "50"))
    names = [one["call_id"] for one in case.records(CALL_EVENTS) if one["type"] == "call_setup"]
    wait_until(lambda: len(case.records(CALL_DECISIONS)) >= 200, "all are decided")
    assert len(names) == len(set(names))


def test_peers_are_read_again_and_the_end_is_clean(case: Case) -> None:
    bridge = case.bridge
    peers = bridge.log.parent / "peers.yaml"
    peers.write_text(PEERS.replace(STRANGER, "127.0.0.8").replace(TERMINATING, STRANGER), encoding="utf-8")
    bridge.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "peers are read again" in bridge.log.read_text(), "the file is read")
    case.sipp(asked(404), source=STRANGER)
    case.sipp(asked(403), source=TERMINATING)

    peers.write_text("peers: [", encoding="utf-8")
    bridge.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the peers of before stay" in bridge.log.read_text(), "the file is refused")
    case.sipp(asked(404), source=STRANGER)

    bridge.process.terminate()
    assert bridge.process.wait(25) == 0
    assert "bridge ended" in bridge.log.read_text()
