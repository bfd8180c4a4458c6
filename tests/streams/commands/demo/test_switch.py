"""A switch asks by SIP: once a call, again while nothing is heard, and no longer than its timer."""

import asyncio
from collections.abc import Sequence

import pytest

from detector.testing import call_setup
from streams.bridge.sip.messages import Request
from streams.bridge.sip.profiles import FAIL_OPEN
from streams.bridge.sip.requests import invite
from streams.bridge.sip.responses import Answer
from streams.commands.demo import switch as switch_module
from streams.commands.demo.switch import HERE, Said, routing
from streams.commands.demo.view import Routing
from tests.streams.commands.demo.udp_bridge import UdpBridge, asked
from tests.waiting import until

INVITE = invite(call_setup("c1"), HERE)
TRYING, PASS, BLOCK = (
    Answer(100, "Trying"),
    Answer(404, "Not Found"),
    Answer(603, "Decline", (("Reason", "SIP;cause=603"),)),
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are repeated soon."""
    monkeypatch.setattr(switch_module, "T1_S", 0.01)


def test_an_answer_is_acknowledged_each_time_that_it_comes() -> None:
    """With the tag of the answer; 100 Trying is no answer."""

    def say(request: Request) -> Sequence[Answer]:
        return [TRYING, BLOCK, BLOCK] if request.method == "INVITE" else []

    async def run() -> tuple[Said | None, UdpBridge]:
        async with asked(say) as (switch, bridge):
            said = await switch.ask("c1", INVITE)
            await until(lambda: bridge.methods() == ["INVITE", "ACK", "ACK"])
            return said, bridge

    said, bridge = asyncio.run(run())
    assert said is not None
    assert (said.status, said.reason) == (603, "SIP;cause=603")
    assert bridge.heard[1].headers["to"] == [f"{bridge.heard[0].headers['to'][0]};tag=tag-1"]
    assert bridge.heard[1].headers["via"] == bridge.heard[0].headers["via"]


@pytest.mark.usefixtures("impatient")
def test_an_invite_is_repeated_while_nothing_is_heard() -> None:
    """The third one is answered."""
    heard: list[str] = []

    def say(request: Request) -> Sequence[Answer]:
        heard.append(request.method)
        return [PASS] if heard.count("INVITE") == 3 and request.method == "INVITE" else []

    async def run() -> Said | None:
        async with asked(say) as (switch, _):
            return await switch.ask("c1", INVITE)

    said = asyncio.run(run())
    assert said is not None
    assert said.status == 404
    assert heard.count("INVITE") == 3


@pytest.mark.usefixtures("impatient")
def test_an_invite_is_not_repeated_once_the_bridge_tries() -> None:
    """And a call that has no answer in time is routed: None says so."""

    async def run() -> tuple[Said | None, UdpBridge]:
        async with asked(lambda _: [TRYING], timer_s=0.3) as (switch, bridge):
            return await switch.ask("c1", INVITE), bridge

    said, bridge = asyncio.run(run())
    assert said is None
    assert bridge.methods() == ["INVITE"]


def test_nobody_at_the_port_is_no_answer() -> None:
    """What the kernel reports of it ends nothing."""

    async def run() -> list[Said | None]:
        async with asked(lambda _: [], timer_s=0.05) as (switch, bridge):
            bridge._transport.abort()
            return [await switch.ask(f"c{number}", INVITE) for number in range(3)]

    assert asyncio.run(run()) == [None, None, None]


def test_a_cancelled_call_gets_its_final_answer() -> None:
    def say(request: Request) -> Sequence[Answer]:
        return {"INVITE": [TRYING], "CANCEL": [Answer(200, "OK")]}.get(request.method, [])

    async def run() -> tuple[Said | None, list[str]]:
        async with asked(say, timer_s=0.3) as (switch, bridge):
            asking = asyncio.create_task(switch.ask("c1", INVITE))
            await until(lambda: bridge.heard)
            switch.cancel("c1")
            return await asking, bridge.methods()

    said, methods = asyncio.run(run())
    assert methods == ["INVITE", "CANCEL"]
    assert said is None  # 200 to the CANCEL is no answer to the INVITE


@pytest.mark.parametrize(
    ("status", "reason", "wanted"),
    [
        (404, None, Routing.PASSED),
        (404, FAIL_OPEN[1], Routing.UNDECIDED),
        (302, None, Routing.LABELLED),
        (603, "SIP;cause=603", Routing.BLOCKED),
        (607, None, Routing.BLOCKED),
        (487, None, Routing.CANCELLED),
        (503, None, Routing.UNDECIDED),
    ],
)
def test_an_answer_says_what_is_done_with_the_call(status: int, reason: str | None, wanted: Routing) -> None:
    assert routing(Said(status, reason, "c1", 0.0)) is wanted


def test_no_answer_routes_the_call() -> None:
    assert routing(None) is Routing.UNANSWERED
