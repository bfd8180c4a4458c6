"""The HTTP dip as a Starlette application. Whatever breaks while a call is asked about, the call passes."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from detector.contract.decisions import Decision
from detector.contract.events import MAX_RECORD_BYTES
from streams.bridge.asking import Asked, Asker, FailOpen
from streams.bridge.events import EventInvalid, Fields, event_fields
from streams.bridge.http.access import Access
from streams.bridge.http.calls import DEADLINE_HEADER, answer, deadline_s, fields_of, read_end, read_setup, refused
from streams.bridge.http.problems import Problem
from streams.bridge.http.verification import read_verification, verification_answer
from streams.bridge.metrics import FAIL_OPEN, INTERNAL_ERROR, BridgeMetrics
from streams.bridge.peers import Peer
from streams.bridge.records.freeswitch import read_freeswitch
from streams.bridge.records.kamailio import read_kamailio
from streams.bridge.settings import BRIDGE_PREFIX, BridgeSettings
from streams.bridge.traces import CallTrace
from streams.running.clock import wall_clock_ms
from streams.web.bodies import BodyRefused, read_body
from streams.web.server import HttpServer

CALLS, END, RECORDS = "/v1/calls", "/v1/calls/{call_id:path}/end", "/v1/records/{form}"
VERIFICATION, HEALTH = "/stir/v1/verification", "/health"
MOST_RECORD_BYTES = 512 * 1024
"""FreeSWITCH writes every variable of a call into its record."""
FORMS: Mapping[str, Callable[[bytes, int], Fields | None]] = {
    "freeswitch": lambda body, _: read_freeswitch(body),
    "kamailio": read_kamailio,
}
"""Reads a call detail record of each form, given when it came; None where it ends no call."""
JSON = "application/json"
REQUEST_ID = "X-RequestID"
PASSES, PASSES_VERIFICATION = answer(None, None, INTERNAL_ERROR), verification_answer(None, INTERNAL_ERROR)
CLOSE = {"Connection": "close"}


class HttpDip:
    """Handlers of the requests. Used on the event loop alone.

    Args:
        asker: asks the workers, publishes ends, and takes internal errors.
        access: knows who may ask.
        deadline_ms: how long a call waits unless its request says so.
        metrics: counts.
    """

    def __init__(self, asker: Asker, access: Access, deadline_ms: int, metrics: BridgeMetrics) -> None:
        self._asker = asker
        self._access = access
        self._deadline_ms = deadline_ms
        self._metrics = metrics

    def app(self) -> Starlette:
        """Make the application."""
        routes = [
            Route(CALLS, self.call, methods=["POST"]),
            Route(END, self.end, methods=["POST"]),
            Route(RECORDS, self.record, methods=["POST"]),
            Route(VERIFICATION, self.verification, methods=["POST"]),
            Route(HEALTH, self.health, methods=["GET"]),
        ]
        handlers: dict[Any, Any] = {
            Problem: self._problem,
            EventInvalid: self._invalid,
            HTTPException: _no_such_page,
            ClientDisconnect: _gone,
        }
        return Starlette(routes=routes, exception_handlers=handlers)

    async def call(self, request: Request) -> Response:
        """Ask about a call; 200 with its decision, or with `allow` and why there is none."""
        trace = self._asker.begin_trace("http")

        async def made() -> tuple[Asked, bytes]:
            peer, now_ms = self._peer(request), wall_clock_ms()
            setup = read_setup(await body_of(request, MAX_RECORD_BYTES), peer, now_ms)
            waits_s, usual_s = self._waits_s(request, peer)
            asked = await self._asker.ask(setup, waits_s, usual_s=usual_s, trace=trace)
            return asked, answer(setup["call_id"], asked.decision, asked.reason)

        body = await self._open("http", made(), PASSES, trace)
        return Response(body, media_type=JSON)

    async def verification(self, request: Request) -> Response:
        """Ask about the call of a `verificationRequest`; 200 with a `verificationResponse`."""
        request_id = request.headers.get(REQUEST_ID) or str(uuid.uuid4())
        trace = self._asker.begin_trace("atis")

        async def made() -> tuple[Asked, bytes]:
            peer, now_ms = self._peer(request), wall_clock_ms()
            setup = read_verification(await body_of(request, MAX_RECORD_BYTES), peer, request_id, now_ms)
            waits_s, usual_s = self._waits_s(request, peer)
            asked = await self._asker.ask(setup, waits_s, names_call=False, usual_s=usual_s, trace=trace)
            return asked, verification_answer(*asked)

        body = await self._open("atis", made(), PASSES_VERIFICATION, trace)
        return Response(body, headers={REQUEST_ID: request_id}, media_type=JSON)

    async def end(self, request: Request) -> Response:
        """Publish the end of a call; 202."""
        peer, now_ms = self._peer(request), wall_clock_ms()
        body = await body_of(request, MAX_RECORD_BYTES)
        return self._published(read_end(body, request.path_params["call_id"], peer, now_ms))

    async def record(self, request: Request) -> Response:
        """Publish the end that a call detail record tells of; 202, also for one that ends no call."""
        peer, now_ms = self._peer(request), wall_clock_ms()
        read = FORMS.get(request.path_params["form"])
        if read is None:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown_form", f"Records have the form {' or '.join(FORMS)}.")
        said = read(await body_of(request, MOST_RECORD_BYTES), now_ms)
        if said is None:
            return Response(status_code=HTTPStatus.ACCEPTED)
        return self._published(event_fields(said | fields_of(peer, said.get("trunk_group_id"))))

    def _published(self, end: Fields) -> Response:
        if not self._asker.publish(end):
            detail = "Kafka takes nothing now, and much waits for it: send it again in a second."
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_published", detail, {"Retry-After": "1"})
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def health(self, request: Request) -> Response:
        """200 while calls get decisions, 503 otherwise; the body says why. It needs no token."""
        del request
        why = self._asker.why_unhealthy
        return JSONResponse({"status": why or "ok"}, HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK)

    async def _open(self, dip: str, made: Awaitable[tuple[Asked, bytes]], passes: bytes, trace: CallTrace) -> bytes:
        """Wait for an answer, count and trace it; what is raised but a `Problem` is a bug of ours, the call passes."""
        ended = partial(self._ended, dip, trace, time.perf_counter())
        try:
            asked, body = await made
        except (Problem, EventInvalid, ClientDisconnect):
            raise
        except asyncio.CancelledError:  # we end: the switch gets no answer, and routes the call by its timer
            ended(None, FailOpen.LATE)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the call passes
            self._asker.failures(error)
            ended(None, INTERNAL_ERROR)
            return passes
        ended(asked.decision, asked.reason)
        return body

    def _ended(self, dip: str, trace: CallTrace, started_s: float, decision: Decision | None, why: str | None) -> None:
        """Count and trace a request that is over: with a decision, or why there is none."""
        said = FAIL_OPEN if decision is None else decision.action
        if why is not None:
            self._metrics.failed_open(dip, why)
        self._metrics.answered(dip, said, time.perf_counter() - started_s)
        trace.answered(said, decision, why)

    def _waits_s(self, request: Request, peer: Peer) -> tuple[float, float]:
        """How long, and how long the operator wants: one client must not stop the waiting of all, nor prolong it."""
        usual_ms = peer.deadline_ms or self._deadline_ms
        return deadline_s(request.headers.get(DEADLINE_HEADER), usual_ms), usual_ms / 1_000

    def _peer(self, request: Request) -> Peer:
        address = request.client.host if request.client else None
        return self._access.peer(request.headers.get("authorization"), address)

    async def _problem(self, request: Request, error: Problem) -> Response:
        del request
        self._metrics.junk("http", error.code)
        return error.response()

    async def _invalid(self, request: Request, error: EventInvalid) -> Response:
        return await self._problem(request, refused(error))


def http_server(app: Starlette, chosen: BridgeSettings) -> HttpServer:
    """Make the server of the application, where the bridge's settings want it."""
    return HttpServer(
        app,
        prefix=f"{BRIDGE_PREFIX}HTTP_",
        host=chosen.http_host,
        port=chosen.http_port,
        certfile=chosen.http_tls_certfile,
        keyfile=chosen.http_tls_keyfile,
        cafile=chosen.http_tls_cafile,
    )


async def body_of(request: Request, limit_bytes: int) -> bytes:
    """Read a body within its bounds.

    Raises:
        Problem: 413 for a larger one, 408 for one that takes longer than a few seconds.
        ClientDisconnect: whoever sends it went away.
    """
    try:
        return await read_body(request, limit_bytes)
    except BodyRefused as error:
        raise Problem(error.status, error.code, error.detail, CLOSE) from error


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    """Nobody reads this: whoever asked went away before the body was whole."""
    del request, error
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _no_such_page(request: Request, error: HTTPException) -> Response:
    """404 and 405 in the same form."""
    del request
    status = HTTPStatus(error.status_code)
    pages = f"{CALLS}, {CALLS}/ID/end, /v1/records/FORM, {VERIFICATION}, {HEALTH}"
    return Problem(status, status.name.lower(), f"The pages are {pages}.", error.headers).response()
