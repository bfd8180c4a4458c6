"""Promotions and rollbacks of a model under load: is a call lost, and does one wait longer for its answer?

    python -m benchmarks.promotion --rate 500 --seconds 180 --switches 6

A real broker, store and worker. Another process sends calls on a fixed schedule, and a third reads the decisions. At
even intervals a second model is promoted, as `robocall models promote` does it, and then the first one again. Latency
is counted from the intended send instant. Every call must have exactly one decision, and the spans of the two models
must not overlap.

A switch costs the slowest answer while the worker notices, loads and takes a model. It is compared with the slowest
answers of all other spans of that length, which are what this machine does without a switch. Where these differ by more
than the limit (their quartiles), the result says nothing.
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

from benchmarks.harness.machine import describe
from benchmarks.harness.open_loop import Generator, Run, make_run
from benchmarks.harness.worker import PATIENT, Worker
from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED
from models.store.registry import Registry
from streams.files import private_folder
from streams.kafka.temporary_group import partitions_of, temporary_group
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, admin_client, create
from streams.local.services import local_services
from streams.redis.connection import ACTIVE_MODEL
from streams.settings import load_settings

WARM_UP_S = 5.0
SWITCHING_S = 4.0
"""From the moment a model is named; a worker looks once a second, then loads and compiles for a second or two."""
AFTER_S = 1.0
"""A slower switch is watched for so long beyond its first answer."""
MOST_SPIKE_MS = 20.0
MOST_SWITCH_S = 5.0


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
    parser.add_argument("--rate", type=int, default=500, help="calls a second [%(default)s]")
    parser.add_argument("--seconds", type=float, default=180.0, help="of traffic [%(default)s]")
    parser.add_argument("--switches", type=int, default=6, help="promotions and rollbacks, in turn [%(default)s]")
    parser.add_argument("--partitions", type=int, default=12, help="of the topic [%(default)s]")
    parser.add_argument(
        "--second", type=Path, help="folder of the other model; without it one is trained, which takes about a minute"
    )
    parser.add_argument("--out", type=Path, help="also write the result to this file")
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
            "ROBOCALL_CONSUMER_GROUP": at_exit.enter_context(temporary_group(admin, "robocall-benchmark")),
            "ROBOCALL_PARTITIONS": str(partitions),
            "ROBOCALL_SNAPSHOT_URL": str(folder / "snapshots"),
            "ROBOCALL_MODELS_URL": str(folder / "models"),
        }
        redis = at_exit.enter_context(Redis.from_url(str(services.redis_url)))
        redis.set(ACTIVE_MODEL, models[0])
        worker = Worker(services.environment() | PATIENT | own)
        at_exit.callback(worker.process.wait)
        at_exit.callback(worker.process.terminate)
        worker.wait_until_ready()
        run = make_run(CALL_EVENTS, options.rate, options.seconds, WARM_UP_S)
        pause_s = options.seconds / (options.switches + 1)
        named = [models[number % 2] for number in range(1, options.switches + 1)]
        answers, named_ns, late = load(servers, partitions, run, pause_s, redis, named)
    switches = list(zip(named, named_ns, strict=True))
    result = describe() | {"rate": run.rate, "calls": len(answers), "lost": 0, "doubled": 0}
    result |= judged(answers, models[0], switches) | {"generator_late": late, "seconds": by_second(answers)}
    text = json.dumps(result)
    print(json.dumps({name: value for name, value in result.items() if name != "seconds"}, indent=1))
    if options.out:
        options.out.write_text(text)


def trained(folder: Path) -> Path:
    """Train another model of the usual size on a little traffic."""
    command = ["train", "--simulate", "--hours", "4", "--seed", "11", "--out", str(folder)]
    subprocess.run([sys.executable, "-m", "streams.commands.main", *command], check=True, stdout=subprocess.DEVNULL)
    return folder


def load(
    servers: str, partitions: int, run: Run, pause_s: float, redis: "Redis", named: Sequence[str]
) -> tuple[list[Answer], list[int], dict[str, float]]:
    """Send calls and meanwhile name the models, one after each pause.

    Returns answers, the instants at which models were named, and how late the generator was.

    Ends the run unless every call has one decision.
    """
    generator = Generator(servers)
    context = multiprocessing.get_context("spawn")
    ready, found = context.Queue(), context.Queue()
    reader = context.Process(target=read_answers, args=(servers, run, partitions, ready, found))
    reader.start()
    ready.get(timeout=60)
    generator.start(run)
    time.sleep(WARM_UP_S)
    named_ns = []
    for number, model in enumerate(named, 1):
        time.sleep(pause_s)
        named_ns.append(time.time_ns())
        redis.set(ACTIVE_MODEL, model)
        print(f"{number} of {len(named)}: {model} is named", file=sys.stderr, flush=True)
    late = generator.finished()
    rows: list[tuple[int, int, float, int, str]] = found.get(timeout=120)
    reader.join()
    generator.close()
    if sorted(index for index, *_ in rows) != list(range(run.number)):
        calls = len({index for index, *_ in rows})
        raise SystemExit(f"wrong run: {run.number} calls, {len(rows)} decisions of {calls} calls")
    return (
        [Answer(due, waited, at, model) for index, due, waited, at, model in rows if index >= run.warm],
        named_ns,
        late,
    )


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


def judged(answers: Sequence[Answer], first: str, switches: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """What each switch cost beside all other spans; a stretch that is not whole fails the run.

    Args:
        answers: of all calls that count.
        first: model that decides at first.
        switches: the model named, and when, epoch nanoseconds.
    """
    stretches = in_turn(answers)
    if stretches != [first, *(model for model, _ in switches)]:
        raise SystemExit(f"wrong run: the models decided in this order: {stretches}")
    done_ns = [switched_ns(answers, model, named) for model, named in switches]
    spans = [
        (named, max(named + int(SWITCHING_S * 1e9), done + int(AFTER_S * 1e9)))
        for (_, named), done in zip(switches, done_ns, strict=True)
    ]
    around: list[list[float]] = [[] for _ in spans]
    others: dict[int, list[float]] = {}
    for answer in answers:
        place = next((place for place, (begin, end) in enumerate(spans) if begin <= answer.due_ns < end), None)
        if place is None:
            others.setdefault(answer.due_ns // int(SWITCHING_S * 1e9), []).append(answer.latency_ms)
        else:
            around[place].append(answer.latency_ms)
    highest = [max(one) for one in others.values()]
    usual = statistics.median(highest)
    low, _, high = statistics.quantiles(highest, n=4)
    apart = high - low
    spikes = [max(one) - usual for one in around]
    slowest_s = max((done - named) / 1e9 for (_, named), done in zip(switches, done_ns, strict=True))
    return {
        "switches": [
            {
                "to": "rollback" if model == first else "promotion",
                "decides_after_s": round((done - named) / 1e9, 2),
                "spike_ms": round(spike, 2),
                "other_spans_higher": round(sum(one > max(latencies) for one in highest) / len(highest), 3),
            }
            | _figures(latencies)
            for (model, named), done, spike, latencies in zip(switches, done_ns, spikes, around, strict=True)
        ],
        "all_other_seconds": _figures([latency for one in others.values() for latency in one]),
        "other_spans": {
            "number": len(highest),
            "seconds": SWITCHING_S,
            "highest_ms": {"median": round(usual, 2), "highest": round(max(highest), 2)},
            "quartiles_apart_ms": round(apart, 2),
        },
        "is_quiet": apart <= MOST_SPIKE_MS,
        "spike_ms": round(max(0.0, *spikes), 2),
        "spike_is_met": max(spikes) <= MOST_SPIKE_MS,
        "slowest_switch_s": round(slowest_s, 2),
        "switch_is_met": slowest_s <= MOST_SWITCH_S,
    }


def switched_ns(answers: Sequence[Answer], model: str, named_ns: int) -> int:
    """When a model gave its first decision after it was named, epoch nanoseconds."""
    return min(one.decided_ms for one in answers if one.model == model and one.decided_ms * 1_000_000 >= named_ns) * (
        1_000_000
    )


def by_second(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Calls, models and latencies of each second, for whoever wants to look closer."""
    seconds: dict[int, list[Answer]] = {}
    for answer in answers:
        seconds.setdefault(answer.due_ns // 1_000_000_000, []).append(answer)
    return [
        {
            "second": second,
            "models": sorted({one.model for one in some}),
            "calls": len(some),
            "p50_ms": round(statistics.median(one.latency_ms for one in some), 2),
            "max_ms": round(max(one.latency_ms for one in some), 2),
        }
        for second, some in sorted(seconds.items())
    ]


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
