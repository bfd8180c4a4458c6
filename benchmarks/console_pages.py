"""How long pages of the console take while decisions stream behind it.

    python -m benchmarks.console_pages --rate 5000 --seconds 60

A real broker, store and `robocall console`. Decisions are those of a replay of generated traffic, published at a steady
rate with ids and times of their own. Meanwhile a user signs in and goes around: now, campaigns, queues, model, policy,
and by the search box to a busy number, a trunk group, a decision and a call. What a page loads by itself is loaded too.
The first round is not measured. Every answer must be 200, and *now* must say that decisions come at the rate.
"""

import argparse
import re
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from confluent_kafka import Producer

from benchmarks.backlog import event_file
from benchmarks.machine import describe, give
from benchmarks.recovery import page_of, wait_until
from benchmarks.trees import HERE
from streams.console.passwords import hash_password
from streams.console.roles import Role
from streams.console.users import Account, new_users, write_users
from streams.files import private_folder
from streams.kafka.topics import CALL_DECISIONS
from streams.local.services import LocalServices, free_ports, local_services

AIM_MS = 200.0
EVENTS = 60_000
PASSWORD = "a password of the benchmark"  # noqa: S105 - of a user that lives as long as this run
PAGES = ("/now", "/campaigns", "/queues", "/model", "/policy")
TICK_S = 0.02
_PARTS = re.compile(rb'("decision_id":")[0-9a-f]+(".*"setup_time_ms":)\d+(.*"decided_time_ms":)\d+', re.DOTALL)
_OWN = re.compile(rb'"call_id":"([^"]+)".*"calling_number":"(\+1\d+)".*"trunk_group_id":"([^"]+)"', re.DOTALL)
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_LOADED = re.compile(r'hx-get="([^"]+)"')
_LINK = re.compile(r"^/(about|cases|campaigns)/[A-Za-z0-9_=-]{20,}")
_SCRIPTED = {"/now": ("/now/series", "/now/scores")}
"""What scripts of a page ask for."""


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=5_000, help="decisions a second [%(default)s]")
    parser.add_argument("--seconds", type=float, default=60.0, help="that pages are looked at [%(default)s]")
    parser.add_argument("--warm-s", type=float, default=30.0, help="of decisions before that [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, local_services(heap_mb=1024, fast_start=False) as services:
        decisions = replayed(Path(made))
        own = services.environment() | {"ROBOCALL_PARTITIONS": "12"}
        _robocall(own, "topics", "create")
        with streaming(services, decisions, options.rate) as sent, console(own, Path(made)) as address:
            time.sleep(options.warm_s)
            took = looked_at(address, decisions, options.seconds)
            rates = sent()
    give(describe() | {"rate": options.rate, "published_a_second": rates} | summary(took), options.out)


def replayed(folder: Path) -> list[bytes]:
    """Decisions on generated traffic, one for each set-up."""
    path = folder / "decisions.jsonl"
    _robocall({}, "replay", str(event_file(EVENTS, 7)), "--decisions", str(path))
    return path.read_bytes().splitlines()


@contextmanager
def streaming(services: LocalServices, decisions: Sequence[bytes], rate: int) -> Iterator[Any]:
    """Publish decisions at a rate until the end; gives a function that says how many a second there were."""
    producer = Producer({"bootstrap.servers": str(services.bootstrap_servers), "linger.ms": 5})
    pieces = [(match.groups(), line[match.end() :]) for line in decisions if (match := _PARTS.search(line))]
    heads = [line[: line.index(b'"decision_id"')] for line in decisions]
    if len(pieces) != len(decisions):
        raise SystemExit("wrong run: decisions have their fields in another order than this benchmark expects")
    ending, count, began_s = threading.Event(), 0, time.monotonic()

    def run() -> None:
        nonlocal count
        each = cycle(zip(heads, pieces, strict=True))
        while not ending.is_set():
            due = int(rate * (time.monotonic() - began_s))
            now = b"%d" % (time.time_ns() // 1_000_000)
            while count < due:
                head, ((to_id, to_setup, to_decided), rest) = next(each)
                value = b"%b%b%032x%b%b%b%b%b" % (head, to_id, count, to_setup, now, to_decided, now, rest)
                producer.produce(CALL_DECISIONS, value, b"sbc-%d" % (count % 12))
                count += 1
            producer.poll(0)
            time.sleep(TICK_S)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield lambda: round(count / (time.monotonic() - began_s))
    finally:
        ending.set()
        thread.join()
        producer.flush(30)


@contextmanager
def console(own: dict[str, str], folder: Path) -> Iterator[str]:
    """Run the command with one user of all rights; gives its address once it is well."""
    users = folder / "console-users.json"
    write_users(users, new_users().with_account(Account("ada", Role.ADMIN, hash_password(PASSWORD))))
    (port,) = free_ports(1)
    environment = (
        HERE.environment()
        | own
        | {
            "ROBOCALL_CONSOLE_USERS_FILE": str(users),
            "ROBOCALL_CONSOLE_PORT": str(port),
            "ROBOCALL_CASES_SPOOL": str(private_folder()),
            "ROBOCALL_LOG_LEVEL": "warning",
        }
    )
    process = subprocess.Popen(HERE.command("console"), cwd=HERE.folder, env=environment)
    try:
        wait_until(lambda: page_of(port, "health"), "a console")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def looked_at(address: str, decisions: Sequence[bytes], seconds: float) -> dict[str, list[float]]:
    """Go around until the time is over; milliseconds of each page and part, the first round left out.

    Raises:
        SystemExit: an answer was not 200.
    """
    own = [match.groups() for line in decisions if (match := _OWN.search(line))]
    busy = max({caller for _, caller, _ in own}, key=[caller for _, caller, _ in own].count)
    sought = [f"number:{busy.decode()}", f"trunk:{own[0][2].decode()}", f"call:{own[0][0].decode()}"]
    with httpx.Client(base_url=address, follow_redirects=True, timeout=30) as client:
        went = Visit(client)
        went.sign_in()
        went.around(sought)
        went.took.clear()
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            went.around(sought)
    return went.took


class Visit:
    """A browser without a picture.

    Attributes:
        took: milliseconds by page or part, with links left out.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client, self._csrf = client, ""
        self.took: dict[str, list[float]] = defaultdict(list)

    def sign_in(self) -> None:
        """Open the form and send it."""
        self._read(self._client.get("/sign-in"))
        self._read(self._client.post("/sign-in", data={"csrf": self._csrf, "name": "ada", "password": PASSWORD}))

    def around(self, sought: Sequence[str]) -> None:
        """Each page once, with what it loads by itself."""
        for page in PAGES:
            self._open(page)
        for text in sought:
            self._timed(f"search {text.partition(':')[0]}", "POST", "/search", {"csrf": self._csrf, "q": text})

    def _open(self, page: str) -> None:
        answer = self._timed(page, "GET", page)
        for part in (*_LOADED.findall(answer.text), *_SCRIPTED.get(page, ())):
            self._timed(part.partition("?")[0], "GET", part.replace("&amp;", "&"))

    def _timed(self, name: str, method: str, path: str, form: dict[str, str] | None = None) -> httpx.Response:
        began_s = time.perf_counter()
        answer = self._client.request(method, path, data=form)
        self.took[_LINK.sub(r"/\1/*", name)].append(1_000 * (time.perf_counter() - began_s))
        self._read(answer)
        if form is not None:
            for part in _LOADED.findall(answer.text):
                self._timed(part, "GET", part.replace("&amp;", "&"))
        return answer

    def _read(self, answer: httpx.Response) -> None:
        if answer.status_code != httpx.codes.OK:
            raise SystemExit(f"wrong run: {answer.request.url.path} answered {answer.status_code}")
        if found := _CSRF.search(answer.text):
            self._csrf = found[1]


def summary(took: dict[str, list[float]]) -> dict[str, Any]:
    """Median, 95th percentile and slowest of each, and of all together."""
    every = [one for times in took.values() for one in times]
    rows = {name: _percentiles(times) for name, times in sorted(took.items())}
    slow = sorted(name for name, row in rows.items() if row["p95_ms"] > AIM_MS)
    return {"pages": rows, "all": _percentiles(every), "slower_than_aim": slow}


def _percentiles(times_ms: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times_ms, (50, 95)).round(1).tolist()
    return {"answers": len(times_ms), "p50_ms": p50, "p95_ms": p95, "max_ms": round(max(times_ms), 1)}


def _robocall(own: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        HERE.command(*arguments), cwd=HERE.folder, env=HERE.environment() | own, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"wrong run: robocall {arguments[0]}: {done.stderr.strip()[-600:]}")


if __name__ == "__main__":
    main()
