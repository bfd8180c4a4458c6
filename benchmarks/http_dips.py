"""What a question over HTTP takes: from the instant that it was due to its answer, and processor time of the bridge.

    python -m benchmarks.http_dips --rates 100 500 1000 --seconds 20

Open loop: each request has an instant fixed beforehand, and its clock starts then, however late the sender gets to it.
Sender, bridge, broker and worker share the machine; a row says how late the sender was, and which answers were no
decision. The worker scores with the shipped model and enforces nothing.
"""

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httptools
import httpx
import uvloop
from hdrh.histogram import HdrHistogram

from benchmarks.harness.machine import describe, give
from benchmarks.harness.processors import cpu_s
from benchmarks.harness.worker import PATIENT, Worker
from benchmarks.harness.workload import latency_event
from streams.files import private_folder
from streams.kafka.topics import admin_client, create
from streams.local.services import free_ports, local_services
from streams.settings import load_settings

TOKEN = "a-token-of-the-benchmark"  # noqa: S105 - of the benchmark
CONNECTIONS = 64
WARM_UP_S = 3.0
HIGHEST_US = 60_000_000
PARTITIONS = 4


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


@contextmanager
def bridge(environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """A bridge that gets decisions; its process id and its port."""
    (port,) = free_ports(1)
    peers = private_folder() / "peers.yaml"
    entry = {"name": "bench", "trunk_group_id": "tg", "token_sha256": [hashlib.sha256(TOKEN.encode()).hexdigest()]}
    peers.write_text(json.dumps({"peers": [entry]}))
    settings = {
        "ROBOCALL_BRIDGE_PEERS_FILE": str(peers),
        "ROBOCALL_BRIDGE_SIP_PORT": "0",
        "ROBOCALL_BRIDGE_HTTP_PORT": str(port),
    }
    program = [sys.executable, "-m", "streams.commands.main", "bridge"]
    process = subprocess.Popen(program, env=os.environ | environment | settings)
    try:
        while not is_healthy(port):
            if process.poll() is not None:
                raise SystemExit("the bridge ended")
            time.sleep(0.2)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def is_healthy(port: int) -> bool:
    """Whether it gets decisions."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def row(pid: int, port: int, rate: int, seconds: float) -> dict[str, Any]:
    """One rate."""
    uvloop.run(send(port, rate, WARM_UP_S))
    before = cpu_s(pid)
    found = uvloop.run(send(port, rate, seconds))
    dips = sum(found["said"].values())
    return {"rate": rate, "cpu_us_a_dip": round((cpu_s(pid) - before) / dips * 1e6, 1)} | found


def main() -> None:
    """Run every rate, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=[100, 500, 1_000], help="calls a second [%(default)s]")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each rate [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    with local_services(heap_mb=1024, fast_start=False) as services:
        with admin_client(load_settings(kafka_bootstrap_servers=str(services.bootstrap_servers))) as admin:
            create(admin, partitions=PARTITIONS)
        own = {"ROBOCALL_PARTITIONS": str(PARTITIONS), "ROBOCALL_SNAPSHOT_URL": str(private_folder())}
        environment = services.environment() | own
        worker = Worker(environment | PATIENT)
        try:
            worker.wait_until_ready()
            with bridge(environment) as (pid, port):
                rows = [row(pid, port, rate, options.seconds) for rate in options.rates]
        finally:
            worker.process.terminate()
            worker.process.wait(30)
    give(describe() | {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
