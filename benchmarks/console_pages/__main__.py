"""How long every page and part of the console takes at a full desk, while decisions stream behind it.

    python -m benchmarks.console_pages --rate 5000 --seconds 300

A real broker, store and `robocall console`. An archive has a day of generated calls; their campaigns stand in the
topic, and there are cases, both lists, questions, a policy file, and a registry with two models, which two workers say
that they run. The decisions of that day are published at a steady rate with ids and times of their own. Meanwhile a
user with all rights reads every address that the application has, and searches. The first rounds are not measured.
Every answer must be 200 and have what it is about, and *now* must have counted decisions at the rate.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np

from benchmarks.console_pages.day import SEED, Day, day_of, generated
from benchmarks.console_pages.desk import furnish, settings_of, workers_tell
from benchmarks.console_pages.routes import Subjects, read_routes, routes_of
from benchmarks.console_pages.streaming import streaming
from benchmarks.console_pages.visiting import NAME, PASSWORD, Visit
from benchmarks.harness.machine import describe, give
from benchmarks.harness.trees import HERE
from benchmarks.harness.worker import page_of, wait_until
from streams.console.passwords import hash_password
from streams.console.roles import Role
from streams.console.subjects import Kind, Links, Subject
from streams.console.users import Account, Users, new_users, write_users
from streams.local.services import free_ports, local_services
from streams.settings import load_settings

AIM_MS = 200.0
CALLS, CASES = 120_000, 24
OF_EACH = 3
"""Subjects of each kind that are visited."""
LEAST_SHARE = 0.9
"""Of the rate, in the median second that *now* has counted; with fewer the run says nothing."""
LATEST_S = 30
_FIELDS = re.compile(
    rb'"call_id":"([^"]+)".*"decision_id":"([0-9a-f]+)".*"calling_number":"(\+1\d+)".*"trunk_group_id":"([^"]+)"',
    re.DOTALL,
)


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=5_000, help="decisions a second [%(default)s]")
    parser.add_argument("--seconds", type=float, default=300.0, help="that pages are looked at [%(default)s]")
    parser.add_argument("--warm-s", type=float, default=30.0, help="of decisions before that [%(default)s]")
    parser.add_argument("--calls", type=int, default=CALLS, help="in the archive's day, about [%(default)s]")
    parser.add_argument("--cases", type=int, default=CASES, help="of each of three kinds [%(default)s]")
    parser.add_argument(
        "--flush-s",
        type=float,
        default=300.0,
        help="of a partition in a file of the archive [%(default)s, as its sink]",
    )
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, local_services(heap_mb=1024, fast_start=False) as services:
        folder = Path(made)
        os.environ |= dict(services.environment()) | settings_of(folder, SEED)
        settings = load_settings()
        _robocall("topics", "create")
        _say("a day is generated and decided")
        day = _day(folder, options.calls)
        _say(f"{len(day.decisions):,} decisions and {len(day.campaigns)} campaigns go where the console reads them")
        cases = furnish(settings, folder, day, cases=options.cases, flush_s=options.flush_s)
        files = {topic.name: sum(1 for _ in topic.rglob("*.parquet")) for topic in (folder / "archive").iterdir()}
        links = _links(folder)
        told = workers_tell(settings, dict.fromkeys(("worker-1", "worker-2"), describe()["model"]))
        with streaming(services, day.decisions, options.rate) as sent, told, console() as address:
            time.sleep(options.warm_s)
            _say("pages are read")
            found = looked_at(address, links, day, cases, options)
            rates = sent()
    facts = {"rate": options.rate, "published_a_second": rates, "archived": len(day.decisions), "files": files}
    facts |= {"campaigns": len(day.campaigns), "cases": 3 * options.cases}
    give(describe() | facts | found, options.out)


def _day(folder: Path, calls: int) -> Day:
    """Generate the calls, have them decided, and group them."""
    events, decisions = generated(calls, folder), folder / "decisions.jsonl"
    _robocall("replay", str(events), "--decisions", str(decisions))
    return day_of(events.read_bytes().splitlines(), decisions.read_bytes().splitlines())


def _links(folder: Path) -> Links:
    """Write one user of all rights; how the console makes its links."""
    path = folder / "console-users.json"
    write_users(path, new_users().with_account(Account(NAME, Role.ADMIN, hash_password(PASSWORD))))
    return Links(Users(path).secret)


@contextmanager
def console() -> Iterator[str]:
    """Run the command; gives its address once it is well."""
    (port,) = free_ports(1)
    environment = HERE.environment() | {"ROBOCALL_CONSOLE_PORT": str(port), "ROBOCALL_LOG_LEVEL": "warning"}
    process = subprocess.Popen(HERE.command("console"), cwd=HERE.folder, env=environment)
    try:
        wait_until(lambda: page_of(port, "health"), "a console")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def subjects_of(day: Day, cases: Sequence[str]) -> Subjects:
    """What is visited: busy numbers, their trunk groups, calls and decisions; the largest campaigns; some cases.

    Args:
        day: in the archive.
        cases: their ids.
    """
    own = [match.groups() for line in day.decisions if (match := _FIELDS.search(line))]
    busy = [caller for caller, _ in Counter(caller for _, _, caller, _ in own).most_common(OF_EACH)]
    last = {caller: (call, decision, trunk) for call, decision, caller, trunk in own}
    calls, decisions, trunks = zip(*(last[caller] for caller in busy), strict=True)
    campaigns = sorted(day.campaigns, key=lambda one: -one.calls)[:OF_EACH]
    found: dict[str, Sequence[Subject]] = {
        kind.value: [Subject(kind, one.decode()) for one in texts]
        for kind, texts in (
            (Kind.NUMBER, busy),
            (Kind.CALL, calls),
            (Kind.DECISION, decisions),
            (Kind.TRUNK, list(dict.fromkeys(trunks))),
        )
    }
    found["campaign"] = [Subject(Kind.CAMPAIGN, one.id) for one in campaigns]
    for word in ("redress", "traceback"):
        found[word] = [Subject(Kind.CASE, one) for one in cases if one.startswith(word)][:OF_EACH]
    return found


def looked_at(
    address: str, links: Links, day: Day, cases: Sequence[str], options: argparse.Namespace
) -> dict[str, Any]:
    """Go around until the time is over; figures of each page and part, the first rounds left out.

    Raises:
        SystemExit: an answer was not what it should be, or *now* has counted too few decisions.
    """
    subjects = subjects_of(day, cases)
    sought = [f"{word}:{several[0].text}" for word, several in subjects.items() if word in {*Kind}]
    with httpx.Client(base_url=address, follow_redirects=True, timeout=30) as client:
        went = Visit(client, links, subjects)
        went.sign_in()
        went.find(read_routes(routes_of()))
        went.around(sought)
        went.took.clear()
        until_s, rounds = time.monotonic() + options.seconds, 0
        while time.monotonic() < until_s:
            went.around(sought)
            rounds += 1
        series = client.get("/now/series").json()
    totals = map(sum, zip(*(row for name, row in series.items() if name != "at_s"), strict=True))
    counted = median(list(totals)[-LATEST_S:])
    if counted < LEAST_SHARE * options.rate:
        raise SystemExit(f"wrong run: the console counted {counted:,.0f} decisions a second of {options.rate:,}")
    return {"rounds": rounds, "counted_a_second": counted} | summary(went.took)


def summary(took: dict[str, list[float]]) -> dict[str, Any]:
    """Median, 95th percentile and slowest of each, and of all together."""
    every = [one for times in took.values() for one in times]
    rows = {name: _percentiles(times) for name, times in sorted(took.items())}
    slow = sorted(name for name, row in rows.items() if row["p95_ms"] > AIM_MS)
    return {"aim_ms": AIM_MS, "pages": rows, "all": _percentiles(every), "slower_than_aim": slow}


def _percentiles(times_ms: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times_ms, (50, 95)).round(1).tolist()
    return {"answers": len(times_ms), "p50_ms": p50, "p95_ms": p95, "max_ms": round(max(times_ms), 1)}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _robocall(*arguments: str) -> None:
    command = HERE.command(*arguments)
    done = subprocess.run(command, cwd=HERE.folder, env=HERE.environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"wrong run: robocall {arguments[0]}: {done.stderr.strip()[-600:]}")


if __name__ == "__main__":
    main()
