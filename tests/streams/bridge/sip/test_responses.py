"""What a response repeats, what it adds, and where it goes."""

import pytest

from streams.bridge.sip.responses import OK, TRYING, Answer, Source, respond
from tests.streams.bridge.sip.sip_case import SWITCH, request, seen

STREAM = Source("192.0.2.10", 40_000, connection="c")


def test_a_response_repeats_what_it_has_to_and_adds_ours() -> None:
    """RFC 3261, 8.2.6.2."""
    send = respond(request(), SWITCH, Answer(404, "Not Found", (("Reason", "SIP;cause=404"),)), "ours")

    assert seen(send.data) == (
        404,
        "Not Found",
        [
            ("Via", "SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bK-1;received=192.0.2.10;rport=5070"),
            ("From", '"Acme Dental" <sip:+12025550101@192.0.2.10>;tag=from-1'),
            ("To", "<sip:+13125550142@dip.example>;tag=ours"),
            ("Call-ID", "call-1@192.0.2.10"),
            ("CSeq", "1 INVITE"),
            ("Reason", "SIP;cause=404"),
            ("Content-Length", "0"),
        ],
    )


def test_a_tag_that_is_there_stays_and_trying_has_none() -> None:
    assert (
        seen(respond(request(to="<sip:a@b>;tag=theirs"), SWITCH, OK, "ours").data).one("To") == "<sip:a@b>;tag=theirs"
    )
    assert seen(respond(request(), SWITCH, TRYING, "ours").data).one("To") == "<sip:+13125550142@dip.example>"


@pytest.mark.parametrize(
    ("via", "source", "answered", "to"),
    [
        # RFC 3581: back to where it came from
        ("h:5080;rport;branch=1", SWITCH, "h:5080;branch=1;received=192.0.2.10;rport=5070", SWITCH),
        ("h:5080;received=6.6.6.6;rport=1", SWITCH, "h:5080;received=192.0.2.10;rport=5070", SWITCH),
        # RFC 3261, 18.2.2: to the port that the Via names, at the address that it came from
        ("h:5080;branch=1", SWITCH, "h:5080;branch=1;received=192.0.2.10", Source("192.0.2.10", 5080)),
        ("192.0.2.10;branch=1", SWITCH, "192.0.2.10;branch=1", Source("192.0.2.10", 5060)),
        ("h;maddr=6.6.6.6", SWITCH, "h;maddr=6.6.6.6;received=192.0.2.10", Source("192.0.2.10", 5060)),
        # a stream: by the same connection
        ("192.0.2.10:5080;branch=1", STREAM, "192.0.2.10:5080;branch=1", STREAM),
    ],
)
def test_an_answer_goes_where_the_top_via_and_the_packet_say(
    via: str, source: Source, answered: str, to: Source
) -> None:
    below = "SIP/2.0/UDP below;branch=2, SIP/2.0/UDP last"
    send = respond(request(via=f"SIP/2.0/UDP {via}, {below}"), source, OK, "t")

    assert seen(send.data).all("Via") == [f"SIP/2.0/UDP {answered}, {below}"]
    assert send.to == to


def test_all_vias_come_back_in_order() -> None:
    found = respond(request("Via: SIP/2.0/TCP second", "v: SIP/2.0/UDP third"), SWITCH, OK, "t")
    assert [via.split()[1][:6] for via in seen(found.data).all("Via")] == ["192.0.", "second", "third"]


def test_bytes_that_are_no_text_come_back_as_they_came() -> None:
    odd = "call-\udcff\udcfe@\u00e9"
    found = respond(request(), SWITCH, OK, "t")._replace(to=SWITCH)
    with_odd = request()
    with_odd.headers["call-id"] = [odd]

    assert b"call-\xff\xfe@\xc3\xa9" in respond(with_odd, SWITCH, OK, "t").data
    assert b"\xff" not in found.data


@pytest.mark.parametrize("text", ["a\r\nVia: b", "a\x00", "a\x7f", "\n"])
def test_an_answer_cannot_end_a_line(text: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        respond(request(), SWITCH, Answer(603, "Decline", (("Reason", text),)), "t")
    with pytest.raises(ValueError, match="control character"):
        respond(request(), SWITCH, Answer(603, text), "t")
