"""HEP3 packets: what is in them, over datagrams and streams, and that no bytes do harm."""

import struct
import zlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from streams.bridge.hep.packets import Cutter, Packet, read_packet
from streams.bridge.sip.messages import MOST_BYTES, Junk
from tests.streams.bridge.hep.hep_case import PEER, SWITCH, TIME_MS, chunk, packet

MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (packet(MESSAGE), Packet(PEER, SWITCH, TIME_MS, b"", MESSAGE)),
        (packet(MESSAGE, time_ms=TIME_MS + 7), Packet(PEER, SWITCH, TIME_MS + 7, b"", MESSAGE)),
        (packet(MESSAGE, key=b"myhep"), Packet(PEER, SWITCH, TIME_MS, b"myhep", MESSAGE)),
        (packet(MESSAGE, compressed=True), Packet(PEER, SWITCH, TIME_MS, b"", MESSAGE)),
        (packet(MESSAGE, "2001:db8::1", "2001:db8::2"), Packet("2001:db8::1", "2001:db8::2", TIME_MS, b"", MESSAGE)),
        (packet(MESSAGE, more=chunk(15, b"of a vendor", vendor=7)), Packet(PEER, SWITCH, TIME_MS, b"", MESSAGE)),
        (packet(MESSAGE, more=chunk(19, b"node") + chunk(999, b"x")), Packet(PEER, SWITCH, TIME_MS, b"", MESSAGE)),
    ],
)
def test_a_packet_is_read(data: bytes, expected: Packet) -> None:
    """IPv4, IPv6, key, compression; chunks that nobody knows are stepped over."""
    assert read_packet(data) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no_hep"),
        (b"HEP2\x00\x06", "no_hep"),
        (packet(MESSAGE)[:-1], "no_hep"),
        (packet(MESSAGE) + b"x", "no_hep"),
        (b"HEP3" + struct.pack(">H", 9) + b"\0\0\0", "chunk_cut"),
        (b"HEP3" + struct.pack(">H", 12) + struct.pack(">HHH", 0, 15, 5), "chunk_cut"),
        (b"HEP3" + struct.pack(">H", 12) + struct.pack(">HHH", 0, 15, 7), "chunk_cut"),
        (b"HEP3" + struct.pack(">H", 6), "chunk_missing"),
        (packet(MESSAGE).replace(chunk(11, b"\x01"), chunk(11, b"\x05")), "no_sip"),
        (packet(MESSAGE).replace(chunk(3, bytes([192, 0, 2, 10])), chunk(3, bytes(3)) + b""), "no_hep"),
        (packet(MESSAGE, compressed=True).replace(b"\x78\x9c", b"\x79\x9c"), "damaged"),
        (packet(bytes(MOST_BYTES + 1), compressed=True), "too_large"),
    ],
)
def test_junk_is_junk(data: bytes, reason: str) -> None:
    """A message unpacks to no more than one may have, however small it was packed."""
    with pytest.raises(Junk) as junk:
        read_packet(data)

    assert junk.value.reason == reason


def test_a_chunk_of_another_length_is_junk() -> None:
    """An address of three bytes."""
    body = chunk(3, bytes(3))
    with pytest.raises(Junk, match="chunk_length"):
        read_packet(b"HEP3" + struct.pack(">H", 6 + len(body)) + body)


@given(st.binary(max_size=300) | st.lists(st.tuples(st.integers(0, 20), st.binary(max_size=20)), max_size=12).map(
    lambda chunks: b"".join(chunk(number, value) for number, value in chunks),
).map(lambda body: b"HEP3" + struct.pack(">H", 6 + len(body)) + body))  # fmt: skip
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    """Datagrams come from anybody."""
    try:
        read_packet(data)
    except Junk as junk:
        assert junk.reason  # noqa: PT017 - any may be junk


@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=8), st.data())
def test_a_stream_is_cut_as_it_was_joined(payloads: list[bytes], data: st.DataObject) -> None:
    """However TCP has torn it."""
    packets = [packet(payload) for payload in payloads]
    stream = b"".join(packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    cutter, found = Cutter(), []

    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += cutter.feed(stream[start:stop])

    assert found == packets


def test_a_stream_that_is_no_hep_ends() -> None:
    """Nothing can be found in it again."""
    for data in (b"GET / HTTP/1.1\r\n", b"HEP3\x00\x05"):
        with pytest.raises(Junk):
            Cutter().feed(data)


def test_a_bomb_costs_no_more_than_a_message() -> None:
    """60 KB that would unpack to 60 MB."""
    bomb = zlib.compress(bytes(30_000_000), 9)
    assert len(bomb) < 40_000
    body = chunk(3, bytes(4)) + chunk(4, bytes(4)) + chunk(9, bytes(4)) + chunk(16, bomb)

    with pytest.raises(Junk, match="too_large"):
        read_packet(b"HEP3" + struct.pack(">H", 6 + len(body)) + body)
