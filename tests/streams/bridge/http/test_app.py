"""The pages over a real socket: what is answered to whom, and that every call passes whatever breaks."""

import asyncio
import base64
import json
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from detector.contract.events import MAX_RECORD_BYTES
from streams.bridge.asking import Asked, FailOpen
from streams.bridge.http.access import Access
from streams.bridge.http.app import CALLS, HttpDip, http_server
from streams.bridge.http.problems import MEDIA_TYPE
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.peers import Peer, Peers
from streams.bridge.settings import BridgeSettings
from streams.bridge.traces import CallTrace, TracedCall
from streams.contract_docs.examples import END, SETUP, examples
from streams.web import server as web_server
from streams.wire.records import DECISION_DECODER, encode
from tests.integration.secured import make_certificates
from tests.streams.bridge.http.conftest import TOKEN, Client, ToldAsker
from tests.streams.tracing.collector import Collector, call_tracer, collecting

collector = pytest.fixture(collecting)
CALL = {"call_id": "a@b", "calling_number": "+1-202-555-0101", "called_number": "+13125550142"}
EXAMPLES = {example.name: example.value for example in examples()}


def posted(client: Client, path: str, **options: Any) -> httpx.Response:
    """Answer to one request."""

    async def run() -> httpx.Response:
        async with client() as opened:
            return await opened.post(path, **options)

    return asyncio.run(run())


def counted(metrics: BridgeMetrics, name: str) -> dict[tuple[str, ...], float]:
    """Samples of a counter by their labels."""
    samples = [sample for family in metrics.collect() for sample in family.samples if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in samples}


@pytest.mark.parametrize("name", ["allow", "label", "block", "shadow"])
def test_a_call_is_answered_with_its_decision_byte_for_byte(
    name: str, client: Client, asker: ToldAsker, metrics: BridgeMetrics
) -> None:
    """What the worker wrote to the topic is what the switch reads here. How a call ends, it says itself."""
    decision = DECISION_DECODER.decode(EXAMPLES[name])
    asker.tells = Asked(decision, None)

    answer = posted(client, "/v1/calls", content=encode(SETUP))

    assert (answer.status_code, answer.content) == (200, EXAMPLES[name])
    assert counted(metrics, "robocall_bridge_dips_total") == {("http", decision.action): 1}
    assert asker.published == []


def test_a_call_that_nobody_decides_passes_and_says_why(
    client: Client, asker: ToldAsker, metrics: BridgeMetrics
) -> None:
    """200 and `allow`: no routing script needs a branch of its own."""
    asker.tells = Asked(None, FailOpen.UNHEALTHY)

    answer = posted(client, "/v1/calls", json=CALL)

    found = answer.json()
    assert answer.status_code == 200
    assert (found["action"], found["decided_by"], found["reasons"][0]["code"]) == ("allow", "fail_open", "unhealthy")
    assert found["call_id"] == "a@b"
    assert counted(metrics, "robocall_bridge_fail_open_total") == {("http", "unhealthy"): 1}


@pytest.mark.parametrize("path", ["/v1/calls", "/stir/v1/verification"])
def test_a_bug_passes_the_call(path: str, client: Client, asker: ToldAsker, metrics: BridgeMetrics) -> None:
    """Whatever a handler raises, the answer is 200 and blocks nothing; the bug is told and counted."""
    asker.tells = ZeroDivisionError("a bug")
    tns = {"from": {"tn": "12025550101"}, "to": {"tn": ["13125550142"]}, "time": 1}

    answer = posted(client, path, json=CALL | {"verificationRequest": tns})

    assert answer.status_code == 200
    assert "internal_error" in answer.text
    assert "block" not in answer.text
    assert [type(error) for error in asker.broken] == [ZeroDivisionError]
    assert [reason for _, reason in counted(metrics, "robocall_bridge_fail_open_total")] == ["internal_error"]


def test_an_sbc_names_no_call_and_a_switch_does(client: Client, asker: ToldAsker) -> None:
    """Else an SBC that asks twice about one call would be told that its token is a replay."""
    tns = {"from": {"tn": "12025550101"}, "to": {"tn": ["13125550142"]}, "time": 1}
    posted(client, "/v1/calls", json=CALL)
    posted(client, "/stir/v1/verification", json={"verificationRequest": tns})

    assert asker.named == [True, False]


def test_trunk_group_switch_and_time_are_known_without_being_said(client: Client, asker: ToldAsker) -> None:
    """The shortest request; its number comes to the workers in the normal form, which is the key."""
    posted(client, "/v1/calls", json=CALL)

    ((setup, waits_s),) = asker.asked
    assert (setup["trunk_group_id"], setup["switch_id"], setup["calling_number"]) == (
        "tg-chi", "sbc-chi-1", "+12025550101",
    )  # fmt: skip
    assert setup["setup_time_ms"] > SETUP.setup_time_ms
    assert waits_s == 0.08


@pytest.mark.parametrize(("said", "waits_s"), [("1", 0.001), ("80", 0.08), ("250", 0.25), ("999999", 1.0)])
def test_a_request_sets_its_deadline_within_bounds(said: str, waits_s: float, client: Client, asker: ToldAsker) -> None:
    """A second at most; one that is shorter than the peer's is known as such."""
    posted(client, "/v1/calls", json=CALL, headers={"Robocall-Deadline-Ms": said})

    assert [waited for _, waited in asker.asked] == [waits_s]
    assert asker.usual == [0.08]


END_SAID = CALL | {"sip_status": 486}
WRONG: list[tuple[int, str, str, dict[str, Any]]] = [
    (401, "unknown_token", "/v1/calls", {"headers": {"Authorization": "Bearer wrong"}}),
    (401, "unknown_token", "/v1/calls/x/end", {"headers": {"Authorization": "Bearer wrong"}}),
    (401, "unknown_token", "/stir/v1/verification", {"headers": {"Authorization": ""}}),
    (400, "wrong_deadline", "/v1/calls", {"json": CALL, "headers": {"Robocall-Deadline-Ms": "soon"}}),
    (400, "wrong_deadline", "/v1/calls", {"json": CALL, "headers": {"Robocall-Deadline-Ms": "0"}}),
    (400, "invalid_json", "/v1/calls", {"content": b"{"}),
    (400, "duplicate_key", "/v1/calls", {"content": b'{"call_id":"a","call_id":"b"}'}),
    (400, "not_an_object", "/v1/calls", {"content": b"[]"}),
    (413, "too_large", "/v1/calls", {"content": b" " * (MAX_RECORD_BYTES + 1)}),
    (422, "missing_field", "/v1/calls", {"json": {"call_id": "a"}}),
    (422, "wrong_type", "/v1/calls", {"json": CALL | {"privacy": "no"}}),
    (422, "out_of_range", "/v1/calls", {"json": CALL | {"call_id": ""}}),
    (422, "missing_field", "/v1/calls/x/end", {"json": CALL}),
    (400, "wrong_verification_request", "/stir/v1/verification", {"json": {"verificationRequest": {}}}),
    (404, "not_found", "/v2/calls", {}),
    (404, "unknown_form", "/v1/records/radius", {}),
    (400, "invalid_json", "/v1/records/freeswitch", {"content": b"cdr=%7B"}),
    (422, "missing_field", "/v1/records/kamailio", {"json": {"method": "INVITE", "sip_code": "486"}}),
]


@pytest.mark.parametrize(("status", "code", "path", "options"), WRONG)
def test_a_wrong_request_is_refused_in_one_line_and_asks_nobody(
    status: int, code: str, path: str, options: dict[str, Any], client: Client, asker: ToldAsker
) -> None:
    """RFC 9457; no value of the request comes back."""
    answer = posted(client, path, **options)

    found = answer.json()
    assert (answer.status_code, found["status"], found["code"]) == (status, status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "\n" not in found["detail"]
    assert (asker.asked, asker.published, asker.broken) == ([], [], [])


def test_the_end_of_a_call_is_published(client: Client, asker: ToldAsker) -> None:
    """The call id is that of the path, whatever is in it."""
    answer = posted(client, "/v1/calls/a%2Fb%40host/end", content=encode(END))

    assert (answer.status_code, answer.content) == (202, b"")
    (end,) = asker.published
    expected = {name: value for name, value in json.loads(encode(END)).items() if value is not None}
    assert end == expected | {"call_id": "a/b@host", "switch_id": "sbc-chi-1"}


def test_a_call_detail_record_is_published_as_an_end(client: Client, asker: ToldAsker) -> None:
    """FreeSWITCH logs in with a password; a record that ends no call is taken as well."""
    record = {"variables": {"sip_call_id": "a@b", "end_epoch": "1760000009", "sip_term_status": "486",
                            "sip_from_user": "+12025550101", "sip_req_user": "+13125550142"}}  # fmt: skip
    login = {"Authorization": f"Basic {base64.b64encode(f'freeswitch:{TOKEN}'.encode()).decode()}"}

    taken = posted(client, "/v1/records/freeswitch", json=record, headers=login)
    none = posted(client, "/v1/records/kamailio", json={"method": "BYE", "sip_code": "200"})

    assert (taken.status_code, none.status_code) == (202, 202)
    assert asker.published == [
        {
            "type": "call_end", "call_id": "a@b", "end_time_ms": 1_760_000_009_000, "sip_status": 486,
            "calling_number": "+12025550101", "called_number": "+13125550142", "trunk_group_id": "tg-chi",
            "switch_id": "sbc-chi-1",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "record"),
    [
        ("/v1/calls/a@b/end", END_SAID),
        ("/v1/records/kamailio", END_SAID | {"callid": "a@b", "method": "INVITE", "sip_code": "486"}),
    ],
)
def test_an_end_that_is_not_taken_may_be_sent_again(
    path: str, record: dict[str, Any], client: Client, asker: ToldAsker
) -> None:
    """Whoever was told 202 forgets it."""
    asker.has_room = False
    refused = posted(client, path, json=record)
    asker.has_room = True

    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "not_published", "1")
    assert posted(client, path, json=record).status_code == 202
    assert len(asker.published) == 1


@pytest.mark.parametrize(("why", "status"), [(None, 200), ("no worker answers in time", 503)])
def test_health_needs_no_token_and_says_why(why: str | None, status: int, client: Client, asker: ToldAsker) -> None:
    """What load balancers look at."""
    asker.why_unhealthy = why

    async def asked() -> httpx.Response:
        async with client() as opened:
            return await opened.get("/health", headers={"Authorization": "Bearer wrong"})

    answer = asyncio.run(asked())

    assert (answer.status_code, answer.json()) == (status, {"status": why or "ok"})


def test_many_calls_wait_beside_each_other(client: Client, asker: ToldAsker) -> None:
    """No call waits on another."""
    waiting: list[asyncio.Future[Asked]] = []

    async def ask(*_: Any, **__: Any) -> Asked:
        waiting.append(asyncio.get_running_loop().create_future())
        if len(waiting) == 20:
            for future in waiting:
                future.set_result(Asked(None, FailOpen.LATE))
        return await waiting[-1]

    asker.ask = ask  # type: ignore[method-assign]

    async def run() -> list[httpx.Response]:
        async with client() as opened:
            return await asyncio.gather(*(opened.post("/v1/calls", json=CALL) for _ in range(20)))

    assert {answer.status_code for answer in asyncio.run(run())} == {200}
    assert len(waiting) == 20
    assert not asker.broken


def test_a_call_that_waits_when_the_bridge_ends_is_counted_and_traced_to_its_end(
    client: Client, asker: ToldAsker, metrics: BridgeMetrics, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its request is cancelled: it got no decision in time."""
    monkeypatch.setattr(web_server, "STOP_S", 0)
    begun = asyncio.Event()

    async def ask(setup: Any, *_: Any, trace: CallTrace, **__: Any) -> Asked:
        trace.published(encode(setup))
        begun.set()
        never: asyncio.Future[Asked] = asyncio.get_running_loop().create_future()
        return await never

    async def run() -> None:
        async with client() as opened:
            asking = asyncio.create_task(opened.post("/v1/calls", json=CALL))
            await begun.wait()
        await asyncio.gather(asking, return_exceptions=True)
        await tracer.stop()

    tracer = call_tracer("robocall-bridge")
    monkeypatch.setattr(asker, "begin_trace", partial(TracedCall, tracer))
    monkeypatch.setattr(asker, "ask", ask)
    asyncio.run(run())

    (dip,) = collector.spans()
    assert (dip.name, dip.status, dip.attributes["robocall.action"]) == ("dip http", "late", "fail_open")
    assert counted(metrics, "robocall_bridge_fail_open_total") == {("http", "late"): 1}
    assert counted(metrics, "robocall_bridge_dips_total") == {("http", "fail_open"): 1}


def test_with_an_authority_each_client_needs_a_certificate_and_is_the_peer_of_its_address(
    asker: ToldAsker, metrics: BridgeMetrics, tmp_path: Path
) -> None:
    """One that our authority signed, on a real socket; without one no request is read."""
    make_certificates(tmp_path)
    entry = {"name": "near", "trunk_group_id": "tg-9", "addresses": ["127.0.0.1"], "profile": "clearip"}
    peers = Peers([Peer.model_validate(entry)])
    chosen = BridgeSettings.load(
        http_tls_certfile=tmp_path / "broker.crt",
        http_tls_keyfile=tmp_path / "broker.key",
        http_tls_cafile=tmp_path / "authority.crt",
    )
    ours = ssl.create_default_context(cafile=str(tmp_path / "authority.crt"))
    theirs = ssl.create_default_context(cafile=str(tmp_path / "authority.crt"))
    theirs.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")

    async def run() -> int:
        dip = HttpDip(asker, Access(lambda: peers, certified=True), 80, metrics)  # type: ignore[arg-type]  # told
        server = http_server(dip.app(), chosen)
        await server.start()
        try:
            url = f"https://127.0.0.1:{server.port}{CALLS}"
            call = {"call_id": "a", "calling_number": "+12025550101", "called_number": "+13125550142"}
            async with httpx.AsyncClient(verify=theirs) as known:
                status = (await known.post(url, json=call)).status_code
            with pytest.raises(httpx.TransportError):
                async with httpx.AsyncClient(verify=ours) as unknown:
                    await unknown.post(url, json=call)
            return status
        finally:
            await server.stop()

    assert asyncio.run(run()) == 200
    assert [setup["trunk_group_id"] for setup, _ in asker.asked] == ["tg-9"]
