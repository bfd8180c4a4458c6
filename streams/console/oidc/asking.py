"""What is asked of the provider: bounded in size, time and number; no redirect followed, no proxy, no cookie kept.

It knows no token and no user.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp

from streams.console.oidc.errors import ProviderAway

MOST_BYTES = 256 * 1024
CONNECT_S, WHOLE_S = 3.0, 5.0
MOST_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: 200, or a refusal of 400 to 499."""

    status: int
    body: bytes = field(repr=False)


class Asker:
    """Asks. Used on the event loop alone.

    Args:
        tls: whom to believe that they are the provider.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)

    async def ask(
        self, url: str, *, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask once, within `WHOLE_S` after its turn came.

        Args:
            url: that may be asked; whoever calls looked at it.
            fields: of a form, which is posted; None to get.
            headers: more of them.

        Raises:
            ProviderAway: no answer, none of 200 or 400 to 499, or one of more than `MOST_BYTES`.
        """
        host = urlsplit(url).hostname
        try:
            async with self._turns, asyncio.timeout(WHOLE_S):
                return await self._asked(url, fields, headers or {})
        except TimeoutError as error:
            raise ProviderAway(f"{host} did not answer within {WHOLE_S:g} s") from error
        except aiohttp.ClientSSLError as error:
            raise ProviderAway(f"{host} did not show by TLS that it is who it should be") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ProviderAway(f"{host} cannot be asked ({type(error).__name__})") from error

    async def _asked(self, url: str, fields: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        wanted = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, force_close=True),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            ) as session,
            session.request(
                "GET" if fields is None else "POST", url, data=fields, headers=wanted, allow_redirects=False
            ) as answer,
        ):
            if answer.status != HTTPStatus.OK and answer.status not in range(400, 500):
                what = "redirects, which is not followed" if answer.status in range(300, 400) else "answers"
                raise ProviderAway(f"{urlsplit(url).hostname} {what} ({answer.status})")
            body = bytearray()
            async for part in answer.content.iter_any():
                body += part
                if len(body) > MOST_BYTES:
                    raise ProviderAway(f"{urlsplit(url).hostname} answers with more than {MOST_BYTES:,} bytes")
            return Answer(answer.status, bytes(body))
