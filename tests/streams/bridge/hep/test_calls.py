"""Calls from copies of their messages: each set-up once, each end once, as the caller saw it, in bounded memory."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from streams.bridge.events import EventInvalid
from streams.bridge.hep.calls import ANSWERED_MS, UNANSWERED_MS, CallsSeen
from streams.bridge.hep.packets import Packet
from streams.bridge.peers import Peers
from streams.bridge.sip.messages import Junk
from tests.streams.bridge.hep.hep_case import CALLEE, PEER, SWITCH, TIME_MS, bye, response
from tests.streams.bridge.sip.sip_case import invite, peer

OTHER_PEER = "192.0.2.99"
PEERS = Peers(
    [
        peer(name=name, addresses=[address], trunk_group_id=f"tg-{name}")
        for name, address in (("one", PEER), ("two", OTHER_PEER))
    ]
)


class Case:
    """Feeds copies, a second apart, and keeps what comes out."""

    def __init__(self, most: int = 1_000, *, gives_setups: bool = True) -> None:
        self.forgotten = 0
        self.calls = CallsSeen(PEERS.find, most, self._forget, gives_setups=gives_setups)
        self.now_ms = TIME_MS
        self.clock_ms = 0
        """By how much the clock of whoever saw the message is ahead."""
        self.events: list[dict[str, Any]] = []
        self.junk: list[str] = []

    def _forget(self) -> None:
        self.forgotten += 1

    def see(self, payload: bytes, source: str = PEER, target: str = SWITCH, after_ms: int = 1_000) -> None:
        try:
            packet = Packet(source, target, self.now_ms + self.clock_ms, b"", payload)
            self.events += self.calls.take(packet, self.now_ms)
        except Junk as junk:
            self.junk.append(junk.reason)
        self.now_ms += after_ms

    def back(self, payload: bytes) -> None:
        """From the switch to the peer."""
        self.see(payload, SWITCH, PEER)

    @property
    def ends(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == "call_end"]


@pytest.fixture
def case() -> Case:
    return Case()


def test_an_answered_call_is_a_set_up_and_an_end(case: Case) -> None:
    """0 s INVITE, 1 s 100, 2 s 180, 3 s 200, 4 s ACK, 5 s BYE of the callee, through the switch."""
    case.see(invite())
    case.back(response(100))
    case.back(response(180))
    case.back(response(200))
    case.see(invite().replace(b"INVITE", b"ACK"))
    case.back(bye())

    setup, end = case.events
    assert (setup["type"], setup["call_id"], setup["setup_time_ms"]) == ("call_setup", "call-1@192.0.2.10", TIME_MS)
    assert (setup["calling_number"], setup["called_number"]) == ("+12025550101", "+13125550142")
    assert (setup["trunk_group_id"], setup["switch_id"]) == ("tg-one", "one")
    assert end == {
        "type": "call_end", "call_id": "call-1@192.0.2.10", "setup_time_ms": TIME_MS, "end_time_ms": TIME_MS + 5_000,
        "calling_number": "+12025550101", "called_number": "+13125550142", "trunk_group_id": "tg-one",
        "switch_id": "one", "sip_status": 200, "answer_time_ms": TIME_MS + 3_000, "ring_time_ms": 1_000,
        "released_by": "called",
    }  # fmt: skip


def test_who_hangs_up_is_told_by_the_side_that_it_comes_from(case: Case) -> None:
    """From the peer: the caller."""
    case.see(invite())
    case.back(response(200))
    case.see(bye())

    assert [end["released_by"] for end in case.ends] == ["calling"]


@pytest.mark.parametrize(("status", "released_by"), [(486, None), (404, None), (603, None), (487, "calling")])
def test_a_call_that_fails_ends_with_what_its_caller_got(status: int, released_by: str | None, case: Case) -> None:
    """With the Reason that came along."""
    case.see(invite())
    case.back(response(status, "INVITE", "call-1@192.0.2.10", 'Reason: Q.850;cause=17;text="busy"'))

    (end,) = case.ends
    assert (end["sip_status"], end.get("released_by"), "answer_time_ms" in end) == (status, released_by, False)
    assert end["reason"] == 'Q.850;cause=17;text="busy"'


def test_copies_of_several_points_are_one_call(case: Case) -> None:
    """Each message is seen three times; the second leg is of no peer, or of the peer that is called."""
    for _ in range(3):
        case.see(invite())
    case.see(invite(), SWITCH, CALLEE)
    case.see(invite(call_id="leg-2@switch"), SWITCH, OTHER_PEER)
    case.see(response(486), CALLEE, SWITCH)
    case.see(response(200, call_id="leg-2@switch"), OTHER_PEER, SWITCH)
    for _ in range(3):
        case.back(response(404))

    assert [event["type"] for event in case.events] == ["call_setup", "call_end"]
    assert case.ends[0]["sip_status"] == 404
    assert set(case.junk) == {"repeated", "second_leg", "unknown_call"}


def test_a_challenge_ends_an_attempt_and_no_call(case: Case) -> None:
    """401, 407: the same call comes again with a password."""
    case.see(invite())
    case.back(response(407))
    case.see(invite(cseq="2 INVITE"))
    case.back(response(486))

    assert [event["type"] for event in case.events] == ["call_setup", "call_end"]


def test_a_call_that_was_answered_does_not_end_by_a_later_failure(case: Case) -> None:
    """A re-INVITE that is refused leaves the call as it was."""
    case.see(invite())
    case.back(response(200))
    case.back(response(488))
    case.see(bye())

    assert [end["sip_status"] for end in case.ends] == [200]


def test_without_set_ups_an_end_says_no_time_of_one() -> None:
    """Whoever asked about the call had a clock of its own; the contract matches by both numbers then."""
    case = Case(gives_setups=False)
    case.see(invite())
    case.back(response(486))

    (end,) = case.events
    assert end["type"] == "call_end"
    assert "setup_time_ms" not in end


def test_memory_is_bounded_and_whoever_was_silent_longest_goes_first() -> None:
    """Ten calls, room for three."""
    case = Case(most=3)
    for number in range(10):
        case.see(invite(call_id=f"{number}@a"))
    assert (len(case.calls), case.forgotten) == (3, 7)
    for number in range(10):
        case.back(response(486, call_id=f"{number}@a"))

    assert [end["call_id"] for end in case.ends] == ["7@a", "8@a", "9@a"]
    assert (len(case.calls), case.forgotten) == (0, 7)


def test_calls_that_have_ended_take_no_room_of_one_that_goes_on() -> None:
    """A long call among thousands of short ones; their ends are known for a while, as many as calls may be followed."""
    case = Case(most=3)
    case.see(invite(call_id="long@a"))
    case.back(response(200, call_id="long@a"))
    for number in range(20):
        case.see(invite(call_id=f"{number}@a"))
        case.back(response(486, call_id=f"{number}@a"))
        case.back(response(486, call_id=f"{number}@a"))
    case.back(bye(call_id="long@a"))

    assert (case.ends[-1]["call_id"], case.ends[-1]["sip_status"], len(case.ends)) == ("long@a", 200, 21)
    assert (case.junk, case.forgotten) == (["repeated"] * 20, 0)
    assert len(case.calls._ended_ms) <= 2 * 3


def test_a_lost_end_behind_a_call_that_goes_on_is_forgotten_in_its_time(case: Case) -> None:
    """Each kind of call waits in a row of its own."""
    case.see(invite(call_id="long@a"))
    case.back(response(200, call_id="long@a"))
    case.see(invite(call_id="lost@a"))
    case.now_ms += UNANSWERED_MS
    case.see(invite(call_id="last@a"))
    case.back(bye(call_id="long@a"))

    assert (len(case.calls), case.forgotten) == (1, 1)
    assert [end["call_id"] for end in case.ends] == ["long@a"]


@pytest.mark.parametrize(
    ("to", "begins"),
    [
        ('"x;tag=1" <sip:+13125550142@dip.example>', True),
        ("<sip:+13125550142@dip.example;tag=1>", True),
        ("<sip:+13125550142@dip.example> ; TAG = 1", False),
    ],
)
def test_only_a_tag_of_the_to_header_itself_makes_an_invite_one_within_a_call(
    to: str, case: Case, *, begins: bool
) -> None:
    """A caller writes the display name and the URI."""
    case.see(invite(to=to))

    assert (len(case.events), case.junk) == ((1, []) if begins else (0, ["other"]))


@pytest.mark.parametrize(("answered", "kept_ms"), [(False, UNANSWERED_MS), (True, ANSWERED_MS)])
def test_a_call_of_which_nothing_more_is_seen_is_forgotten(*, answered: bool, kept_ms: int, case: Case) -> None:
    """Its end was lost on the way: UDP."""
    case.see(invite())
    if answered:
        case.back(response(200))
    case.now_ms += kept_ms - 10_000
    case.see(invite(call_id="next@a"))
    assert len(case.calls) == 2

    case.now_ms += 20_000
    case.see(invite(call_id="last@a"))

    assert (len(case.calls), case.forgotten) == (2, 1)


@pytest.mark.parametrize("days", [-30, 30])
def test_one_clock_that_is_wrong_costs_no_other_call_its_end(days: int, case: Case) -> None:
    """Calls are forgotten by our own clock; its own calls end, too."""
    case.see(invite(call_id="right@a"))
    case.clock_ms = days * 86_400_000
    case.see(invite(call_id="wrong@a"))
    case.see(invite(call_id="wrong-2@a"))
    case.back(response(486, call_id="wrong@a"))
    case.back(response(486, call_id="wrong@a"))
    case.clock_ms = 0
    case.see(invite(call_id="next@a"))
    case.back(response(486, call_id="right@a"))
    case.back(response(486, call_id="wrong-2@a"))

    assert [end["call_id"] for end in case.ends] == ["wrong@a", "right@a", "wrong-2@a"]
    assert (case.junk, case.forgotten) == (["repeated"], 0)


def test_a_call_id_without_end_costs_no_memory(case: Case) -> None:
    """It is known by a digest."""
    case.see(invite(call_id="x" * 5_000))

    assert all(len(key) < 200 for key in case.calls._unanswered)
    assert case.events[0]["call_id"].startswith("sha256:")


@given(st.lists(st.tuples(
    st.sampled_from([invite(), bye(), *map(response, (180, 200, 486)), b"SIP/2.0 600", b"x", invite(to=None)])
    | st.binary(max_size=60),
    st.sampled_from([PEER, SWITCH, CALLEE, OTHER_PEER, "2001:db8::1"]), st.sampled_from([PEER, SWITCH, CALLEE]),
), max_size=30))  # fmt: skip
def test_whatever_is_seen_no_call_ends_twice(seen: list[tuple[bytes, str, str]]) -> None:
    """And nothing but junk is raised."""
    case = Case()
    for payload, source, target in seen:
        try:
            case.see(payload, source, target)
        except EventInvalid as invalid:
            assert str(invalid)  # noqa: PT017 - any may be no event

    ids = [(event["type"], event["call_id"]) for event in case.events]
    assert len(ids) == len(set(ids))
