"""Signed calls through a bridge that verifies, Kafka, and a real worker; then a replay that verifies nothing."""

import asyncio
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.kafka.topics import CALL_EVENTS
from streams.local.services import free_ports
from tests.detector.trust.authority import issue
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, ROOT, robocall, workers
from tests.streams.bridge.http.conftest import TOKEN
from tests.streams.bridge.sip.sip_case import invite, seen
from tests.streams.trust.https_server import Server, response, serving
from tests.streams.trust.signed_calls import live_provider, setup, signed_now, trust_environment, url_at
from tests.topic_reader import Reader
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PEER = {
    "name": "sbc-1",
    "addresses": ["127.0.0.1"],
    "profile": "clearip",
    "trunk_group_id": "t-1",
    "token_sha256": [hashlib.sha256(TOKEN.encode()).hexdigest()],
    "deadline_ms": 10_000,
}
PATIENT_MS = {"Robocall-Deadline-Ms": "1000"}


async def certificates(path: str, writer: asyncio.StreamWriter) -> None:
    """One address has a certificate, all others have none."""
    if path == "/shaken.pem":
        writer.write(response(live_provider().pem))
    else:
        writer.write(response(b"", status="404 Not Found"))


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


class Switch:
    """Asks the bridge, and finds what was published."""

    def __init__(self, client: httpx.AsyncClient, bridge: Bridge, reader: Reader) -> None:
        self._client = client
        self._bridge = bridge
        self._reader = reader

    async def event(self, call_id: str) -> dict[str, Any]:
        """The one set-up of a call."""
        found: list[dict[str, Any]] = []
        while not found:
            read = await asyncio.to_thread(self._reader.read)
            found = [event for _, event in read if event["call_id"] == call_id and event["type"] == "call_setup"]
        (only,) = found
        return only

    async def over_http(self, call_id: str, *identities: str, **more: Any) -> dict[str, Any]:
        """Ask, and return the set-up that workers get."""
        answer = await self._client.post("/v1/calls", json=setup(call_id, *identities, **more), headers=PATIENT_MS)
        assert answer.status_code == 200
        return await self.event(call_id)

    async def by_sip(self, call_id: str, identity: str) -> dict[str, Any]:
        """The same by an INVITE."""
        said = invite(
            f"Identity: {identity}",
            uri="sip:+12025550199@dip.example;user=phone",
            to="<sip:+12025550199@dip.example>",
            via=f"SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-{call_id};rport",
            call_id=call_id,
        )
        assert await asyncio.to_thread(self._bridge.says, said) == 404
        return await self.event(call_id)

    async def checked(self, ask: Callable[[str, str], Any], url: str, call_id: str) -> tuple[dict[str, Any], str]:
        """The set-up of a call whose certificate was there in time, and its header: each try is a call of its own."""
        for attempt in range(100):
            identity = signed_now(url)
            event = await ask(f"{call_id}-{attempt}", identity)
            if event["own_cause"] != "not_checked":
                return event, identity
        raise AssertionError("no certificate was there in time")

    async def verification(self, identity: str) -> dict[str, Any]:
        """Ask as SBCs do."""
        asked = {"from": {"tn": "12025550101"}, "to": {"tn": ["12025550199"]}, "time": 1, "identity": identity}
        answer = await self._client.post(
            "/stir/v1/verification", json={"verificationRequest": asked}, headers=PATIENT_MS
        )
        return dict(answer.json()["verificationResponse"])


async def drill(switch: Switch, server: Server) -> None:
    """What signed calls meet."""
    url = url_at(server)
    for ask, name in ((switch.over_http, "http"), (switch.by_sip, "sip")):
        passed, identity = await switch.checked(ask, url, name)
        assert (passed["own_verstat"], passed["own_cause"]) == ("TN-Validation-Passed", "passed")
        assert (passed["own_attestation"], passed["own_signer_spc"]) == ("A", "123A")
        assert passed["identity"] == [identity]
        replayed = await ask(f"{name}-replayed", identity)
        assert (replayed["own_verstat"], replayed["own_cause"]) == ("TN-Validation-Failed", "replayed")
        forged = await ask(f"{name}-forged", signed_now(url, owner=issue("Stranger", None)))
        assert (forged["own_verstat"], forged["own_cause"]) == ("TN-Validation-Failed", "signature_invalid")
        other, _ = await switch.checked(ask, url_at(server, "gone.pem"), f"{name}-gone")
        assert (other["own_verstat"], other["own_cause"]) == ("No-TN-Validation", "certificate_unavailable")

    unsigned = await switch.over_http("unsigned", identity=None, own_verstat="TN-Validation-Passed", own_names=["Bank"])
    assert not any(name.startswith("own_") for name in unsigned)
    told = await switch.verification(signed_now(url))
    assert told == {"verstat": "TN-Validation-Passed"}
    told = await switch.verification(signed_now(url, dest={"tn": ["13125550142"]}))
    assert (told["verstat"], told["reasoncode"]) == ("TN-Validation-Failed", 438)
    assert (told["reasontext"], told["reasondesc"]) == (
        "Invalid Identity Header",
        "the token names another number than To",
    )


@pytest.fixture
def environment(kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], tmp_path: Path) -> dict[str, str]:
    """A worker that enforces; nobody keeps lists."""
    fresh_topics(4)
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODE": "enforce",
        "ROBOCALL_ENFORCE_UNMEASURED": "the tests: no traffic is measured",
        "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
        "ROBOCALL_PARTITIONS": "4",
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "models" / "small")),
        "ROBOCALL_CONSUMER_GROUP": f"signed-{time.time_ns()}",
        **PATIENT,
    }


def test_verdicts_travel_with_their_calls_and_a_replay_needs_no_certificate(
    environment: dict[str, str], kafka_bootstrap: str, tmp_path: Path
) -> None:
    """Passed, failed, replayed, a certificate that is not there; by SIP, over HTTP and as SBCs ask."""
    reader = Reader(kafka_bootstrap, CALL_EVENTS)

    async def run(bridge: Bridge, server: Server) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{bridge.http_port}"
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=HANG_S) as client:
            await drill(Switch(client, bridge, reader), server)

    async def whole() -> None:
        async with serving(certificates) as server:
            with running(environment, tmp_path) as bridge:
                await run(bridge, server)

    asyncio.run(whole())
    events = tmp_path / "events.jsonl"
    events.write_text("".join(json.dumps(event) + "\n" for _, event in reader.read()))
    reader.close()
    decisions = [tmp_path / "with.jsonl", tmp_path / "without.jsonl"]
    for out in decisions:
        robocall("replay", str(events), "--decisions", str(out), environment=environment)
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    assert decisions[0].read_bytes() == decisions[1].read_bytes() != b""
