"""Copies from a real Kamailio: a call that sipp places through it is one set-up and one end, whatever is copied."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from streams.bridge.hep.server import HepServer
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.peers import Peers
from streams.bridge.settings import BridgeSettings
from streams.local.services import free_ports
from tests.integration.bridge.sipp import needs_kamailio, needs_sipp
from tests.streams.bridge.http.conftest import ToldAsker
from tests.streams.bridge.sip.sip_case import peer
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.slow
CALLER, SWITCH, CALLEE = "127.0.0.2", "127.0.0.1", "127.0.0.3"
PAGE = Path(__file__).parents[3] / "docs" / "bridge-hep.md"
ROUTING = """
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
request_route {{
    if (has_totag()) {{ loose_route(); t_relay(); exit; }}
    if (is_method("INVITE")) record_route();
    if ($rU == "busy") {{ sl_send_reply("486", "Busy Here"); exit; }}
    $du = "sip:{callee}";
    t_relay();
}}
"""


@contextmanager
def running(program: list[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is stopped at the end."""
    with (folder / f"{Path(program[0]).name}.log").open("ab") as out:
        process = subprocess.Popen(program, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(HANG_S)


@contextmanager
def kamailio(hep_port: int, callee_port: int, folder: Path) -> Iterator[int]:
    """Kamailio with the lines of the page; its port."""
    (port,) = free_ports(1)
    lines = PAGE.read_text(encoding="utf-8").partition("```cfg\n")[2].partition("```")[0]
    assert "192.0.2.80:9060" in lines
    lines = lines.replace("192.0.2.80:9060", f"127.0.0.1:{hep_port}")
    text = f"#!KAMAILIO\nlisten=udp:{SWITCH}:{port}\nlog_stderror=yes\nchildren=1\n"
    routing = ROUTING.format(callee=f"{CALLEE}:{callee_port}")
    modules, _, route = routing.partition("request_route")
    (folder / "kamailio.cfg").write_text(f"{text}{modules}{lines}request_route{route}")
    program = [needs_kamailio(), "-f", str(folder / "kamailio.cfg"), "-DD", "-E", "-n", "1", "-m", "32", "-M", "8"]
    with running([*program, "-Y", str(folder), "-P", str(folder / "kamailio.pid")], folder):
        yield port


async def placed(called: str, port: int, calls: int, folder: Path) -> None:
    """Place calls with sipp, whatever becomes of them."""
    program = [needs_sipp(), "-sn", "uac", f"{SWITCH}:{port}", "-i", CALLER, "-s", called, "-m", str(calls)]
    process = await asyncio.create_subprocess_exec(
        *program, "-d", "200", "-nostdin", cwd=folder, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await process.wait()


def test_a_call_through_kamailio_is_one_set_up_and_one_end(tmp_path: Path) -> None:
    """Answered calls with a BYE, and busy ones; both legs and every response are copied."""
    needs_kamailio()
    callee = free_ports(1)[0]

    async def run() -> list[dict[str, Any]]:
        asker, peers = ToldAsker(), Peers([peer(addresses=[CALLER])])
        server = HepServer(BridgeSettings.load(), lambda: peers, cast("Any", asker), BridgeMetrics())
        await server.start()
        answers = [needs_sipp(), "-sn", "uas", "-i", CALLEE, "-p", str(callee), "-nostdin"]
        try:
            with kamailio(server.port, callee, tmp_path) as port, running(answers, tmp_path):
                async with asyncio.timeout(HANG_S):
                    while not asker.published:
                        await placed("busy", port, 1, tmp_path)
                await placed("+13125550142", port, 3, tmp_path)
                await until(lambda: sum(event["sip_status"] == 200 for event in ends(asker)) == 3)
        finally:
            await server.stop()
        assert asker.broken == []
        return cast("list[dict[str, Any]]", asker.published)

    events = asyncio.run(run())

    setups = [event for event in events if event["type"] == "call_setup"]
    finished = [event for event in events if event["type"] == "call_end"]
    assert len({event["call_id"] for event in setups}) == len(setups)
    assert sorted(event["call_id"] for event in finished) == sorted(event["call_id"] for event in setups)
    assert {event["sip_status"] for event in finished} == {200, 486}
    for end in finished:
        if end["sip_status"] == 200:
            assert (end["called_number"], end["released_by"]) == ("+13125550142", "calling")
            assert 0 <= end["end_time_ms"] - end["answer_time_ms"] < HANG_S * 1_000


def ends(asker: ToldAsker) -> list[Any]:
    return [event for event in asker.published if event["type"] == "call_end"]
