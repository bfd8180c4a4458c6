"""From `robocall redress grant` to a call that passes, on a running worker.

    python -m benchmarks.redress_lift --turns 10

A real broker, store and worker that enforces. In each turn another number has a standing block and an entry of the
block list. It calls every 20 ms, and a case is opened by the real command. Then the grant runs as a process of its own.
Measured are: from its start to its write in Redis, from there to the decision on the first call that passes, both, and
the processor time of the command. On a busy machine the first says how long a new process waits for its turn.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer
from redis import Redis

from benchmarks.harness.machine import describe, give
from benchmarks.harness.trees import HERE
from benchmarks.harness.worker import PATIENCE_S, PATIENT, Worker
from benchmarks.live_tracebacks.carrier import robocall
from detector.contract.decisions import Action
from streams.files import private_folder
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.local.services import LocalServices, local_services
from streams.redis.connection import entity_key
from streams.wire.records import EntityDecision, encode

EVERY_S = 0.02
PARTITIONS = 2
FAILED_OPEN = "fail_open"
FIGURES = ("to_redis_s", "from_redis_s", "in_all_s", "command_cpu_s")
HOUR_MS = 3_600_000


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=10, help="grants, each of another number [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    with local_services(heap_mb=1024, fast_start=False) as services:
        turns = measure(services, options.turns)
    give(describe() | summary(turns) | {"turns": turns}, options.out)


def measure(services: LocalServices, turns: int) -> list[dict[str, float]]:
    """Grant redress to one number after the other; what each took.

    Args:
        services: Without topics yet.
        turns: How many, up to 1,000.
    """
    own = services.environment() | PATIENT | {
        "ROBOCALL_PARTITIONS": str(PARTITIONS),
        "ROBOCALL_SNAPSHOT_URL": str(private_folder()),
        "ROBOCALL_AWAIT_LISTS": "true",
        "ROBOCALL_MODE": "enforce",
        "ROBOCALL_ENFORCE_UNMEASURED": "a benchmark: no traffic is measured",
        "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
    }  # fmt: skip
    robocall(own, "topics", "create")
    worker = Worker(own)
    caller = Caller(str(services.bootstrap_servers))
    try:
        worker.wait_until_ready()
        return [granted(own, str(services.redis_url), caller, f"+1202555{turn:04}") for turn in range(turns)]
    finally:
        caller.close()
        worker.process.terminate()
        worker.process.wait()


def granted(own: dict[str, str], redis_url: str, caller: "Caller", number: str) -> dict[str, float]:
    """Block a number, see that it is, and grant it redress while it calls; the `FIGURES`, and the load before."""
    with Redis.from_url(redis_url) as redis:
        now_ms = time.time_ns() // 1_000_000
        stands = EntityDecision(
            f"number:{number}", Action.BLOCK, "automated_call", None, now_ms, now_ms + HOUR_MS, "model", None, "p1"
        )
        redis.set(entity_key(f"number:{number}"), encode(stands))
        robocall(own, "lists", "add", "block", number)
        caller.call_until(number, Action.BLOCK)
        opened = robocall(own, "redress", "open", "--calling", number, "--why", "a clinic", "--json")
        case_id = json.loads(opened)["case"]["case_id"]
        load, began_ms = os.getloadavg()[0], time.time_ns() / 1e6
        grant = subprocess.Popen(
            HERE.command("redress", "grant", case_id, "--why", "called back"),
            cwd=HERE.folder, env=HERE.environment() | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        passed_ms = caller.call_until(number, Action.ALLOW)
        _, status, used = os.wait4(grant.pid, 0)
        grant.returncode = os.waitstatus_to_exitcode(status)
        if grant.returncode:
            raise SystemExit(f"wrong run: the grant ended with status {grant.returncode}")
        lifted_ms = json.loads(redis.get(entity_key(f"number:{number}")) or b"{}")["since_ms"]
    return {
        "to_redis_s": round((lifted_ms - began_ms) / 1_000, 3),
        "from_redis_s": round((passed_ms - lifted_ms) / 1_000, 3),
        "in_all_s": round((passed_ms - began_ms) / 1_000, 3),
        "command_cpu_s": round(used.ru_utime + used.ru_stime, 3),
        "load": round(load, 1),
    }


class Caller:
    """Lets numbers call, and reads what is decided.

    Args:
        servers: Of Kafka.
    """

    def __init__(self, servers: str) -> None:
        self._calls = 0
        self._producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2_random", "linger.ms": 0})
        self._consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": f"reader-{time.time_ns()}", "auto.offset.reset": "earliest"}
        )
        self._consumer.subscribe([CALL_DECISIONS])

    def call_until(self, number: str, wanted: Action) -> int:
        """Let a number call every 20 ms until that is done with it; when it was decided, epoch milliseconds.

        Raises:
            SystemExit: it never was.
        """
        deadline_s = time.monotonic() + PATIENCE_S
        due_s = time.monotonic()
        while time.monotonic() < deadline_s:
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + EVERY_S
                self._call(number)
            for message in self._consumer.consume(100, EVERY_S / 2):
                decision = json.loads(message.value() or b"{}") if message.error() is None else {}
                is_meant = decision.get("calling_number") == number and decision["decided_by"] != FAILED_OPEN
                if is_meant and decision["action"] == wanted:
                    return int(decision["decided_time_ms"])
        raise SystemExit(f"wrong run: no call of {number} got {wanted}")

    def close(self) -> None:
        """Send what is left, and read no more."""
        self._producer.flush(30)
        self._consumer.close()

    def _call(self, number: str) -> None:
        self._calls += 1
        event = {
            "type": "call_setup", "call_id": f"call-{self._calls}", "setup_time_ms": time.time_ns() // 1_000_000,
            "calling_number": number, "called_number": f"+1312555{self._calls % 10_000:04}", "trunk_group_id": "t-1",
        }  # fmt: skip
        self._producer.produce(CALL_EVENTS, json.dumps(event), number)
        self._producer.poll(0)


def summary(turns: list[dict[str, float]]) -> dict[str, Any]:
    """Median and slowest of each figure."""
    return {
        name: {"median": round(statistics.median(values), 3), "slowest": max(values)}
        for name in FIGURES
        for values in [[one[name] for one in turns]]
    }


if __name__ == "__main__":
    main()
