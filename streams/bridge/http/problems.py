"""What a client did wrong, as RFC 9457 has it: one JSON object, one sentence that says what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from detector.contract.errors import RobocallError
from detector.contract.events import documented

MEDIA_TYPE = "application/problem+json"
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class ProblemBody:
    """Why a request was not served (RFC 9457). Whoever asked about a call routes it."""

    title: str = documented("Phrase of the status.")
    status: int = documented("The HTTP status.")
    code: str = documented("What is wrong, for programs; of a wrong record one of the codes of dead letters.")
    detail: str = documented("One sentence for a person. Names fields, never their values.")


class Problem(RobocallError):
    """A request that is not served.

    Args:
        status: of HTTP.
        code: what is wrong, for programs.
        detail: one sentence that says what to do; it quotes nothing of the request.
        headers: of the response, beside those of every response.
    """

    def __init__(self, status: HTTPStatus, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers

    def response(self) -> Response:
        """Make the response."""
        body = ProblemBody(self.status.phrase, self.status, self.code, self.detail)
        return Response(_ENCODER.encode(body), self.status, self.headers, MEDIA_TYPE)
