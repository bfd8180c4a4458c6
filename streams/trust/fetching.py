"""A file behind an `https` address: the name resolved once, connected to what was checked, bounded in size and time.

No redirect is followed, no proxy of the environment used, no cookie kept, and nothing unpacked. It does not know what
the file is.
"""

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from detector.trust.verdict import Cause, Refused
from streams.running.daemon_thread import DaemonThread
from streams.trust.resolving import Address, Resolver

CHUNK_BYTES = 16 * 1024
USER_AGENT = "robocall-detector"
_DIRECTIVE = re.compile(r'([a-z-]+)(?:\s*=\s*"?([0-9]{1,12})"?)?')


@dataclass(frozen=True, slots=True)
class Fetched:
    """What stood there.

    Attributes:
        content: as it came.
        fresh_s: how long the server lets it be kept, seconds; None where it does not say.
    """

    content: bytes
    fresh_s: float | None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a fetch may take, and how many run at a time.

    Attributes:
        connect_s: seconds for the connection to one address.
        whole_s: seconds for all of it, the name included.
        running: fetches at a time; further ones wait for their turn.
    """

    connect_s: float
    whole_s: float
    running: int


class Fetcher:
    """Fetches. On the event loop; names are looked up in threads, one a running fetch, started when needed.

    Args:
        limits: of time and number.
        resolver: names and which addresses may be asked.
        tls: whom to believe that they are the host; None for the authorities of the system.
    """

    def __init__(self, limits: Limits, resolver: Resolver, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits
        self._resolver = resolver
        self._tls = tls or ssl.create_default_context()
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_s)
        self._turns = asyncio.Semaphore(limits.running)
        self._idle: asyncio.Queue[DaemonThread] = asyncio.Queue()
        for number in range(limits.running):
            self._idle.put_nowait(DaemonThread(f"names-{number}"))

    async def fetch(self, url: str, limit_bytes: int) -> Fetched:
        """Fetch a file, once it is this one's turn.

        Args:
            url: `https://...`; whether a certificate may have it was asked before.
            limit_bytes: a longer one is given up while it comes.

        Raises:
            Refused: it is not there, is longer, took too long, or lies where we do not ask.
        """
        try:
            address = URL(url, encoded=True)
            if address.scheme != "https" or not address.raw_host or not address.port:
                raise Refused(Cause.INFO_INVALID, "the address is not https://HOST/PATH")
            async with self._turns:
                thread = await self._idle.get()
                looking = self._looking(address, thread)
                async with asyncio.timeout(self._limits.whole_s):
                    return await self._fetched(address, await asyncio.shield(looking), limit_bytes)
        except TimeoutError as error:
            raise _unavailable("the certificate's server was too slow") from error
        except aiohttp.ClientSSLError as error:
            raise _unavailable("the certificate's server did not show by TLS that it is who it should be") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unavailable(f"the certificate could not be fetched ({type(error).__name__})") from error

    def _looking(self, url: URL, thread: DaemonThread) -> "asyncio.Future[tuple[Address, ...]]":
        """Look a name up in a thread; one that hangs for longer than its fetch is not given to the next one."""
        looking = thread.post(self._resolver.addresses, url.raw_host or "", url.port or 0)

        def is_over(future: "asyncio.Future[tuple[Address, ...]]") -> None:
            future.exception()  # nobody may have waited for it
            self._idle.put_nowait(thread)

        looking.add_done_callback(is_over)
        return looking

    async def _fetched(self, url: URL, addresses: tuple[Address, ...], limit_bytes: int) -> Fetched:
        connector = aiohttp.TCPConnector(resolver=_Checked(addresses), ssl=self._tls, force_close=True)
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, trust_env=False, auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            ) as session,
            session.get(
                url, allow_redirects=False, headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
            ) as answer,
        ):  # fmt: skip
            if answer.status != HTTPStatus.OK:
                what = "redirects, which are not followed" if answer.status in range(300, 400) else "answers"
                raise _unavailable(f"the certificate's server {what} ({answer.status})")
            content = await _whole(answer.content, limit_bytes)
            return Fetched(content, fresh_s(answer.headers, time.time()))


class _Checked(AbstractResolver):
    """Knows the addresses that were judged and no other: who answers anew each time gains nothing (DNS rebinding)."""

    def __init__(self, addresses: tuple[Address, ...]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give them; whatever family is asked for."""
        del family
        return [
            ResolveResult(
                hostname=host,
                host=str(one),
                port=port,
                family=socket.AF_INET if one.version == 4 else socket.AF_INET6,  # noqa: PLR2004 - of IP
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for one in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def _whole(body: aiohttp.StreamReader, limit_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in body.iter_chunked(CHUNK_BYTES):
        content += chunk
        if len(content) > limit_bytes:
            raise Refused(Cause.CERTIFICATE_MALFORMED, f"what stands there has more than {limit_bytes:,} bytes")
    return bytes(content)


def fresh_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """How long an answer may be kept (RFC 9111 section 4.2), seconds, 0 or more; None where its headers do not say.

    Args:
        headers: of the answer; found whatever their case.
        now_s: epoch seconds; counts where the server does not say its own time.
    """
    directives = {found[1]: found[2] for found in _DIRECTIVE.finditer(headers.get("Cache-Control", "").lower())}
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    age = headers.get("Age", "")
    age_s = float(age) if age.isdecimal() and len(age) < 12 else 0.0  # noqa: PLR2004 - no longer than a directive
    if directives.get("max-age") is not None:
        return max(float(directives["max-age"]) - age_s, 0.0)
    if "Expires" not in headers:
        return None
    ends_s = _instant_s(headers["Expires"])
    if ends_s is None:  # "0" and the like mean that it is over (RFC 9111 section 5.3)
        return 0.0
    sent_s = _instant_s(headers.get("Date", ""))
    return max(ends_s - (now_s if sent_s is None else sent_s) - age_s, 0.0)


def _instant_s(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _unavailable(detail: str) -> Refused:
    return Refused(Cause.CERTIFICATE_UNAVAILABLE, detail)
