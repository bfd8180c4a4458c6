"""The dip on real sockets, in front of an asker that is played: UDP, TCP, TLS; and whatever breaks, a call passes."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from prometheus_client import CollectorRegistry

from detector.contract.decisions import Decision
from streams.bridge.asking import Asked, Asker, FailOpen
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.peers import Peers
from streams.bridge.settings import BridgeSettings
from streams.bridge.sip import server as module
from streams.bridge.sip.responses import Source
from streams.bridge.sip.server import SipDip
from streams.bridge.traces import CallTrace
from streams.errors import SettingsInvalid
from streams.local.services import free_ports
from streams.metrics import Metric
from streams.running.failures import Failures
from tests.integration.secured import make_certificates
from tests.streams.bridge.bridge_case import decision
from tests.streams.bridge.sip.sip_case import Seen, invite, peer, seen
from tests.waiting import HANG_S, until

HERE = "127.0.0.1"


class PlayedTrace(CallTrace):
    """Keeps what it is told of answers: which, by which decision, and why there is none."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, bool, str | None]] = []

    def answered(self, said: str, decision: Decision | None, why_open: str | None) -> None:
        self.answers.append((said, decision is not None, why_open))


class PlayedAsker:
    """Decides by the called number: ...6 is a block, ...7 breaks, ...8 waits until it is told, ...9 comes too late."""

    def __init__(self, metrics: BridgeMetrics) -> None:
        self.failures = Failures(metrics.internal_error)
        self.is_healthy = True
        self.trace = PlayedTrace()
        self.begin_trace = lambda _: self.trace
        self.asked: list[dict[str, Any]] = []
        self.ends: list[dict[str, Any]] = []
        self.go_on = asyncio.Event()
        self.is_perfect = False  # allows every call then

    async def ask(self, setup: dict[str, Any], deadline_s: float, *, trace: CallTrace) -> Asked:
        assert (deadline_s, trace) == (0.3, self.trace)
        self.asked.append(setup)
        last = "1" if self.is_perfect else setup["called_number"][-1]
        if last == "7":
            raise RuntimeError("broken")
        if last == "8":
            await self.go_on.wait()
        if last == "9":
            return Asked(None, FailOpen.LATE)
        if last == "5":
            sip = {"status": 603, "reason_phrase": "Decline", "reason_header": "a\r\nVia: b"}
            return Asked(decision(setup, "block", sip=sip), None)
        return Asked(decision(setup, "block" if last == "6" else "allow"), None)

    def publish(self, end: dict[str, Any]) -> None:
        self.ends.append(end)


class Case:
    """A dip that listens."""

    def __init__(self, settings: BridgeSettings) -> None:
        self.registry = CollectorRegistry()
        metrics = BridgeMetrics()
        self.registry.register(metrics)
        self.asker = PlayedAsker(metrics)
        self.settings = settings
        peers = Peers([peer(addresses=[HERE], deadline_ms=300)])
        self.dip = SipDip(settings, peers, cast("Asker", self.asker), metrics)

    def counted(self, metric: Metric, **labels: str) -> float:
        return self.registry.get_sample_value(metric, {"dip": "sip"} | labels) or 0


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        del addr
        self.got.put_nowait(data)


class Switch:
    """Asks by UDP from an address."""

    def __init__(self, transport: Any, protocol: Datagrams) -> None:
        self.transport = transport
        self.protocol = protocol

    async def final(self) -> Seen:
        """The next answer that is no 100."""
        async with asyncio.timeout(HANG_S):
            while (answer := seen(await self.protocol.got.get())).status == 100:
                pass
        return answer

    async def says(self, data: bytes) -> Seen:
        self.transport.sendto(data)
        return await self.final()


@asynccontextmanager
async def listening(**more: Any) -> AsyncIterator[Case]:
    (port,) = free_ports(1)
    case = Case(BridgeSettings.load(**({"sip_port": port} | more)))
    await case.dip.start()
    try:
        yield case
    finally:
        await case.dip.stop()


@asynccontextmanager
async def switch(case: Case, source: str = HERE) -> AsyncIterator[Switch]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        Datagrams, local_addr=(source, 0), remote_addr=(HERE, case.settings.sip_port)
    )
    yield Switch(transport, protocol)
    transport.close()


def call(number: str, call_id: str = "1") -> bytes:
    via = f"SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK-{call_id}-{number[-1]}"
    return invite(uri=f"sip:{number}@dip.example", call_id=call_id, via=via)


@pytest.mark.parametrize(
    ("called", "status", "reason", "answer", "why"),
    [
        ("+13125550141", 404, [], "allow", None),
        ("+13125550146", 603, None, "block", None),
        ("+13125550149", 404, ['SIP;cause=404;text="fail-open"'], "fail_open", "late"),
        ("+13125550147", 404, ['SIP;cause=404;text="fail-open"'], "fail_open", "internal_error"),
        ("+13125550145", 404, ['SIP;cause=404;text="fail-open"'], "fail_open", "internal_error"),
    ],
)
def test_a_call_is_answered_as_it_was_decided_and_passes_whatever_breaks(
    called: str, status: int, reason: list[str] | None, answer: str, why: str | None
) -> None:
    """An asker that raises, and a decision that cannot be written, are the last two."""

    async def run() -> None:
        async with listening() as case, switch(case) as asks:
            found = await asks.says(call(called))
            assert found.status == status
            assert reason is None or found.all("Reason") == reason
            await until(lambda: case.counted(Metric.BRIDGE_DIPS, answer=answer) == 1)
            assert [end["sip_status"] for end in case.asker.ends] == ([603] if answer == "block" else [])
            assert case.asker.trace.answers == [(answer, answer != "fail_open", why)]

    asyncio.run(run())


def test_an_invite_without_a_call_id_passes_too() -> None:
    async def run() -> None:
        async with listening() as case, switch(case) as asks:
            for number, call_id in enumerate((None, "")):
                via = f"SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK-{number}"
                assert (await asks.says(invite(call_id=call_id, via=via))).status == 404
            assert case.asker.asked == []
            assert case.counted(Metric.BRIDGE_FAIL_OPEN, reason="malformed") == 2

    asyncio.run(run())


def test_no_call_waits_on_another_and_one_that_is_cancelled_ends() -> None:
    async def run() -> None:
        async with listening() as case, switch(case) as asks:
            asks.transport.sendto(call("+13125550148"))
            await until(lambda: len(case.asker.asked) == 1)
            assert (await asks.says(call("+13125550141", "2"))).one("Call-ID") == "2"

            cancel = call("+13125550148").replace(b"INVITE", b"CANCEL")
            assert ((await asks.says(cancel)).status, (await asks.final()).status) == (200, 487)
            await until(lambda: case.asker.ends)
            (end,) = case.asker.ends
            assert (end["sip_status"], end["released_by"], end.get("treatment")) == (487, "calling", None)
            assert end["setup_time_ms"] == case.asker.asked[0]["setup_time_ms"]
            await until(lambda: case.counted(Metric.BRIDGE_DIPS, answer="cancelled") == 1)

    asyncio.run(run())


def test_an_attempt_counts_that_is_cancelled_before_anything_else_could_happen() -> None:
    """Both datagrams are there when the loop looks: its set-up is published all the same, and its end."""

    async def run() -> None:
        async with listening() as case:
            source = Source(HERE, 5_060)
            case.dip.take(call("+13125550148"), source)
            case.dip.take(call("+13125550148").replace(b"INVITE", b"CANCEL"), source)
            await until(lambda: case.asker.ends)
            assert (
                [setup["call_id"] for setup in case.asker.asked] == ["1"] == [end["call_id"] for end in case.asker.ends]
            )

    asyncio.run(run())


def test_at_the_end_a_call_that_still_waits_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It heard 100, so its switch would wait for minutes; it was not cancelled, and has no end."""
    monkeypatch.setattr(module, "LAST_S", 0.05)

    async def run() -> None:
        async with listening() as case, switch(case) as asks:
            asks.transport.sendto(call("+13125550148"))
            await until(lambda: case.asker.asked)
            await case.dip.stop()
            found = await asks.final()
            assert (found.status, found.all("Reason")) == (404, ['SIP;cause=404;text="fail-open"'])
            assert case.counted(Metric.BRIDGE_DIPS, answer="fail_open") == 1
            assert case.counted(Metric.BRIDGE_FAIL_OPEN, reason="late") == 1
            assert case.asker.trace.answers == [("fail_open", False, "late")]
            assert case.asker.ends == []

    asyncio.run(run())


def test_strangers_and_junk_are_counted() -> None:
    async def run() -> None:
        async with listening() as case, switch(case, "127.0.0.7") as stranger, switch(case) as asks:
            assert (await stranger.says(call("+13125550141"))).status == 403
            for junk in (b"", b"\x00" * 60_000, b"SIP/2.0 200 OK\r\n\r\n", b"INVITE sip:a SIP/2.0\r\n\r\n"):
                asks.transport.sendto(junk)
            assert (await asks.says(call("+13125550141"))).status == 404
            reasons = {reason: case.counted(Metric.BRIDGE_JUNK, reason=reason) for reason in ("stranger", "no_sip")}
            assert reasons["stranger"] == 1
            assert reasons["no_sip"] >= 1
            assert (case.counted(Metric.BRIDGE_JUNK, reason="response"), len(case.asker.asked)) == (1, 1)

    asyncio.run(run())


def test_peers_are_read_again_and_those_of_before_stay_where_the_file_is_wrong(tmp_path: Path) -> None:
    """The file that was written last counts, however soon one came after the other."""
    file = tmp_path / "peers.yaml"
    good = "peers: [{{name: {}, addresses: [{}], profile: clearip, trunk_group_id: t}}]"

    async def run() -> None:
        async with listening(peers_file=file) as case:
            for name in ("second", "third"):
                file.write_text(good.format(name, "127.0.0.7"))
                case.dip.reload()
            await until(lambda: [one.name for one in case.dip.peers.all] == ["third"])
            async with switch(case) as stranger, switch(case, "127.0.0.7") as asks:
                assert (await stranger.says(call("+13125550141"))).status == 403
                file.write_text("peers: []")
                with structlog.testing.capture_logs() as logged:
                    case.dip.reload()
                    await until(lambda: logged)
                assert logged[0]["event"] == "the peers of before stay"
                assert (await asks.says(call("+13125550141").replace(b"INVITE", b"OPTIONS"))).status == 200

    asyncio.run(run())


def test_beyond_the_bound_calls_pass_without_being_asked_about() -> None:
    async def run() -> None:
        async with listening(max_transactions=100) as case, switch(case) as asks:
            for number in range(100):
                asks.transport.sendto(call("+13125550148", str(number)))
            await until(lambda: len(case.asker.asked) == 100)
            found = await asks.says(call("+13125550146", "more"))
            assert (found.status, found.all("Reason")) == (404, ['SIP;cause=404;text="fail-open"'])
            assert case.counted(Metric.BRIDGE_FAIL_OPEN, reason="full") == 1
            case.asker.go_on.set()

    asyncio.run(run())


def test_options_says_whether_decisions_come() -> None:
    async def run() -> None:
        async with listening() as case, switch(case) as asks:
            options = call("+13125550141").replace(b"INVITE", b"OPTIONS")
            assert (await asks.says(options)).status == 200
            case.asker.is_healthy = False
            assert (await asks.says(options)).status == 503

    asyncio.run(run())


async def by_stream(case: Case, port: int, context: ssl.SSLContext | None) -> None:
    """Two calls in one write, cut in the middle, with a keep-alive between them."""
    reader, writer = await asyncio.open_connection(HERE, port, ssl=context, server_hostname=HERE if context else None)
    data = call("+13125550146") + b"\r\n\r\n" + call("+13125550141", "2")
    writer.write(data[:300])
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(data[300:])
    async with asyncio.timeout(HANG_S):
        text = b""
        while text.count(b"CSeq") < 4 or not text.endswith(b"\r\n\r\n"):
            text += await reader.read(65_536)
    assert {line for line in text.split(b"\r\n") if line.startswith(b"SIP/2.0")} == {
        b"SIP/2.0 100 Trying", b"SIP/2.0 603 Network Blocked", b"SIP/2.0 404 Not Found",
    }  # fmt: skip
    writer.write(b"x" * 70_000)  # ends the connection, and no other
    with suppress(ConnectionError):
        async with asyncio.timeout(HANG_S):
            while await reader.read(65_536):
                pass
    writer.close()
    assert len(case.asker.asked) == 2


def test_calls_come_by_tcp() -> None:
    async def run() -> None:
        async with listening() as case:
            await by_stream(case, case.settings.sip_port, None)
            assert case.counted(Metric.BRIDGE_JUNK, reason="too_large") == 1

    asyncio.run(run())


async def unanswered(port: int, context: ssl.SSLContext) -> bool:
    """Whether the connection is refused, or closed without a word."""
    try:
        async with asyncio.timeout(HANG_S):
            reader, writer = await asyncio.open_connection(HERE, port, ssl=context, server_hostname=HERE)
            writer.write(call("+13125550141"))
            return not await reader.read(100)
    except OSError:  # of TLS too
        return True


@pytest.mark.parametrize("is_mutual", [False, True])
def test_calls_come_by_tls_and_by_mutual_tls_where_an_authority_is_named(tmp_path: Path, is_mutual: bool) -> None:
    """Who has no certificate of it gets no word in."""
    make_certificates(tmp_path)
    (port,) = free_ports(1)
    settings: dict[str, Any] = {"sip_tls_port": port}
    settings |= {"sip_tls_certfile": tmp_path / "broker.crt", "sip_tls_keyfile": tmp_path / "broker.key"}
    if is_mutual:
        settings["sip_tls_cafile"] = tmp_path / "authority.crt"
    context = ssl.create_default_context(cafile=tmp_path / "authority.crt")

    async def run() -> None:
        async with listening(**settings) as case:
            assert case.dip.listens[0] == f"tls 127.0.0.1:{port}"
            if is_mutual:
                assert await unanswered(port, context)
                context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
            await by_stream(case, port, context)

    asyncio.run(run())


def test_a_certificate_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.touch()

    async def run() -> None:
        with pytest.raises(SettingsInvalid, match="ROBOCALL_BRIDGE_SIP_TLS_CERTFILE cannot be used"):
            async with listening(sip_tls_port=free_ports(1)[0], sip_tls_certfile=nothing, sip_tls_keyfile=nothing):
                pass

    asyncio.run(run())


def test_a_port_that_is_taken_is_one_sentence() -> None:
    async def run() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind((HERE, 0))
            port = taken.getsockname()[1]
            with pytest.raises(SettingsInvalid, match=f"ROBOCALL_BRIDGE_SIP_PORT={port}: "):
                async with listening(sip_port=port):
                    pass

    asyncio.run(run())
