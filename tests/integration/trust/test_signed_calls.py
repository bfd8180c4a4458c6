"""Signed calls through a bridge that verifies, Kafka, and a real worker; then a replay that verifies nothing."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.kafka.topics import CALL_EVENTS
from tests.detector.trust.authority import issue
from tests.integration.trust.signed_case import Bridge, running, worker_environment
from tests.processes import robocall
from tests.streams.bridge.http.conftest import TOKEN
from tests.streams.bridge.sip.sip_case import invite
from tests.streams.trust.https_server import Server, response, serving
from tests.streams.trust.signed_calls import live_provider, setup, signed_now, url_at
from tests.topic_reader import Reader
from tests.waiting import HANG_S

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PATIENT_MS = {"Robocall-Deadline-Ms": "1000"}


async def certificates(path: str, writer: asyncio.StreamWriter) -> None:
    """One address has a certificate, all others have none."""
    if path == "/shaken.pem":
        writer.write(response(live_provider().pem))
    else:
        writer.write(response(b"", status="404 Not Found"))


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
            identity = signed_now(url, rcd={"nam": "Bank"}, crn="Your card")
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
        assert (passed["own_names"], passed["own_call_reason"]) == (["Bank"], "Your card")
        assert passed["identity"] == [identity]
        replayed = await ask(f"{name}-replayed", identity)
        assert (replayed["own_verstat"], replayed["own_cause"]) == ("TN-Validation-Failed", "replayed")
        forged = await ask(f"{name}-forged", signed_now(url, owner=issue("Stranger", None), rcd={"nam": "B"}, crn="C"))
        assert (forged["own_verstat"], forged["own_cause"]) == ("TN-Validation-Failed", "signature_invalid")
        assert not {"own_names", "own_call_reason"} & set(forged)
        other, _ = await switch.checked(ask, url_at(server, "gone.pem"), f"{name}-gone")
        assert (other["own_verstat"], other["own_cause"]) == ("No-TN-Validation", "certificate_unavailable")

    unsigned = await switch.over_http(
        "unsigned", identity=None, own_verstat="TN-Validation-Passed", own_names=["Bank"], own_call_reason="Your card"
    )
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
    fresh_topics(4)
    return worker_environment(kafka_bootstrap, tmp_path)


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
