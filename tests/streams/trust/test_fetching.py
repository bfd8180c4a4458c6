"""Fetching from a real server over TLS: what comes, what is refused, and that nothing takes more than it may."""

import asyncio
import time

import pytest

from detector.trust.verdict import Cause, Refused
from streams.trust.fetching import Fetched, Fetcher, Limits, fresh_s
from streams.trust.resolving import Resolver
from tests.streams.trust.https_server import (
    HOST,
    LOOPBACK,
    PORT,
    URL,
    Answer,
    fetcher,
    response,
    sends,
    serving,
    trusting_tls,
)

LIMIT = 64 * 1024


async def fetched(
    answer: Answer, *names: str, url: str = URL, whole_s: float = 5.0, days: tuple[int, int] = (-2, 2)
) -> Fetched:
    async with serving(answer, *names, days=days) as server:
        return await fetcher(server, whole_s=whole_s).fetch(url, LIMIT)


def refused(answer: Answer, *names: str, whole_s: float = 5.0, days: tuple[int, int] = (-2, 2)) -> Refused:
    with pytest.raises(Refused) as refusal:
        asyncio.run(fetched(answer, *names, whole_s=whole_s, days=days))
    return refusal.value


def test_what_stands_there_comes_as_it_is() -> None:
    """With how long the server lets it be kept."""
    found = asyncio.run(fetched(sends(b"chain", "Cache-Control: max-age=600")))
    assert found == Fetched(b"chain", 600.0)


def test_the_request_says_little_and_uses_the_address_as_it_was_signed() -> None:
    async def asked() -> str:
        async with serving(sends(b"x", "Set-Cookie: a=b")) as server:
            one = fetcher(server)
            for _ in range(2):
                await one.fetch(f"https://{HOST}:{PORT}/a%2Fb/./c.pem", LIMIT)
            return server.asked[1]

    head = asyncio.run(asked())

    assert head.startswith("GET /a%2Fb/./c.pem HTTP/1.1\r\n")
    assert f"Host: {HOST}:{PORT}" in head
    assert "cookie" not in head.lower()
    assert "accept-encoding: identity" in head.lower()


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor passwords: both could be used to lead us elsewhere."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert asyncio.run(fetched(sends(b"chain"))).content == b"chain"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_redirects_are_not_followed(status: str) -> None:
    """Where they lead was never checked."""
    refusal = refused(sends(b"", f"Location: https://{HOST}:{PORT}/other.pem", status=status))
    assert refusal.cause is Cause.CERTIFICATE_UNAVAILABLE
    assert "redirects" in refusal.detail


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "503 Busy"])
def test_another_answer_than_the_file_is_none(status: str) -> None:
    assert refused(sends(b"", status=status)).cause is Cause.CERTIFICATE_UNAVAILABLE


def test_a_server_of_another_name_is_not_believed() -> None:
    """TLS is checked by name, though the connection is to an address."""
    refusal = refused(sends(b"chain"), "other.example.org")
    assert refusal.cause is Cause.CERTIFICATE_UNAVAILABLE
    assert "TLS" in refusal.detail


@pytest.mark.parametrize("days", [(-10, -1), (1, 10)])
def test_a_server_whose_certificate_is_out_of_its_time_is_not_believed(days: tuple[int, int]) -> None:
    assert "TLS" in refused(sends(b"chain"), days=days).detail


def test_a_server_of_an_unknown_authority_is_not_believed() -> None:
    async def ask() -> None:
        async with serving(sends(b"chain")) as server:
            await Fetcher(Limits(2, 5, 1), Resolver(LOOPBACK, server.lookup)).fetch(URL, LIMIT)

    with pytest.raises(Refused, match="TLS"):
        asyncio.run(ask())


def test_a_longer_file_is_given_up_while_it_comes() -> None:
    """An endless one ends, whatever length it claims or keeps to itself."""

    async def endless(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"2000\r\n" + bytes(0x2000) + b"\r\n")
            await writer.drain()

    assert refused(endless, whole_s=60).cause is Cause.CERTIFICATE_MALFORMED
    assert refused(sends(bytes(LIMIT + 1))).cause is Cause.CERTIFICATE_MALFORMED


def test_the_longest_file_comes() -> None:
    assert len(asyncio.run(fetched(sends(bytes(LIMIT)))).content) == LIMIT


def test_what_is_packed_stays_packed() -> None:
    """A few bytes could unpack to gigabytes."""
    assert asyncio.run(fetched(sends(b"\x1f\x8b", "Content-Encoding: gzip"))).content == b"\x1f\x8b"


async def _nothing(_path: str, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _drops(_path: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(600):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("answer", [_nothing, _drops])
def test_a_slow_server_is_given_up(answer: Answer) -> None:
    """Silent, or with a byte now and then: the whole time counts."""
    began_s = time.monotonic()
    refusal = refused(answer, whole_s=0.5)
    assert refusal.cause is Cause.CERTIFICATE_UNAVAILABLE
    assert "too slow" in refusal.detail
    assert time.monotonic() - began_s < 20  # far below the server's minute, on any machine


@pytest.mark.parametrize(
    "raw",
    [b"junk\r\n\r\n", b"", response(b"x").replace(b"200", b"2x0"), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"],
)
def test_an_answer_that_is_none_is_refused(raw: bytes) -> None:
    """Of whatever kind the library's errors are."""

    async def answer(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    assert refused(answer).cause is Cause.CERTIFICATE_UNAVAILABLE


def test_nobody_listens() -> None:
    async def ask() -> None:
        one = Fetcher(Limits(2, 5, 1), Resolver(LOOPBACK, lambda _host, _port: ["127.255.255.254"]), trusting_tls())
        await one.fetch(URL, LIMIT)

    with pytest.raises(Refused) as refusal:
        asyncio.run(ask())
    assert refusal.value.cause is Cause.CERTIFICATE_UNAVAILABLE


def test_a_private_address_is_not_connected_to() -> None:
    """Not even tried."""

    async def ask() -> list[str]:
        async with serving(sends(b"secret")) as server:
            one = Fetcher(Limits(2, 5, 1), Resolver((), server.lookup), trusting_tls())
            for url in (URL, f"https://{server.address}:{PORT}/a.pem"):
                with pytest.raises(Refused) as refusal:
                    await one.fetch(url, LIMIT)
                assert refusal.value.cause is Cause.INFO_INVALID
            return server.asked

    assert asyncio.run(ask()) == []


def test_a_name_that_changes_its_address_gains_nothing() -> None:
    """DNS rebinding: the first answer is checked, and it is what is connected to; nobody asks a second time."""

    async def ask() -> tuple[bytes, list[str], int]:
        async with serving(sends(b"honest")) as honest, serving(sends(b"secret")) as hidden:
            answers = [[honest.address], [hidden.address]]
            asked = []

            def lookup(host: str, _port: int) -> list[str]:
                asked.append(host)
                return answers[len(asked) - 1]

            one = Fetcher(Limits(2, 5, 1), Resolver((f"{honest.address}/32",), lookup), trusting_tls())
            first = await one.fetch(URL, LIMIT)
            with pytest.raises(Refused) as refusal:
                await one.fetch(URL, LIMIT)
            assert refusal.value.cause is Cause.INFO_INVALID
            return first.content, hidden.asked, len(asked)

    assert asyncio.run(ask()) == (b"honest", [], 2)


def test_a_resolver_that_hangs_is_given_up() -> None:
    """And the next fetch does not pay for it: it waits for its turn, and its time begins then."""

    async def ask() -> bytes:
        async with serving(sends(b"chain")) as server:
            names = []

            def lookup(host: str, port: int) -> list[str]:
                names.append(host)
                if len(names) == 1:
                    time.sleep(3)
                return server.lookup(host, port)

            one = Fetcher(Limits(2, 1, 1), Resolver(LOOPBACK, lookup), trusting_tls())
            with pytest.raises(Refused, match="too slow"):
                await one.fetch(URL, LIMIT)
            return (await one.fetch(URL, LIMIT)).content

    assert asyncio.run(ask()) == b"chain"


def test_so_many_run_at_a_time() -> None:
    """The others wait for their turn, and all come."""
    running, most = 0, 0

    async def answer(_path: str, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        writer.write(response(b"x"))

    async def ask() -> int:
        async with serving(answer) as server:
            one = fetcher(server, running=2)
            return len(await asyncio.gather(*(one.fetch(f"{URL}{number}", LIMIT) for number in range(8))))

    assert (asyncio.run(ask()), most) == (8, 2)


@pytest.mark.parametrize("url", ["http://a.example.org/b", "https:///b", "a", "", "https://[::1/b", "https://a:x/b"])
def test_what_is_no_https_address_is_refused(url: str) -> None:
    """Whoever calls has asked before; if not, nothing is looked up."""

    async def ask() -> list[str]:
        async with serving(sends(b"x")) as server:
            with pytest.raises(Refused):
                await fetcher(server).fetch(url, LIMIT)
            return server.names

    assert asyncio.run(ask()) == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Cache-Control": "max-age=60"}, 60),
        ({"Cache-Control": 'Public, MAX-AGE="60"'}, 60),
        ({"Cache-Control": "max-age=60", "Age": "20"}, 40),
        ({"Cache-Control": "max-age=60", "Age": "70"}, 0),
        ({"Cache-Control": "no-store, max-age=60"}, 0),
        ({"Cache-Control": "no-cache"}, 0),
        ({"Cache-Control": "public"}, None),
        ({"Cache-Control": "max-age=x"}, None),
        ({"Cache-Control": "max-age=60", "Expires": "0"}, 60),
        ({"Expires": "0"}, 0),
        ({"Expires": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90),
        ({"Expires": "Thu, 01 Jan 1970 00:01:40 GMT", "Date": "Thu, 01 Jan 1970 00:00:40 GMT"}, 60),
        ({"Expires": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0),
    ],
)
def test_how_long_an_answer_may_be_kept(headers: dict[str, str], seconds: float | None) -> None:
    """By RFC 9111; it is second 10 of 1970 here."""
    assert fresh_s(headers, 10.0) == seconds
