"""Live calls by SIP: who publishes which end, and what the ends say."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from detector.testing import call_end, call_setup
from models.traffic.first.slices import event_json
from streams.bridge.sip.messages import Request
from streams.bridge.sip.profiles import FAIL_OPEN
from streams.bridge.sip.responses import Answer
from streams.commands.demo.dips import DippedCalls
from streams.commands.demo.view import Dips, Routing
from tests.streams.commands.demo.udp_bridge import asked

SETUP = call_setup("c1")
END = call_end(SETUP, after_ms=1)


def played(*answers: Answer, lines: Sequence[tuple[bytes, bool]], timer_s: float = 30.0) -> tuple[list[Any], Dips]:
    """What is published where each INVITE is answered so, and the figures."""
    published: list[Any] = []
    dips = Dips()

    def say(request: Request) -> Sequence[Answer]:
        return answers if request.method == "INVITE" else []

    async def publish(line: bytes) -> None:
        published.append(json.loads(line))

    async def run() -> None:
        async with asked(say, timer_s) as (switch, _):
            calls = DippedCalls(switch, publish, dips)
            for line, is_setup in lines:
                calls.take(line, is_setup=is_setup)
            await calls.settle()

    asyncio.run(run())
    return published, dips


CALL = [(event_json(SETUP), True), (event_json(END), False)]


@pytest.mark.parametrize(
    ("answer", "routing", "treatment"),
    [
        (Answer(404, "Not Found"), Routing.PASSED, "allow"),
        (Answer(302, "Moved Temporarily"), Routing.LABELLED, "label"),
        (Answer(404, "Not Found", (FAIL_OPEN,)), Routing.UNDECIDED, "timeout"),
    ],
)
def test_the_end_of_a_call_that_was_routed_is_published(answer: Answer, routing: Routing, treatment: str) -> None:
    """Though it is due before the answer comes. It has no set-up time: the bridge's is another."""
    published, dips = played(answer, lines=CALL)

    wanted = {name: value for name, value in json.loads(event_json(END)).items() if name != "setup_time_ms"}
    assert published == [wanted | {"treatment": treatment}]
    assert (dict(dips.routed), dips.ends) == ({routing: 1}, 1)
    assert len(dips.latencies_ms) == 1


def test_the_end_of_a_call_that_was_blocked_is_the_bridges() -> None:
    published, dips = played(Answer(603, "Decline"), lines=CALL)

    assert published == []
    assert (dict(dips.routed), dips.ends) == ({Routing.BLOCKED: 1}, 0)


def test_a_call_without_an_answer_is_routed_by_the_timer() -> None:
    """It has no latency."""
    published, dips = played(lines=CALL, timer_s=0.05)

    assert [end["treatment"] for end in published] == ["timeout"]
    assert (dict(dips.routed), dips.latencies_ms) == ({Routing.UNANSWERED: 1}, [])


def test_the_end_of_a_call_that_began_before_is_published_as_it_is() -> None:
    published, dips = played(lines=CALL[1:])

    assert published == [json.loads(event_json(END))]
    assert dips.ends == 0
