"""HEP3 packets (HEP/EEP revision 37): chunks by number, in datagrams or a stream. Pure, bounded; junk is one signal."""

import ipaddress
import struct
import zlib
from typing import NamedTuple

from streams.bridge.sip.messages import MOST_BYTES, Junk

MAGIC = b"HEP3"
SIP = 1
_HEAD = struct.Struct(">4sH")
_CHUNK = struct.Struct(">HHH")
_GENERIC = 0
"""Vendor of the chunks that are read; those of others are stepped over."""
(
    _SOURCE_4, _TARGET_4, _SOURCE_6, _TARGET_6, _SOURCE_PORT, _TARGET_PORT, _SECONDS, _MICROSECONDS, _PROTOCOL, _KEY,
    _PAYLOAD, _COMPRESSED,
) = (3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 16)  # fmt: skip
_LENGTHS = {
    **dict.fromkeys((_SOURCE_4, _TARGET_4, _SECONDS, _MICROSECONDS), 4),
    **dict.fromkeys((_SOURCE_6, _TARGET_6), 16),
    **dict.fromkeys((_SOURCE_PORT, _TARGET_PORT), 2),
    _PROTOCOL: 1,
}
"""Of chunks that have one length."""


class Packet(NamedTuple):
    """A message that somebody saw on its way.

    Attributes:
        source: address that it came from.
        target: address that it went to.
        time_ms: when, by the clock of whoever saw it, epoch milliseconds.
        key: that the packet was sent with.
        payload: the message.
    """

    source: str
    target: str
    time_ms: int
    key: bytes
    payload: bytes


def read_packet(data: bytes) -> Packet:
    """Read one packet; linear, and a compressed message unpacks to as much as a message may have.

    Args:
        data: of a datagram, or what a stream was cut into.

    Raises:
        Junk: it is no HEP3 packet, is damaged, or holds no SIP.
    """
    chunks = _chunks(data)
    if int.from_bytes(chunks.get(_PROTOCOL, b"\x01")) != SIP:
        raise Junk("no_sip")
    source, target = (chunks.get(_SOURCE_4) or chunks.get(_SOURCE_6), chunks.get(_TARGET_4) or chunks.get(_TARGET_6))
    if source is None or target is None or _SECONDS not in chunks:
        raise Junk("chunk_missing")
    time_ms = int.from_bytes(chunks[_SECONDS]) * 1_000 + int.from_bytes(chunks.get(_MICROSECONDS, b"")) // 1_000
    addresses = (str(ipaddress.ip_address(source)), str(ipaddress.ip_address(target)))
    return Packet(*addresses, time_ms, chunks.get(_KEY, b""), _payload(chunks))


def _chunks(data: bytes) -> dict[int, bytes]:
    """Chunks by number; of two with one number the first."""
    if len(data) < _HEAD.size:
        raise Junk("no_hep")
    magic, length = _HEAD.unpack_from(data)
    if magic != MAGIC or length != len(data):
        raise Junk("no_hep")
    found: dict[int, bytes] = {}
    at = _HEAD.size
    while at < length:
        if at + _CHUNK.size > length:
            raise Junk("chunk_cut")
        vendor, number, size = _CHUNK.unpack_from(data, at)
        if size < _CHUNK.size or at + size > length:
            raise Junk("chunk_cut")
        if vendor == _GENERIC:
            value = data[at + _CHUNK.size : at + size]
            if _LENGTHS.get(number, len(value)) != len(value):
                raise Junk("chunk_length")
            found.setdefault(number, value)
        at += size
    return found


def _payload(chunks: dict[int, bytes]) -> bytes:
    if _PAYLOAD in chunks:
        return chunks[_PAYLOAD]
    if _COMPRESSED not in chunks:
        raise Junk("chunk_missing")
    try:
        unpacked = zlib.decompressobj().decompress(chunks[_COMPRESSED], MOST_BYTES + 1)
    except zlib.error as error:
        raise Junk("damaged") from error
    if len(unpacked) > MOST_BYTES:
        raise Junk("too_large")
    return unpacked


class Cutter:
    """Cuts a stream into packets, which say their length. Holds one packet at most, and a length has 16 bits."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the packets that are whole now.

        Raises:
            Junk: what comes is no HEP3; the connection is of no use any more.
        """
        self._held += data
        packets, at = [], 0
        while len(self._held) - at >= _HEAD.size:
            magic, length = _HEAD.unpack_from(self._held, at)
            if magic != MAGIC or length < _HEAD.size:
                raise Junk("no_hep")
            if len(self._held) - at < length:
                break
            packets.append(bytes(self._held[at : at + length]))
            at += length
        del self._held[:at]
        return packets
