"""A stream is cut into the messages that were sent, however the network cut it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.bridge.sip.framing import Framer
from streams.bridge.sip.messages import MOST_BYTES, Junk
from tests.streams.bridge.sip.sip_case import invite

WITH_BODY = invite().replace(b"Content-Length: 0", b"l : 4") + b"\r\n\r\n"
MESSAGES = [invite(), WITH_BODY, invite(call_id="2"), b"OPTIONS sip:a SIP/2.0\r\n\r\n"]


@given(st.lists(st.sampled_from(MESSAGES), max_size=5), st.lists(st.integers(1, 400), max_size=40), st.booleans())
def test_messages_come_out_as_they_went_in(sent: list[bytes], cuts: list[int], pings: bool) -> None:
    stream = (b"\r\n\r\n" if pings else b"").join([b"", *sent])
    framer, found, at = Framer(), [], 0
    for cut in [*cuts, len(stream)]:
        messages, _ = framer.feed(stream[at : at + cut])
        found += messages
        at += cut

    assert found == sent


@pytest.mark.parametrize("body", [b"v=0 of a body", b"\r\n\r\n"])
def test_a_message_whose_body_comes_byte_by_byte_is_one_message(body: bytes) -> None:
    """An INVITE with SDP is longer than a segment of TCP."""
    message = invite().replace(b"Content-Length: 0", b"Content-Length: %d" % len(body)) + body
    framer = Framer()
    found = [one for at in range(len(message)) for one in framer.feed(message[at : at + 1])[0]]

    assert found == [message]
    assert framer.feed(invite()) == ([invite()], False)


def test_a_ping_wants_a_pong_and_a_pong_wants_nothing() -> None:
    framer = Framer()
    assert framer.feed(b"\r\n\r\n") == ([], True)
    assert framer.feed(b"\r\n") == ([], False)
    assert framer.feed(b"\r\n\r\n" + invite()) == ([invite()], True)


@pytest.mark.parametrize(
    "data", [b"x" * (MOST_BYTES + 1), b"INVITE sip:a SIP/2.0\r\nContent-Length: 9999999999\r\n\r\n"]
)
def test_what_is_too_large_ends_the_connection(data: bytes) -> None:
    with pytest.raises(Junk):
        Framer().feed(data)


def test_a_length_that_is_none_is_no_body() -> None:
    data = invite().replace(b"Content-Length: 0", b"Content-Length: -4")
    assert Framer().feed(data) == ([data], False)
