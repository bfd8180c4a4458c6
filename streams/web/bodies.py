"""Bodies of requests, read with bounds of size and time. Knows no page."""

import asyncio
from http import HTTPStatus

from starlette.requests import Request

from detector.contract.errors import RobocallError

BODY_S = 5.0
"""A body that takes longer to arrive is not waited for."""


class BodyRefused(RobocallError):
    """A body that is too large or too slow; what else the client sends is not read.

    Args:
        status: of HTTP.
        code: what is wrong, for programs.
        detail: one sentence for a person.
    """

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Read a body, and stop at the first byte beyond its limit.

    Raises:
        BodyRefused: 413 for a larger one, 408 for one that takes longer than `BODY_S`.
        ClientDisconnect: whoever sends it went away.
    """
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > limit_bytes:
                    detail = f"The body is larger than {limit_bytes} bytes."
                    raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)
                parts.append(part)
    except TimeoutError as error:
        detail = f"The body took longer than {BODY_S:g} s."
        raise BodyRefused(HTTPStatus.REQUEST_TIMEOUT, "too_slow", detail) from error
    return b"".join(parts)
