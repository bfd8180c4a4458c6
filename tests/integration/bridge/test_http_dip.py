"""The whole way over HTTP: a switch asks the bridge, the bridge Kafka, and a real worker decides."""

import asyncio
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
import pytest

from streams.bridge.http.verification import BLOCKED
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.local.services import free_ports
from tests.broker_process import BrokerProcess, broker_process
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, ROOT, robocall, workers
from tests.streams.bridge.http.conftest import PEER, TOKEN
from tests.topic_reader import Reader
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

LAWFUL, IMPOSSIBLE = "+12025550101", "+10005550123"
PATIENT_MS = {"Robocall-Deadline-Ms": "1000"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    """A broker of the test's own, which it may pause."""
    with broker_process(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def environment(broker: BrokerProcess, tmp_path: Path) -> dict[str, str]:
    """A worker that enforces; nobody keeps lists."""
    found = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODE": "enforce",
        "ROBOCALL_ENFORCE_UNMEASURED": "the tests: no traffic is measured",
        "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
        "ROBOCALL_PARTITIONS": "4",
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "models" / "small")),
        "ROBOCALL_CONSUMER_GROUP": f"http-dip-{time.time_ns()}",
        **PATIENT,
    }
    robocall("topics", "create", environment=found)
    return found


def call(number: str, call_id: str) -> dict[str, Any]:
    return {"call_id": call_id, "calling_number": number, "called_number": "+13125550142"}


async def asked(client: httpx.AsyncClient, number: str, call_id: str) -> dict[str, Any]:
    answer = await client.post("/v1/calls", json=call(number, call_id), headers=PATIENT_MS)
    assert answer.status_code == 200
    return dict(answer.json())


async def decided(client: httpx.AsyncClient, number: str, call_id: str) -> dict[str, Any]:
    """A decision that came in time, on however slow a machine: each try is a call of its own."""
    for attempt in range(100):
        found = await asked(client, number, f"{call_id}-{attempt}")
        if found["decision_id"] is not None:
            return found
    raise AssertionError("no decision came in time")


async def drill(client: httpx.AsyncClient, bootstrap: str, broker: BrokerProcess) -> None:
    """What a switch goes through."""
    allowed, blocked = await decided(client, LAWFUL, "lawful"), await decided(client, IMPOSSIBLE, "impossible")
    assert (allowed["action"], allowed["switch_id"], allowed["trunk_group_id"]) == ("allow", "sbc-chi-1", "tg-chi")
    assert (blocked["action"], blocked["decided_by"], blocked["sip"]["status"]) == ("block", "dno", 603)

    reader = await asyncio.to_thread(Reader, bootstrap, CALL_DECISIONS)
    read: list[Any] = []
    while blocked not in read:
        read = [record for _, record in await asyncio.to_thread(reader.read)]
    reader.close()

    tns = {"from": {"tn": IMPOSSIBLE[1:]}, "to": {"tn": ["13125550142"]}, "time": 1, "identity": "e.e.e"}
    verified = await client.post("/stir/v1/verification", json={"verificationRequest": tns}, headers=PATIENT_MS)
    assert verified.json()["verificationResponse"]["reasoncode"] == BLOCKED

    end = {name: allowed[name] for name in ("setup_time_ms", "calling_number", "called_number", "decision_id")}
    ended = await client.post(f"/v1/calls/{allowed['call_id']}/end", json=end | {"sip_status": 200})
    assert ended.status_code == 202
    assert (await client.post("/v1/calls", content=b" " * 20_000)).status_code == 413
    assert (await client.post("/v1/calls", headers={"Authorization": "Bearer x"})).status_code == 401

    broker.pause()
    try:
        found = await asked(client, IMPOSSIBLE, "no-broker")
        assert (found["action"], found["decided_by"], found["decision_id"]) == ("allow", "fail_open", None)
        assert found["reasons"][0]["code"] in {"late", "unhealthy"}
    finally:
        broker.resume()
    assert (await decided(client, IMPOSSIBLE, "again"))["action"] == "block"


@contextmanager
def bridge(environment: dict[str, str], folder: Path) -> Iterator[int]:
    """A bridge process that takes questions over HTTP alone; its port."""
    (port,) = free_ports(1)
    peers = {
        "peers": [{"name": PEER.name, "trunk_group_id": PEER.trunk_group_id, "token_sha256": [*PEER.token_sha256]}]
    }
    (folder / "peers.yaml").write_text(json.dumps(peers))
    settings = {
        "ROBOCALL_BRIDGE_PEERS_FILE": str(folder / "peers.yaml"),
        "ROBOCALL_BRIDGE_SIP_PORT": "0",
        "ROBOCALL_BRIDGE_HTTP_PORT": str(port),
    }
    with (folder / "bridge.log").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.commands.main", "bridge"],
            cwd=ROOT, env=os.environ | environment | settings, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_until(lambda: is_healthy(port), "the bridge says that decisions come")
        yield port
        process.terminate()
        assert process.wait(HANG_S) == 0
    finally:
        sys.stderr.write((folder / "bridge.log").read_text(errors="replace")[-3_000:])
        if process.poll() is None:
            process.kill()
            process.wait()


def is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


def test_a_switch_asks_over_http_and_every_call_without_a_decision_passes(
    broker: BrokerProcess, environment: dict[str, str], tmp_path: Path
) -> None:
    """A decision, a block, the verification API, an end, wrong requests, a broker that is away and comes back."""

    async def run(port: int) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=HANG_S) as client:
            await drill(client, broker.bootstrap, broker)

    with workers(1, environment, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "the worker decides")
        with bridge(environment, tmp_path) as port:
            asyncio.run(run(port))

    reader = Reader(broker.bootstrap, CALL_EVENTS)
    wait_until(lambda: any(event["type"] == "call_end" for _, event in reader.read()), "the end is published")
    (key, end), *_ = [(key, event) for key, event in reader.read() if event["type"] == "call_end"]
    reader.close()
    assert (key, end["switch_id"], end["trunk_group_id"]) == (LAWFUL.encode(), "sbc-chi-1", "tg-chi")
