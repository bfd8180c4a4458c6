"""Kamailio with the configuration of its page asks over HTTP, and posts its accounting; sipp calls, and checks."""

import asyncio
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from detector.contract.decisions import Decision
from streams.bridge.asking import Asked, FailOpen
from streams.bridge.http.access import Access
from streams.bridge.http.app import HttpDip, http_server
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.peers import Peers
from streams.bridge.settings import BridgeSettings
from streams.contract_docs.examples import examples
from streams.kafka.topics import CALL_DECISIONS
from streams.wire.records import DECISION_DECODER
from tests.integration.bridge.kamailio_case import Kamailio, kamailio
from tests.integration.bridge.sip_dip_case import LISTED, TOKEN, Case, running
from tests.integration.bridge.sipp import answered, asked, cancelled, needs_kamailio, needs_sipp, sipp
from tests.streams.bridge.http.conftest import PEER, ToldAsker
from tests.streams.bridge.http.conftest import TOKEN as TOLD_TOKEN
from tests.valkey_process import ValkeyProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
ALLOW, LABEL, BLOCK = "allow", "label", "block"
ANALYTICS = r'SIP;cause=603;text="v=analytics1;url=https://redress.carrier.example/;id=[0-9a-f]*";location=RLN'


def needs_all() -> None:
    """All programs, or skip."""
    needs_kamailio("kamailio-utils-modules:http_client", "kamailio-extra-modules:acc_json")
    needs_sipp()


@contextmanager
def asking(http_port: int, token: str, folder: Path, carrier: str = "486 Busy Here") -> Iterator[Kamailio]:
    """Kamailio that asks over HTTP; its timer is longer, since the machine may be busy."""
    meant = {"THE-TOKEN": token, '"connection_timeout", 1)': '"connection_timeout", 10)'}
    with kamailio("kamailio-http.md", ("192.0.2.80:8080", http_port), meant, folder, carrier) as found:
        yield found


def example(name: str) -> Decision:
    """A decision of the contract's page."""
    return next(DECISION_DECODER.decode(one.value) for one in examples() if one.name == name)


class Played(NamedTuple):
    """What became of a call: what was asked and how it ended, and calls that each carrier got."""

    asker: ToldAsker
    routed: list[int]
    shown: list[str]


def play(tells: Asked, scenario: str, folder: Path, carrier: str = "486 Busy Here") -> Played:
    """Place one call, which the dip answers as it is told, and wait for its end."""
    needs_all()
    asker = ToldAsker()
    asker.tells = tells
    server = http_server(
        HttpDip(cast("Any", asker), Access(lambda: Peers([PEER]), certified=False), 80, BridgeMetrics()).app(),
        BridgeSettings.load(),
    )

    def call() -> Played:
        with asking(server.port, TOLD_TOKEN, folder, carrier) as proxy:
            sipp(scenario, proxy.port, folder)
            wait_until(lambda: bool(asker.published), "the end is posted")
            shown = [found for text in proxy.second.got for found in re.findall("P-Asserted-Identity: (.*)\r", text)]
            return Played(asker, proxy.routed(), shown)

    async def run() -> Played:
        await server.start()
        try:
            return await asyncio.to_thread(call)
        finally:
            await server.stop()

    return asyncio.run(run())


def exactly(reason: str | None) -> str:
    """A header of these bytes and no others, as sipp looks for it."""
    return "^ ?" + re.sub(r"([.*?+^$(){}|\[\]\\])", r"[\1]", reason or "") + "$"


def test_a_block_has_the_bytes_of_its_decision_tries_no_carrier_and_ends_as_one(tmp_path: Path) -> None:
    """What is asked is the call; its end names the decision and its set-up."""
    decision = example(BLOCK)
    assert decision.sip is not None
    found = play(Asked(decision, None), asked(603, "Reason", exactly(decision.sip.reason_header)), tmp_path)

    assert found.routed == [0, 0]
    ((setup, _),) = found.asker.asked
    assert (setup["calling_number"], setup["called_number"]) == ("+12025550101", "+13125550142")
    (end,) = found.asker.published
    assert (end["call_id"], end["sip_status"], end["treatment"]) == (setup["call_id"], 603, "block")
    assert (end["decision_id"], end["setup_time_ms"]) == (decision.decision_id, decision.setup_time_ms)


@pytest.mark.parametrize(
    ("tells", "treatment", "shown"),
    [
        (Asked(example(ALLOW), None), "allow", []),
        (Asked(example(LABEL), None), "label", ["label"]),
        (Asked(None, FailOpen.LATE), "timeout", []),
        (ZeroDivisionError("a bug"), "timeout", []),
    ],
)
def test_what_is_no_block_tries_one_carrier_after_the_other(
    tells: Any, treatment: str, shown: list[str], tmp_path: Path
) -> None:
    """The caller hears what the second one says; a label is shown to it."""
    found = play(tells, asked(486), tmp_path)

    assert found.routed == [1, 1]
    label = example(LABEL).label
    assert [text.partition("<")[0].strip() for text in found.shown] == [f'"{label and label.text}"' for _ in shown]
    (end,) = found.asker.published
    assert (end["sip_status"], end["treatment"]) == (486, treatment)
    assert ("decision_id" in end, "setup_time_ms" in end) == ((treatment != "timeout"),) * 2


def test_an_answered_call_ends_once_when_it_is_over(tmp_path: Path) -> None:
    """Its record is that of the dialog."""
    found = play(Asked(example(ALLOW), None), answered(pause_ms=1_500), tmp_path, carrier="200 OK")

    (end,) = found.asker.published
    assert (end["sip_status"], end["treatment"], end["calling_number"]) == (200, "allow", "+12025550101")
    assert 1_000 < end["end_time_ms"] - end["answer_time_ms"] < 30_000


@pytest.fixture
def case(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], valkey: ValkeyProcess, tmp_path: Path
) -> Iterator[Case]:
    needs_all()
    fresh_topics(4)
    with running(kafka_bootstrap, valkey.url, tmp_path) as found:
        yield found


@pytest.mark.kafka
def test_the_whole_way_by_http_a_worker_decides_and_calls_go_on_without_the_bridge(case: Case, tmp_path: Path) -> None:
    """A block, a pass, a label, a caller who gives up while the worker is frozen, and a bridge that is gone."""
    with asking(case.bridge.http_port, TOKEN, tmp_path) as proxy:
        sipp(asked(603, "Reason", ANALYTICS), proxy.port, tmp_path, calling=LISTED)
        assert proxy.routed() == [0, 0]
        sipp(asked(486), proxy.port, tmp_path)
        assert proxy.routed() == [1, 1]
        wait_until(lambda: len(case.ends("block", 603) + case.ends("allow", 486)) == 2, "both have ended")
        ours = (one for one in case.records(CALL_DECISIONS) if one["trunk_group_id"] == "tg-1")
        made = {one["action"]: one["decision_id"] for one in ours}
        assert [end["decision_id"] for end in case.ends("block", 603)] == [made["block"]]
        assert [end["decision_id"] for end in case.ends("allow", 486)] == [made["allow"]]

        peers = case.bridge.log.parent / "peers.yaml"
        peers.write_text(peers.read_text().replace("trunk_group_id: tg-1", "trunk_group_id: tg-1, role: originating"))
        case.bridge.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "peers are read again" in case.bridge.log.read_text(), "the file is read")
        sipp(asked(486), proxy.port, tmp_path, calling=LISTED)
        (shown,) = re.findall(r"P-Asserted-Identity: (.*)\r", proxy.second.got[-1])
        assert re.fullmatch(rf'"[^"]+" <sip:\{LISTED}@.*>', shown)

        case.worker.process.send_signal(signal.SIGSTOP)
        sipp(cancelled(first=487), proxy.port, tmp_path, calling=LISTED)
        case.worker.process.send_signal(signal.SIGCONT)
        wait_until(lambda: len(case.ends(None, 487)) == 1, "the call that was given up has ended")
        assert proxy.routed() == [2, 2]

        case.bridge.process.kill()
        case.bridge.process.wait()
        sipp(asked(486), proxy.port, tmp_path)
        assert proxy.routed() == [3, 3]
