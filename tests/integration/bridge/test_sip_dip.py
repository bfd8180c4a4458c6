"""The whole way by SIP: sipp asks the bridge, the bridge Kafka, a real worker decides, and sipp checks the answer."""

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from tests.integration.bridge.sip_dip_case import (
    IMPOSSIBLE,
    LISTED,
    ORIGINATING,
    PEERS,
    QUICK,
    STRANGER,
    TERMINATING,
    Case,
    running,
)
from tests.integration.bridge.sipp import asked, cancelled, needs_sipp
from tests.streams.bridge.sip.sip_case import invite, seen
from tests.valkey_process import ValkeyProcess
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ANALYTICS = r'SIP;cause=603;text="v=analytics1;url=https://redress.carrier.example/;id=[0-9a-f]*";location=RLN'
FAIL_OPEN = r'SIP;cause=404;text="fail-open"'


@pytest.fixture
def case(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], valkey: ValkeyProcess, tmp_path: Path
) -> Iterator[Case]:
    needs_sipp()
    fresh_topics(4)
    with running(kafka_bootstrap, valkey.url, tmp_path) as found:
        yield found


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
