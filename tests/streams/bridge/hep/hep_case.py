"""HEP3 packets for tests, written beside the code under test from the document of the format."""

import ipaddress
import struct
import zlib

PEER, SWITCH, CALLEE = "192.0.2.10", "198.51.100.1", "203.0.113.9"
TIME_MS = 1_760_000_000_000


def chunk(number: int, value: bytes, vendor: int = 0) -> bytes:
    """One chunk."""
    return struct.pack(">HHH", vendor, number, 6 + len(value)) + value


def packet(
    payload: bytes,
    source: str = PEER,
    target: str = SWITCH,
    time_ms: int = TIME_MS,
    *,
    key: bytes = b"",
    compressed: bool = False,
    more: bytes = b"",
) -> bytes:
    """A packet as a capture agent sends it."""
    from_, to = ipaddress.ip_address(source), ipaddress.ip_address(target)
    numbers = (3, 4) if from_.version == 4 else (5, 6)
    chunks = [
        chunk(1, b"\x02" if from_.version == 4 else b"\x0a"),
        chunk(2, b"\x11"),
        chunk(numbers[0], from_.packed),
        chunk(numbers[1], to.packed),
        chunk(7, struct.pack(">H", 5060)),
        chunk(8, struct.pack(">H", 5060)),
        chunk(9, struct.pack(">I", time_ms // 1_000)),
        chunk(10, struct.pack(">I", time_ms % 1_000 * 1_000)),
        chunk(11, b"\x01"),
        chunk(12, struct.pack(">I", 2_001)),
        chunk(14, key) if key else b"",
        more,
        chunk(16, zlib.compress(payload)) if compressed else chunk(15, payload),
    ]
    body = b"".join(chunks)
    return b"HEP3" + struct.pack(">H", 6 + len(body)) + body


def response(status: int, method: str = "INVITE", call_id: str = "call-1@192.0.2.10", *more: str) -> bytes:
    """A response as it comes back."""
    lines = [
        f"SIP/2.0 {status} Whatever",
        "Via: SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bK-1",
        "From: <sip:+12025550101@192.0.2.10>;tag=from-1",
        "To: <sip:+13125550142@dip.example>;tag=to-1",
        f"Call-ID: {call_id}",
        f"CSeq: 1 {method}",
        *more,
    ]
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()


def bye(call_id: str = "call-1@192.0.2.10") -> bytes:
    """Of either side."""
    return response(200, "BYE", call_id).replace(b"SIP/2.0 200 Whatever", b"BYE sip:+13125550142@dip.example SIP/2.0")
