"""Kamailio with the configuration of its page, between a caller, the bridge and two carriers; a real worker decides."""

import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.local.services import free_ports
from tests.integration.bridge.sip_dip_case import LISTED, Case, running, says
from tests.integration.bridge.sipp import needs_kamailio
from tests.streams.bridge.sip.sip_case import Seen, invite, seen
from tests.valkey_process import ValkeyProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[3] / "docs" / "switches" / "kamailio.md"
HERE = "127.0.0.1"


class Carrier(threading.Thread):
    """Answers each INVITE by one status, at once, and keeps it."""

    def __init__(self, answer: str, *headers: str) -> None:
        super().__init__(daemon=True)
        self._answer = answer
        self._headers = headers
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HERE, 0))
        self.port: int = self._socket.getsockname()[1]
        self.got: list[str] = []

    def run(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(65_535)
            if data.startswith(b"INVITE"):
                text = data.decode()
                self.got.append(text)
                kept = [line for line in text.split("\r\n") if re.match(r"(?i)(Via|From|To|Call-ID|CSeq):", line)]
                lines = [f"SIP/2.0 {self._answer}", *kept, *self._headers, "Content-Length: 0", "", ""]
                self._socket.sendto("\r\n".join(lines).encode(), sender)


class Kamailio:
    """Kamailio on loopback, with two carriers behind it: the first is out of order, at the second the line is busy."""

    def __init__(self, bridge_port: int, folder: Path) -> None:
        self.first, self.second = Carrier("503 Service Unavailable"), Carrier("486 Busy Here")
        (self.port,) = free_ports(1)
        (text,) = re.findall(r"```cfg\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        places = {
            "192.0.2.10:5060": self.port, "192.0.2.80:5060": bridge_port,
            "198.51.100.1:5060": self.first.port, "198.51.100.2:5060": self.second.port,
        }  # fmt: skip
        text = text.replace("t_set_fr(300, 300)", "t_set_fr(5000, 5000)")  # the machine may be busy
        for place, port in places.items():
            assert text.count(place) == 1
            text = text.replace(place, f"{HERE}:{port}")
        (folder / "kamailio.cfg").write_text(text)
        for carrier in (self.first, self.second):
            carrier.start()
        self.log = folder / "kamailio.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [needs_kamailio(), "-f", str(folder / "kamailio.cfg"), "-DD", "-E", "-n", "1", "-m", "32", "-M", "8",
                 "-Y", str(folder), "-P", str(folder / "kamailio.pid")],
                stdout=out, stderr=out, cwd=folder,
            )  # fmt: skip

    def is_up(self) -> bool:
        """Whether it answers an OPTIONS, by 405 here."""
        assert self.process.poll() is None, self.log.read_text()
        return [seen(data).status for data in says(invite().replace(b"INVITE", b"OPTIONS"), self.port)] == [405]

    def call(self, calling: str, call_id: str) -> Seen:
        """Place a call; return its final answer."""
        via = f"SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK-{call_id}"
        data = invite(from_=f"<sip:{calling}@caller.example>;tag=1", call_id=call_id, via=via)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.bind((HERE, 0))
            caller.settimeout(60)
            caller.sendto(data, (HERE, self.port))
            while (answer := seen(caller.recv(65_535))).status == 100:
                pass
            to = f"To: {answer.one('To')}".encode()
            ack = re.sub(rb"To: [^\r]*", to, data.replace(b"INVITE", b"ACK"))
            caller.sendto(ack, (HERE, self.port))
        return answer

    def routed(self) -> list[int]:
        """Calls that each carrier got."""
        names = ({re.findall("(?i)Call-ID: (.*)\r", text)[0] for text in one.got} for one in (self.first, self.second))
        return [len(one) for one in names]


@pytest.fixture
def case(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], valkey: ValkeyProcess, tmp_path: Path
) -> Iterator[Case]:
    needs_kamailio()
    fresh_topics(4)
    with running(kafka_bootstrap, valkey.url, tmp_path) as found:
        yield found


@contextmanager
def kamailio(bridge_port: int, folder: Path) -> Iterator[Kamailio]:
    """Kamailio that answers."""
    found = Kamailio(bridge_port, folder)
    try:
        wait_until(found.is_up, "Kamailio answers")
        yield found
    finally:
        found.process.terminate()
        found.process.wait()


@pytest.mark.parametrize(
    ("answer", "header", "status", "routed", "shown"),
    [
        ("404 Not Found", "X: y", 486, 1, []),
        ("503 Service Unavailable", "X: y", 486, 1, []),
        (
            "302 Moved Temporarily",
            f'P-Asserted-Identity: "Maybe" <sip:{LISTED}@a>',
            486,
            1,
            [f'"Maybe" <sip:{LISTED}@a>'],
        ),
        ("603 Network Blocked", "Reason: SIP;cause=603", 603, 0, []),
        ("403 Forbidden", "X: y", 403, 0, []),
    ],
)
def test_each_answer_is_acted_on_when_it_is_the_first_that_comes(
    answer: str, header: str, status: int, routed: int, shown: list[str], tmp_path: Path
) -> None:
    """A bridge that is quick sends no 100 before it; this one is played."""
    bridge = Carrier(answer, header)
    bridge.start()
    with kamailio(bridge.port, tmp_path) as proxy:
        found = proxy.call(LISTED, "played")
        assert [found.status, *proxy.routed(), len(bridge.got)] == [status, routed, routed, 1]
        assert [re.findall(r"P-Asserted-Identity: (.*)\r", text) for text in proxy.second.got[:1]] == [shown] * routed
        assert found.all("Reason") == ([header.partition(" ")[2]] if "Reason" in header else [])


@pytest.mark.kafka
def test_a_block_tries_no_carrier_a_pass_tries_the_second_and_a_label_is_shown(case: Case, tmp_path: Path) -> None:
    """The caller reads the Reason of the decision; of a pass it hears what the second carrier says, and not the 404."""
    with kamailio(case.bridge.port, tmp_path) as proxy:
        blocked = proxy.call(LISTED, "blocked")
        assert [blocked.status, *proxy.routed()] == [603, 0, 0]
        assert blocked.phrase == "Network Blocked"
        assert blocked.one("Reason").startswith(
            'SIP;cause=603;text="v=analytics1;url=https://redress.carrier.example/;id='
        )

        passed = proxy.call("+12025550101", "passed")
        assert [passed.status, *proxy.routed()] == [486, 1, 1]

        peers = case.bridge.log.parent / "peers.yaml"
        peers.write_text(peers.read_text().replace("trunk_group_id: tg-1", "trunk_group_id: tg-1, role: originating"))
        case.bridge.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "peers are read again" in case.bridge.log.read_text(), "the file is read")
        labelled = proxy.call(LISTED, "labelled")
        assert [labelled.status, *proxy.routed()] == [486, 2, 2]
        (shown,) = re.findall(r"P-Asserted-Identity: (.*)\r", proxy.second.got[-1])
        assert re.fullmatch(rf'"[^"]+" <sip:\{LISTED}@caller\.example>', shown)

        case.bridge.process.kill()
        case.bridge.process.wait()
        alone = proxy.call(LISTED, "alone")
        assert [alone.status, *proxy.routed()] == [486, 3, 3]
