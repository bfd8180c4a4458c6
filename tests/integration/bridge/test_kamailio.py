"""Kamailio with the configuration of its page, between a caller, the bridge and two carriers; a real worker decides."""

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.bridge.kamailio_case import Carrier, Kamailio, kamailio
from tests.integration.bridge.sip_dip_case import LISTED, Case, running
from tests.integration.bridge.sipp import needs_kamailio
from tests.valkey_process import ValkeyProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def case(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], valkey: ValkeyProcess, tmp_path: Path
) -> Iterator[Case]:
    needs_kamailio()
    fresh_topics(4)
    with running(kafka_bootstrap, valkey.url, tmp_path) as found:
        yield found


@contextmanager
def asking(bridge_port: int, folder: Path) -> Iterator[Kamailio]:
    """Kamailio that asks by SIP."""
    patient = {"t_set_fr(300, 300)": "t_set_fr(5000, 5000)"}
    with kamailio("kamailio.md", ("192.0.2.80:5060", bridge_port), patient, folder) as found:
        yield found


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
    with asking(bridge.port, tmp_path) as proxy:
        found = proxy.call(LISTED, "played")
        assert [found.status, *proxy.routed(), len(bridge.got)] == [status, routed, routed, 1]
        assert [re.findall(r"P-Asserted-Identity: (.*)\r", text) for text in proxy.second.got[:1]] == [shown] * routed
        assert found.all("Reason") == ([header.partition(" ")[2]] if "Reason" in header else [])


@pytest.mark.kafka
def test_a_block_tries_no_carrier_a_pass_tries_the_second_and_a_label_is_shown(case: Case, tmp_path: Path) -> None:
    """The caller reads the Reason of the decision; of a pass it hears what the second carrier says, and not the 404."""
    with asking(case.bridge.port, tmp_path) as proxy:
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
