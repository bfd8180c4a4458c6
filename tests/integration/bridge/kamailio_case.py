"""A real Kamailio between a caller and two carriers, with the configuration of a page in `docs/switches/`."""

import re
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streams.local.services import free_ports
from tests.integration.bridge.sip_dip_case import says
from tests.integration.bridge.sipp import needs_kamailio
from tests.streams.bridge.sip.sip_case import Seen, invite, seen
from tests.waiting import wait_until

PAGES = Path(__file__).parents[3] / "docs" / "switches"
HERE = "127.0.0.1"


class Carrier(threading.Thread):
    """Answers each INVITE by one status, at once, and keeps it; with 200 it is the callee, and takes a BYE."""

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
            text = data.decode()
            if text.startswith("INVITE"):
                self.got.append(text)
                self._say(self._answer, text, sender)
            elif text.startswith("BYE"):
                self._say("200 OK", text, sender)

    def _say(self, answer: str, request: str, sender: Any) -> None:
        kept = re.findall(r"(?im)^((?:Via|From|Call-ID|CSeq|Record-Route):.*)\r$", request)
        (to,) = re.findall(r"(?im)^(To:.*)\r$", request)
        lines = [f"SIP/2.0 {answer}", *kept, to if "tag=" in to else f"{to};tag=carrier"]
        lines += [f"Contact: <sip:carrier@{HERE}:{self.port}>", *self._headers, "Content-Length: 0", "", ""]
        self._socket.sendto("\r\n".join(lines).encode(), sender)


class Kamailio:
    """Kamailio on loopback, with two carriers behind it: the first is out of order.

    Args:
        page: its configuration is the one block of it that is marked `cfg`.
        bridge: the bridge as the page writes it, and its port.
        patient: what the page writes for a timer, and what a busy machine needs.
        folder: for its files.
        carrier: what the second carrier answers.
    """

    def __init__(
        self, page: str, bridge: tuple[str, int], patient: Mapping[str, str], folder: Path, carrier: str
    ) -> None:
        self.first, self.second = Carrier("503 Service Unavailable"), Carrier(carrier)
        (self.port,) = free_ports(1)
        (text,) = re.findall(r"```cfg\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL)
        places = {
            "192.0.2.10:5060": self.port, bridge[0]: bridge[1],
            "198.51.100.1:5060": self.first.port, "198.51.100.2:5060": self.second.port,
        }  # fmt: skip
        for written, meant in patient.items():
            assert text.count(written) == 1
            text = text.replace(written, meant)
        for place, port in places.items():
            assert place in text
            text = text.replace(place, f"{HERE}:{port}")
        (folder / "kamailio.cfg").write_text(text)
        self.first.start()
        self.second.start()
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


@contextmanager
def kamailio(
    page: str, bridge: tuple[str, int], patient: Mapping[str, str], folder: Path, carrier: str = "486 Busy Here"
) -> Iterator[Kamailio]:
    """Kamailio that answers."""
    found = Kamailio(page, bridge, patient, folder, carrier)
    try:
        wait_until(found.is_up, "Kamailio answers")
        yield found
    finally:
        found.process.terminate()
        found.process.wait()
