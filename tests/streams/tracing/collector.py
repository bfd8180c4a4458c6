"""A collector of spans on loopback: it decodes OTLP over HTTP as any collector does, and may refuse or hang."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanRecord

from streams.log import NumberDigest
from streams.tracing.sampling import Sampling
from streams.tracing.tracer import CallTracer

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
KEY = "key of the test"


@dataclass(frozen=True)
class Seen:
    """A span as it came."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    begun_ns: int
    ended_ns: int
    status: str
    attributes: dict[str, Any]


class Collector:
    """Takes spans.

    Attributes:
        url: of it, as the environment names it.
        status: of its answers.
        goes_on: while it is not set, requests wait.
        is_gone: whether it was closed.
        requests: how many came.
        bodies: what they had.
    """

    def __init__(self) -> None:
        self.status = 200
        self.is_gone = False
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.requests = 0
        self.bodies: list[bytes] = []
        self._spans: list[Seen] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def spans(self) -> list[Seen]:
        """What has come so far."""
        return list(self._spans)

    def named(self, name: str) -> list[Seen]:
        """Those of a name."""
        return [span for span in self.spans() if span.name == name]

    def take(self, path: str, body: bytes) -> int:
        """Take a request; returns the status of the answer."""
        self.requests += 1
        self.goes_on.wait()
        if self.status == 200:
            assert path == "/v1/traces"
            self.bodies.append(body)
            self._spans += _spans(ExportTraceServiceRequest.FromString(body))
        return self.status

    def close(self) -> None:
        """Answer nothing any more."""
        self.is_gone = True
        self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if collector.is_gone:  # of connections that were there before
                self.close_connection = True
                return
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            status = collector.take(self.path, body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:  # nobody reads it
            pass

    return Handler


def _spans(request: ExportTraceServiceRequest) -> Iterator[Seen]:
    for of_resource in request.resource_spans:
        service = _attributes(of_resource.resource.attributes)["service.name"]
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Seen(
                    service,
                    span.name,
                    SpanRecord.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else "",
                    _attributes(span.attributes),
                )


def _attributes(found: Any) -> dict[str, Any]:
    return {one.key: _value(one) for one in found}


def _value(one: KeyValue) -> Any:
    return getattr(one.value, one.value.WhichOneof("value") or "string_value")


@contextmanager
def collector() -> Iterator[Collector]:
    """One that answers."""
    made = Collector()
    try:
        yield made
    finally:
        made.close()


def collecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """One that answers, where tracers find it; for a fixture."""
    with collector() as made:
        monkeypatch.setenv(ENDPOINT, made.url)
        yield made


def call_tracer(service: str, ratio: float = 1.0) -> CallTracer:
    """One that samples that share of calls, by `KEY`."""
    return CallTracer(service, Sampling(KEY, ratio), NumberDigest(KEY))
