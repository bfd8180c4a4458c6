"""Reading requests: what a switch may send is read, and nothing that comes in raises anything but `Junk`."""

import time
from contextlib import suppress
from pathlib import Path

import pytest
import sipmessage
from hypothesis import example, given
from hypothesis import strategies as st

from streams.bridge.sip.messages import MOST_BYTES, MOST_LINES, Junk, Request, read_request
from tests.streams.bridge.sip.sip_case import invite


def refused(data: bytes) -> str:
    with pytest.raises(Junk) as junk:
        read_request(data)
    return junk.value.reason


def test_headers_are_folded_compact_and_written_as_it_pleases() -> None:
    """After the short tortuous INVITE of RFC 4475."""
    found = read_request(
        b"\r\n\r\nINVITE sip:+13125550142@example.com;unknownparam SIP/2.0\r\n"
        b"TO :\r\n sip:+13125550142@example.com ;   tag    = 1918181833n\r\n"
        b'from   : "J Rosenberg \\\\\\""       <sip:j@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
        b"MaX-fOrWaRdS: 0068\r\nno header at all\r\n goes on\r\ni: wsinv\r\n"
        b"Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\ns :\r\n"
        b"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n branch=z9\r\n\r\nbody: of no concern\r\n\r\n"
    )

    assert (found.method, found.uri) == ("INVITE", "sip:+13125550142@example.com;unknownparam")
    assert found.headers == {
        "to": ["sip:+13125550142@example.com ;   tag    = 1918181833n"],
        "from": ['"J Rosenberg \\\\\\""       <sip:j@example.com> ; tag = 98asjd8'],
        "max-forwards": ["0068"],
        "call-id": ["wsinv"],
        "via": [
            "SIP  /   2.0 /UDP 192.0.2.2;branch=390skdjuw",
            "SIP  / 2.0  / TCP     spindle.example.com   ; branch=z9",
        ],
        "s": [""],
    }


def test_a_folded_line_with_nothing_in_it_adds_nothing() -> None:
    """Else a Call-ID ended with a space, and the end of its call, which has none, was that of another one."""
    found = read_request(b"INVITE sip:a@b SIP/2.0\r\nCall-ID: c1\r\n \r\n\t\r\nCSeq: 1\r\n  INVITE\r\n\r\n")

    assert found.headers == {"call-id": ["c1"], "cseq": ["1 INVITE"]}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no_sip"),
        (b"\r\n\r\n", "no_sip"),
        (b"\x00\x01\x02" * 100, "no_sip"),
        (b"GET / HTTP/1.1\r\n\r\n", "no_sip"),
        (b"SIP/2.0 200 OK\r\n\r\n", "response"),
        (b"INVITE sip:a@b SIP/7.0\r\n\r\n", "version"),
        (b"INVITE SIP/2.0\r\n\r\n", "no_sip"),
        (b"INV(ITE sip:a@b SIP/2.0\r\n\r\n", "no_sip"),
        (b"INVITE sip:a@b SIP/2.0\r\n" + b"x" * MOST_BYTES, "too_large"),
    ],
)
def test_junk_has_a_reason(data: bytes, reason: str) -> None:
    assert refused(data) == reason


def test_lines_beyond_a_bound_are_left_unread() -> None:
    found = read_request(invite(*(f"X-{number}: a" for number in range(2 * MOST_LINES))))

    assert sum(map(len, found.headers.values())) == MOST_LINES - 1
    assert found.first("call-id") == "call-1@192.0.2.10"


@pytest.mark.parametrize("filling", [b" x\r\n", b"a: b\r\n", b"\r\n ", b'<,"', b"tel:+1111", b";a=b", b"\\", b"a "])
def test_the_largest_message_costs_no_more_than_its_bytes(filling: bytes) -> None:
    """One second is a thousand times what it takes: what is quadratic takes a minute."""
    data = invite()[:-20] + b"\r\nSubject: " + filling * (60_000 // len(filling))

    began_s = time.process_time()
    read_request(data[:MOST_BYTES])
    assert time.process_time() - began_s < 1


@given(st.binary(max_size=2_000))
@example(b"INVITE  SIP/2.0")
def test_no_bytes_raise_anything_but_junk(data: bytes) -> None:
    for message in (data, b"INVITE sip:a@b SIP/2.0\r\n" + data):
        with suppress(Junk):
            assert isinstance(read_request(message), Request)


NAMES = st.from_regex(r"X-[A-Za-z0-9]{1,10}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\x7f\x85\xa0"), min_size=1)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=20))
def test_a_well_formed_message_is_read_as_another_library_reads_it(lines: list[tuple[str, str]]) -> None:
    """`sipmessage` is strict, so it says what is well formed."""
    data = invite(*(f"{name}: {value}" for name, value in lines))
    other = sipmessage.Message.parse(data)
    found = read_request(data)

    assert isinstance(other, sipmessage.Request)
    assert (found.method, found.uri) == (other.method, str(other.uri))
    assert found.headers == {name.lower(): other.headers.getlist(name) for name in other.headers.keys()}  # noqa: SIM118


VALID = (
    *("wsinv", "intmeth", "esc01", "escnull", "esc02", "lwsdisp", "longreq", "dblreq", "semiuri", "transports"),
    *("mpart01", "unreason", "noreason"),
)
"""Section 3.1.1 of RFC 4475: messages that are right, and have to be read. The last two are responses."""


def test_every_valid_message_of_the_torture_test_is_read(reference_data: Path) -> None:
    for name in VALID:
        data = (reference_data / "sip_torture" / f"{name}.dat").read_bytes()
        if name in {"unreason", "noreason"}:
            assert refused(data) == "response", name
        else:
            found = read_request(data)
            assert {"via", "from", "to", "call-id", "cseq", "max-forwards"} <= set(found.headers), name
