"""A promotion and a rollback under load: is a call lost, and does one wait longer for its answer?

    python -m benchmarks.promotion --rate 500 --seconds 90

A real broker, store and worker; calls on a fixed schedule from another process. After a third of the time another model
is named as `robocall models promote` names it, after two thirds the first one again. Latency is counted from the
intended send instant to the decision read by a third process. Every call must have one decision, and the stretches of
the two models must not overlap. Compared are the seconds in which the worker loads and takes a model with all others.
"""

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from redis import Redis

from benchmarks.machine import describe
from benchmarks.open_loop import Generator, Run, make_run
from benchmarks.recovery import Worker
from detector.features import FEATURE_SCHEMA_ID
from models.artifact import SHIPPED
from models.registry import Registry
from streams.files import private_folder
from streams.guest_group import guest_group, partitions_of
from streams.local import local_services
from streams.settings import load_settings
from streams.store import ACTIVE_MODEL
from streams.topics import CALL_DECISIONS, CALL_EVENTS, admin_client, create

WARM_UP_S = 5.0
SWITCHING_S = 4.0
"""From the moment a model is named; a worker looks once a second, then loads and compiles for a second or two."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One decision as it was read: intended send instant, latency, and when it was decided by which model."""

    due_ns: int
    latency_ms: float
    decided_ms: int
    model: str


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=500, help="calls a second")
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--second", type=Path, help="folder of the other model; else one is trained, about a minute")
    parser.add_argument("--out", type=Path, help="also write the result here, with all latencies")
    options = parser.parse_args()
    folder = private_folder()
    models = [Registry(folder / "models").add(one, schema_id=FEATURE_SCHEMA_ID)[0].version for one in (
        SHIPPED, options.second or trained(folder / "second")
    )]  # fmt: skip
    with local_services(heap_mb=1024, fast_start=False, configured=True) as services, ExitStack() as at_exit:
        servers = str(services.bootstrap_servers)
        settings = load_settings(kafka_bootstrap_servers=servers, kafka_security_protocol="PLAINTEXT")
        admin = at_exit.enter_context(admin_client(settings))
        create(admin, partitions=options.partitions)
        partitions = partitions_of(admin, CALL_EVENTS)
        own = {
            "ROBOCALL_CONSUMER_GROUP": at_exit.enter_context(guest_group(admin, "robocall-benchmark")),
            "ROBOCALL_PARTITIONS": str(partitions),
            "ROBOCALL_SNAPSHOT_URL": str(folder / "snapshots"),
            "ROBOCALL_MODELS_URL": str(folder / "models"),
        }
        redis = at_exit.enter_context(Redis.from_url(str(services.redis_url)))
        redis.set(ACTIVE_MODEL, models[0])
        worker = Worker(services.environment() | own)
        at_exit.callback(worker.process.wait)
        at_exit.callback(worker.process.terminate)
        worker.wait_until_ready()
        run = make_run(CALL_EVENTS, options.rate, options.seconds, WARM_UP_S)
        answers, named_ns = load(servers, partitions, run, options.seconds, redis, models)
    result = describe() | {"rate": run.rate, "calls": len(answers)} | judged(answers, named_ns, models)
    print(json.dumps(result, indent=1))
    if options.out:
        raw = [[answer.due_ns, answer.latency_ms, models.index(answer.model)] for answer in answers]
        options.out.write_text(json.dumps(result | {"named_ns": named_ns, "answers": raw}))


def trained(folder: Path) -> Path:
    """Train another model of the usual size on a little traffic."""
    command = ["train", "--simulate", "--hours", "4", "--seed", "11", "--out", str(folder)]
    subprocess.run([sys.executable, "-m", "streams.cli", *command], check=True, stdout=subprocess.DEVNULL)
    return folder


def load(
    servers: str, partitions: int, run: Run, seconds: float, redis: "Redis", models: Sequence[str]
) -> tuple[list[Answer], list[int]]:
    """Send calls, and meanwhile name the second model and the first one again; returns answers and those instants."""
    generator = Generator(servers)
    context = multiprocessing.get_context("spawn")
    ready, found = context.Queue(), context.Queue()
    reader = context.Process(target=read_answers, args=(servers, run, partitions, ready, found))
    reader.start()
    ready.get(timeout=60)
    generator.start(run)
    time.sleep(WARM_UP_S)
    named_ns = []
    for model in (models[1], models[0]):
        time.sleep(seconds / 3)
        named_ns.append(time.time_ns())
        redis.set(ACTIVE_MODEL, model)
        print(f"{model} is named", file=sys.stderr, flush=True)
    generator.finished()
    rows: list[tuple[int, int, float, int, str]] = found.get(timeout=120)
    reader.join()
    generator.close()
    if sorted(index for index, *_ in rows) != list(range(run.number)):
        calls = len({index for index, *_ in rows})
        raise SystemExit(f"wrong run: {run.number} calls, {len(rows)} decisions of {calls} calls")
    return [Answer(due, waited, at, model) for index, due, waited, at, model in rows if index >= run.warm], named_ns


def read_answers(servers: str, run: Run, partitions: int, ready: Any, found: Any) -> None:
    """Read decisions from the end of the topic on; give index, intended instant, latency and model of each."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": f"reader-{run.tag}", "enable.auto.commit": False})
    places = [TopicPartition(CALL_DECISIONS, partition) for partition in range(partitions)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
    consumer.assign(places)
    consumer.poll(0.5)
    ready.put(1)
    rows: list[tuple[int, int, float, int, str]] = []
    deadline_s = time.monotonic() + 600
    while len(rows) < run.number and time.monotonic() < deadline_s:
        message = consumer.poll(0.2)
        if message is None or message.error():
            continue
        now = time.time_ns()
        decision = json.loads(message.value() or b"{}")
        tag, _, rest = decision["call_id"].partition(".")
        if tag == run.tag:
            index, _, due = rest.partition(".")
            waited_ms = (now - int(due)) / 1e6
            rows.append((int(index), int(due), waited_ms, decision["decided_time_ms"], decision["model_version"]))
    found.put(rows)
    consumer.close()


def judged(answers: Sequence[Answer], named_ns: Sequence[int], models: Sequence[str]) -> dict[str, Any]:
    """Latencies around each switch and in all other seconds; a stretch that is not whole fails the run."""
    stretches = in_turn(answers)
    if stretches != [models[0], models[1], models[0]]:
        raise SystemExit(f"wrong run: the models decided in this order: {stretches}")
    around: list[list[float]] = [[] for _ in named_ns]
    others: dict[int, list[float]] = {}
    for answer in answers:
        for place, named in enumerate(named_ns):
            if 0 <= answer.due_ns - named < SWITCHING_S * 1e9:
                around[place].append(answer.latency_ms)
                break
        else:
            others.setdefault(answer.due_ns // int(SWITCHING_S * 1e9), []).append(answer.latency_ms)
    quiet = [latency for one in others.values() for latency in one]
    highest = [max(one) for one in others.values()]
    return {
        "promotion": _figures(around[0]),
        "rollback": _figures(around[1]),
        "all_other_seconds": _figures(quiet),
        "highest_of_each_other_4_s_ms": {
            "median": round(statistics.median(highest), 2),
            "highest": round(max(highest), 2),
        },
    }


def in_turn(answers: Sequence[Answer]) -> list[str]:
    """Models in the order in which they decided; within one millisecond the one that did before comes first."""
    at: dict[int, set[str]] = {}
    for answer in answers:
        at.setdefault(answer.decided_ms, set()).add(answer.model)
    turns: list[str] = []
    for _, models in sorted(at.items()):
        turns += sorted(models.difference(turns[-1:]))
    return turns


def _figures(latencies_ms: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(latencies_ms, n=1000)
    named = {"p50_ms": cuts[499], "p99_ms": cuts[989], "p99_9_ms": cuts[998], "max_ms": max(latencies_ms)}
    return {"calls": len(latencies_ms)} | {name: round(value, 2) for name, value in named.items()}


if __name__ == "__main__":
    main()
