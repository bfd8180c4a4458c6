"""Requests as a switch writes them, read by the bridge's own reading and mapping."""

import json
from dataclasses import replace
from itertools import islice

import pytest

from detector.contract.events import Attestation, CallSetup
from detector.testing import call_setup as any_setup
from models.traffic.first.generate import live_events, live_spec
from models.traffic.first.slices import event_json
from streams.bridge.sip.mapping import call_setup
from streams.bridge.sip.messages import read_request
from streams.bridge.sip.requests import following, invite, options
from streams.bridge.sip.responses import Source
from streams.bridge.sip.transactions import Transactions
from tests.streams.bridge.sip.sip_case import peer

HERE = "127.0.0.1"
SWITCH = peer(addresses=[HERE], verifies=True, role="terminating", switch_id="sw-1")
NO_PLACE = frozenset({"switch_id", "upstream_ocn", "signer_spc"})
"""What no INVITE says; the first is in the peers file."""
ADDED = frozenset({"switch_id", "source_ip", "asserted_numbers", "identity"})
"""What the bridge finds besides."""


def mapped(setup: CallSetup) -> dict[str, object]:
    """What the bridge makes of the INVITE."""
    return call_setup(read_request(invite(setup, HERE)), SWITCH, HERE, setup.setup_time_ms)


def test_the_bridge_reads_generated_calls_as_they_were_generated() -> None:
    """Names, diversions, verification, junk in the place of numbers; thousands of calls."""
    events = (event for _, event, _ in live_events(live_spec(events_per_second=50, seed=7), first_ms=1_760_000_000_000))
    setups = [event for event in islice(events, 6_000) if isinstance(event, CallSetup)]

    for setup in setups:
        wanted = {name: value for name, value in json.loads(event_json(setup)).items() if name not in NO_PLACE}
        assert {name: value for name, value in mapped(setup).items() if name not in ADDED} == wanted

    assert {setup.attestation for setup in setups} >= {*Attestation, None}
    assert any(setup.diversion for setup in setups)
    assert any(not setup.calling_number.startswith("+") for setup in setups)


@pytest.mark.parametrize("number", ["", "asterisk", "+1", "a b@c;d=e", "#31#+12025550101", "Ünbekannt"])
def test_a_calling_number_may_be_anything(number: str) -> None:
    found = mapped(any_setup("c1", calling_number=number))

    assert found["calling_number"] == number
    assert "from_number" not in found


def test_a_name_may_have_quotation_marks() -> None:
    assert mapped(any_setup("c1", calling_name='"Bob" \\ Söhne'))["calling_name"] == '"Bob" \\ Söhne'


def test_a_text_that_would_end_its_line_is_not_written() -> None:
    with pytest.raises(ValueError, match="control character"):
        invite(replace(any_setup("c1"), call_id="c1\r\nContact: <sip:evil@x>"), HERE)


def test_an_ack_and_a_cancel_are_of_the_transaction_of_their_invite() -> None:
    """An INVITE that is acknowledged is forgotten soon; one that is cancelled gets 487, and its CANCEL 200."""
    data, source, open_ones = invite(any_setup("c1"), HERE), Source(HERE, 5_060), Transactions(10)

    def receive(message: bytes) -> list[object]:
        found = open_ones.receive(read_request(message), source, 0.0, is_peer=True, is_healthy=True, is_slow=False)
        return list(found)

    receive(data)
    said = receive(following(data, "CANCEL"))
    assert [one.data[8:11] for one in said if hasattr(one, "data")] == [b"200", b"487"]

    receive(following(data, "ACK", "<sip:x>;tag=t"))
    assert list(open_ones.due(6.0)) == []
    assert len(open_ones) == 0


def test_an_ack_repeats_to_as_the_answer_has_it() -> None:
    found = read_request(following(invite(any_setup("c1"), HERE), "ACK", "<sip:x>;tag=t"))

    assert found.method == "ACK"
    assert found.headers["to"] == ["<sip:x>;tag=t"]
    assert found.headers["cseq"] == ["1 ACK"]


def test_options_ask_for_nothing_but_health() -> None:
    found = read_request(options(HERE, "o1"))

    assert (found.method, found.headers["call-id"]) == ("OPTIONS", ["o1"])
