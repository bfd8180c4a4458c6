"""Questions over HTTP at instants fixed beforehand, and how late their answers came."""

import asyncio
import json
import time
from collections import Counter
from typing import Any

import httptools
from hdrh.histogram import HdrHistogram

from benchmarks.harness.workload import latency_event

TOKEN = "a-token-of-the-benchmark"  # noqa: S105 - of the benchmark
CONNECTIONS = 64
HIGHEST_US = 60_000_000


class Line(asyncio.Protocol):
    """A connection that is kept open; one question at a time."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._parser: Any = None
        self._body = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: Any) -> None:
        """Keep it."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read what comes."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._body += body

    def on_message_complete(self) -> None:
        """See httptools."""
        if self._answer is not None:
            self._answer.set_result(self._body)

    async def ask(self, request: bytes) -> bytes:
        """Send a request; return the body of its answer."""
        self._parser, self._body = httptools.HttpResponseParser(self), b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


def request(number: int, tag: str) -> bytes:
    """One question: a call as the latency benchmark has them."""
    event = json.loads(latency_event(number, f"{tag}-{number}", time.time_ns() // 1_000_000)[1])
    event.pop("switch_id", None)
    body = json.dumps(event).encode()
    head = (
        "POST /v1/calls HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {TOKEN}\r\nRobocall-Deadline-Ms: 1000\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def send(port: int, rate: int, seconds: float) -> dict[str, Any]:
    """Ask at a rate for a time; how late the answers came, and the questions."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        _, line = await loop.create_connection(Line, "127.0.0.1", port)
        lines.put_nowait(line)
    answered, late = HdrHistogram(1, HIGHEST_US, 3), HdrHistogram(1, HIGHEST_US, 3)
    said: Counter[str] = Counter()
    tag = f"http-{rate}-{time.time_ns()}"
    begin_s = loop.time() + 0.2

    async def ask(number: int, due_s: float) -> None:
        line = await lines.get()
        late.record_value(max(1, int((loop.time() - due_s) * 1e6)))
        body = json.loads(await line.ask(request(number, tag)))
        answered.record_value(max(1, int((loop.time() - due_s) * 1e6)))
        said[body["action"] if body["decision_id"] else f"fail_open {body['reasons'][0]['code']}"] += 1
        lines.put_nowait(line)

    tasks = []
    for number in range(int(rate * seconds)):
        due_s = begin_s + number / rate
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        tasks.append(loop.create_task(ask(number, due_s)))
    await asyncio.gather(*tasks)
    return {"said": dict(said), "answer": shown(answered), "late": shown(late)}


def shown(histogram: HdrHistogram) -> dict[str, float]:
    """Milliseconds of some percentiles."""
    values = {f"p{p:g}_ms": histogram.get_value_at_percentile(p) / 1e3 for p in (50, 99, 99.9)}
    return values | {"max_ms": histogram.get_max_value() / 1e3}
