"""What a desk has behind it: archive, campaigns, cases, lists, a registry, a policy file, and questions.

Everything is written by the code of the product, where its commands and services would have written it.
"""

import asyncio
import csv
import re
import threading
import time
import zlib
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis
from confluent_kafka import Producer

from benchmarks.console_pages.day import Day
from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED
from models.serve.weighing import with_group_weight
from models.store.promotions import Promotions
from models.store.registry import Registry
from streams.archive.files import ArchiveStore, day_of
from streams.archive.schema import Record
from streams.archive.sink import Buffer, write_file
from streams.archive.upkeep import clear, compact
from streams.campaigns.records import CampaignRecord, encoded
from streams.cases.changes import new_entry
from streams.cases.recording import done
from streams.cases.redress import Claim, new_redress
from streams.cases.store import CaseStore
from streams.commands.demo.desk import invented_upstreams
from streams.console.desk.tracing import MOST_TRACED, trace
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CAMPAIGNS
from streams.redis.connection import connect, decision_key, list_key, number_key
from streams.redis.decisions import LATEST_PER_NUMBER
from streams.redis.worker_reports import WorkerReport, tell
from streams.settings import Settings
from streams.upstreams.entries import save_upstreams
from streams.wire.cases import Case, CaseKind

PARTITIONS = 12
TOLD_EVERY_S = 5.0
WHO = "a user of the benchmark"
WHY = "as the benchmark has it"
LISTED = 1_000
QUESTIONS = 40
POLICY = """mode: enforce
rules:
  - {name: flood, action: label, category: automated_call, when: [{feature: number_attempts_1m, at_least: 10}]}
overrides:
  - {trunk_group_id: hospital-3, mode: shadow}
"""
_TIME = re.compile(rb'"(?:decided|end|setup)_time_ms":(\d{13})')
_CALLER = re.compile(rb'"calling_number":"([^"]*)"')
_KEPT = re.compile(rb'"decision_id":"([0-9a-f]{32})".*"(?:action|would_be)":"(?:label|block)"', re.DOTALL)


def settings_of(folder: Path, seed: int) -> dict[str, str]:
    """Write the files that the settings of the desk name; the settings.

    Args:
        folder: of this run.
        seed: of the traffic, whose trunk groups the register of upstreams names.
    """
    registry = Registry(folder / "registry")
    shipped, _ = registry.add(SHIPPED, schema_id=FEATURE_SCHEMA_ID)
    grouped = with_group_weight(SHIPPED, folder / "grouped", 0.5, schema_id=FEATURE_SCHEMA_ID)
    registry.add(folder / "grouped", schema_id=FEATURE_SCHEMA_ID)
    Promotions(registry.store).promote(grouped.version, shipped.version, gate=[], forced_because="the first model")
    (folder / "policy.yaml").write_text(POLICY)
    save_upstreams(folder / "upstreams.yaml", invented_upstreams(seed))
    named = {
        "MODELS_URL": "registry",
        "POLICY_FILE": "policy.yaml",
        "ARCHIVE_URL": "archive",
        "CASES_SPOOL": "spool",
        "UPSTREAMS_FILE": "upstreams.yaml",
        "CONSOLE_QUESTIONS_FILE": "questions.csv",
        "CONSOLE_USERS_FILE": "console-users.json",
    }
    chosen = {"TRACEBACK_NAME": "Our Network", "TRACEBACK_ZONE": "America/Denver", "PARTITIONS": str(PARTITIONS)}
    return {f"ROBOCALL_{name}": text for name, text in chosen.items()} | {
        f"ROBOCALL_{name}": str(folder / text) for name, text in named.items()
    }


def furnish(settings: Settings, folder: Path, day: Day, *, cases: int, flush_s: float) -> list[str]:
    """Put a day where the console reads it; ids of the cases.

    Args:
        settings: where Kafka and Redis are; those of `settings_of` stand in the environment.
        folder: of this run.
        day: what happened.
        cases: of each kind that the queue shows.
        flush_s: how much of a partition is in a file of the archive before these are merged.
    """
    store = ArchiveStore(str(folder / "archive"))
    for topic, values in ((CALL_EVENTS, day.events), (CALL_DECISIONS, day.decisions)):
        archived(store, topic, values, flush_s)
        deque(compact(store, topic, day_of(time.time_ns() // 1_000_000)), maxlen=0)  # as the sink does each hour,
        clear(store, topic, grace_s=-1)  # and an hour later
    publish_campaigns(settings.kafka_bootstrap_servers, day.campaigns)
    remembered(settings, day)
    asked(folder / "questions.csv", day.campaigns)
    return opened(settings, day, cases)


def archived(store: ArchiveStore, topic: str, values: Iterable[bytes], flush_s: float) -> None:
    """Write files as a sink does that gets the records at their times: each has one partition's of so many seconds."""
    by_file: dict[tuple[int, int], list[tuple[int, bytes]]] = defaultdict(list)
    for value in values:
        found, caller = _TIME.findall(value), _CALLER.search(value)
        at_ms = max(map(int, found))
        partition = zlib.crc32(caller[1] if caller else b"") % PARTITIONS
        by_file[partition, at_ms // round(flush_s * 1_000)].append((at_ms, value))
    offsets = [0] * PARTITIONS
    for (partition, _), rows in sorted(by_file.items(), key=lambda one: one[0]):
        first = offsets[partition]
        records = [Record(first + place, at_ms, value) for place, (at_ms, value) in enumerate(sorted(rows))]
        offsets[partition] += len(records)
        write_file(store, topic, partition, Buffer(first, offsets[partition], day_of(rows[0][0]), records), None)


def publish_campaigns(servers: str, campaigns: Iterable[CampaignRecord]) -> None:
    """Put campaigns to their topic."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 20})
    for one in campaigns:
        producer.produce(CAMPAIGNS, encoded(one), one.id.encode())
        producer.poll(0)
    if producer.flush(60):
        raise SystemExit("wrong run: campaigns were not published")


def remembered(settings: Settings, day: Day) -> None:
    """What workers and people leave in Redis: decisions that are no plain allows, and entries of both lists."""
    client: redis.Redis = redis.Redis.from_url(settings.redis_url.get_secret_value())
    with client.pipeline(transaction=False) as pipeline:
        for value in day.decisions:
            kept, caller = _KEPT.search(value), _CALLER.search(value)
            if kept and caller:
                key = number_key(caller[1].decode())
                pipeline.set(decision_key(kept[1].decode()), value)
                pipeline.lpush(key, kept[1])
                pipeline.ltrim(key, 0, LATEST_PER_NUMBER - 1)
        for place, name in enumerate(("allow", "block")):
            pipeline.sadd(list_key(name), *(f"+1202{place}55{number:04}" for number in range(LISTED)))
        pipeline.execute()
    client.close()


def asked(path: Path, campaigns: Sequence[CampaignRecord]) -> None:
    """Write a table of questions as `robocall ask --table` has them, one for each of the first campaigns."""
    names = ["verdict", "campaign", "calls", "asked_because", "said_so_far", "examples", "call_ids"]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(names)
        for one in campaigns[:QUESTIONS]:
            examples = "; ".join(call.calling_number for call in one.examples[:3])
            ids = " ".join(call.call_id for call in one.examples)
            table.writerow(["", one.id, f"{one.calls} calls", "the model is unsure", "", examples, ids])


def opened(settings: Settings, day: Day, most: int) -> list[str]:
    """Open redress and tracebacks, so many of each, and as many cases that have ended; ids of what waits."""
    at_ms = time.time_ns() // 1_000_000
    callers = [match[1].decode() for value in day.decisions[:most] if (match := _CALLER.search(value))]
    redress = [
        new_redress(new_entry(who=WHO, what="opened", why=WHY, now_ms=at_ms), Claim(calling_number=caller), None)
        for caller in callers
    ]
    ended = [
        done(CaseKind.CHANGE, "policy_saved", who=WHO, subject="policy", details={"policy": f"p{number}"}, why=WHY)
        for number in range(most)
    ]
    asyncio.run(_open(settings, [*redress, *ended]))
    return [one.case_id for one in redress] + list(_traced(settings, day, most))


async def _open(settings: Settings, cases: Iterable[Case]) -> None:
    store = CaseStore(settings)
    for one in cases:
        await store.open(one)


def _traced(settings: Settings, day: Day, most: int) -> Iterator[str]:
    """Trace calls of the largest campaigns, a few of each, as the page of a campaign does."""
    left = most
    for one in sorted(day.campaigns, key=lambda one: -one.calls):
        if left > 0 and len(one.examples) >= MOST_TRACED:
            ids = trace(settings, [call.call_id for call in one.examples], one.id, WHO, WHY)
            left -= len(ids)
            yield from ids


@contextmanager
def workers_tell(settings: Settings, models: Mapping[str, str]) -> Iterator[None]:
    """Have workers say which model they run, again and again, until the end.

    Args:
        settings: where Redis is.
        models: version by name of the worker.
    """
    ending = threading.Event()

    async def say() -> None:
        client, since_ms = connect(settings), time.time_ns() // 1_000_000
        for name, version in models.items():
            await tell(client, WorkerReport(name, version, since_ms))
        await client.aclose()

    def run() -> None:
        while not ending.is_set():
            asyncio.run(say())
            ending.wait(TOLD_EVERY_S)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
