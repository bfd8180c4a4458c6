"""Kill -9 of one of two workers: what share of the truth do both see of trunk groups, second by second?

    python -m benchmarks.trunk_view --trunks 5000 --rate 300

A real broker and Redis, two workers that share the partitions. First `--past` calls over all trunk groups are counted.
Then calls come at `--rate`, each with the end of an earlier one. The call id of each says how many calls its trunk
group has had, itself included. The vectors in `scored-calls` say what the worker saw. One worker is killed and started
again at once; it is a static member, so it gets its partitions back.

The result is the sum of what was seen as a share of the sum of the truth, for the calls answered in one second.
`--tree COMMIT` runs another version, `--max-trunks` with another bound.
"""

import argparse
import json
import random
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.harness.machine import describe, give
from benchmarks.harness.trees import HERE, Tree, checked_out
from benchmarks.harness.worker import Worker, wait_until
from streams.files import private_folder
from streams.kafka.temporary_group import temporary_group
from streams.kafka.topics import CALL_EVENTS, SCORED_CALLS, admin_client, create
from streams.local.services import local_services
from streams.metrics import Metric
from streams.settings import load_settings

AT_S = (1, 2, 6, 33)
ENDS_AFTER = 1_000
"""A call ends when so many later ones have begun."""
SAID = (Metric.TRUNK_VIEW, Metric.TRUNK_KNOWN, Metric.TRUNK_AGE, f'{Metric.EVICTIONS}{{family="trunk"')
LAG = f'{Metric.LAG}{{partition="'


class Calls:
    """Seeded calls of random numbers on random trunk groups; sends them and counts what is true."""

    def __init__(self, servers: str, trunks: int, seed: int) -> None:
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 5, "partitioner": "murmur2_random"})
        self._random = random.Random(seed)
        self._truth = [0] * trunks
        self._open: list[dict[str, Any]] = []

    def send(self) -> None:
        """Send one set-up, and the end of an earlier call."""
        place = self._random.randrange(len(self._truth))
        self._truth[place] += 1
        now_ms = time.time_ns() // 1_000_000
        call = {
            "call_id": f"{self._random.getrandbits(48):x}.{self._truth[place]}",
            "setup_time_ms": now_ms,
            "calling_number": f"+1{self._random.randrange(2_010_000_000, 9_899_999_999)}",
            "called_number": f"+1{self._random.randrange(2_010_000_000, 9_899_999_999)}",
            "trunk_group_id": f"trunk-{place}",
        }
        self._publish(call | {"type": "call_setup"})
        self._open.append(call)
        if len(self._open) > ENDS_AFTER:
            self._publish(self._open.pop(0) | {"type": "call_end", "end_time_ms": now_ms, "sip_status": 200})

    def _publish(self, event: dict[str, Any]) -> None:
        while True:
            try:
                self._producer.produce(CALL_EVENTS, json.dumps(event), event["calling_number"])
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def send_past(self, number: int) -> None:
        """Send so many as fast as it goes."""
        for _ in range(number):
            self.send()
        self._producer.flush(300)

    def keep_sending(self, rate: int, stopped: threading.Event) -> None:
        """Send at a rate until told to stop."""
        start_s, sent = time.monotonic(), 0
        while not stopped.is_set():
            while sent < (time.monotonic() - start_s) * rate:
                self.send()
                sent += 1
            self._producer.poll(0.005)


class Seen:
    """What was seen of each call, read from `scored-calls` in a thread of its own."""

    def __init__(self, servers: str, partitions: int) -> None:
        self.rows: list[tuple[float, int, float, int]] = []
        """When it was read (monotonic seconds), partition, calls seen, calls in truth."""
        self._consumer = Consumer({"bootstrap.servers": servers, "group.id": "seen", "enable.auto.commit": False})
        places = [TopicPartition(SCORED_CALLS, partition) for partition in range(partitions)]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=30)[1]
        self._consumer.assign(places)

    def read(self, stopped: threading.Event) -> None:
        """Read until told to stop."""
        while not stopped.is_set():
            for message in self._consumer.consume(500, 0.2):
                if message.error() is None:
                    row = json.loads(message.value() or b"")
                    truth = int(row["call_id"].rpartition(".")[2])
                    seen = row["features"]["trunk_attempts_24h"]
                    self.rows.append((time.monotonic(), message.partition() or 0, seen, truth))

    def share(self, partitions: Sequence[int], from_s: float, to_s: float) -> float | None:
        """Of the calls in some partitions that were read in a span; None where there are none."""
        rows = [(seen, truth) for at, home, seen, truth in self.rows if from_s <= at < to_s and home in partitions]
        return round(sum(seen for seen, _ in rows) / sum(truth for _, truth in rows), 3) if rows else None

    def first_s(self, partitions: Sequence[int], after_s: float) -> float:
        """When the first call in some partitions was read after an instant."""
        return min((at for at, home, *_ in self.rows if at > after_s and home in partitions), default=after_s)


def measure(options: argparse.Namespace, tree: Tree) -> dict[str, Any]:
    """Fill, let it settle, send, kill, start again."""
    with local_services(heap_mb=1024) as services, ExitStack() as at_exit:
        servers = str(services.bootstrap_servers)
        admin = at_exit.enter_context(admin_client(load_settings(kafka_bootstrap_servers=servers)))
        create(admin, partitions=options.partitions)
        environment = services.environment() | {
            "ROBOCALL_CONSUMER_GROUP": at_exit.enter_context(temporary_group(admin, "robocall-benchmark")),
            "ROBOCALL_PARTITIONS": str(options.partitions),
            "ROBOCALL_SNAPSHOT_URL": str(private_folder()),
            "ROBOCALL_SNAPSHOT_INTERVAL_S": "10",
            "ROBOCALL_SCORED_SAMPLE_RATIO": "1",
            "ROBOCALL_SHED_AFTER_MS": "60000",
            "ROBOCALL_DECISION_DEADLINE_MS": "60000",
        }
        if options.max_trunks:
            environment["ROBOCALL_MAX_TRUNKS"] = str(options.max_trunks)
        first, second = (Worker(environment | {"ROBOCALL_INSTANCE_ID": name}, tree) for name in "ab")
        at_exit.callback(first.kill)
        for worker in (first, second):
            worker.wait_until_ready()
        calls = Calls(servers, options.trunks, options.seed)
        calls.send_past(options.past)
        for worker in (first, second):
            worker.wait_until_read()
        seen, stopped = Seen(servers, options.partitions), threading.Event()
        threads = [
            threading.Thread(target=seen.read, args=(stopped,)),
            threading.Thread(target=calls.keep_sending, args=(options.rate, stopped)),
        ]
        at_exit.callback(stopped.set)
        for thread in threads:
            thread.start()
        time.sleep(options.settle)
        survivors, killed = owned(first), owned(second)
        killed_s = time.monotonic()
        second.kill()
        successor = Worker(environment | {"ROBOCALL_INSTANCE_ID": "b"}, tree)
        at_exit.callback(successor.kill)
        successor.wait_until_ready()
        ready_s = time.monotonic()
        wait_until(lambda: seen.first_s(killed, ready_s) > ready_s, "an answer of the successor")
        back_s = seen.first_s(killed, ready_s)
        time.sleep(max(AT_S) + 1)
        figures = first.metrics()
        stopped.set()
        for thread in threads:
            thread.join()
    return {
        "trunks": options.trunks,
        "partitions": options.partitions,
        "rate": options.rate,
        "past": options.past,
        "before_the_kill": {
            name: seen.share(homes, killed_s - 5, killed_s) for name, homes in named(survivors, killed)
        },
        "back_after_s": round(back_s - killed_s, 1),
        "survivor": {at: seen.share(survivors, killed_s + at - 1, killed_s + at) for at in AT_S},
        "survivor_after_the_take_over": {at: seen.share(survivors, back_s + at - 1, back_s + at) for at in AT_S},
        "successor": {at: seen.share(killed, back_s + at - 1, back_s + at) for at in AT_S},
        "calls": len(seen.rows),
        "survivor_says": {name: value for name, value in figures.items() if name.startswith(SAID)},
    }


def named(survivors: Sequence[int], killed: Sequence[int]) -> list[tuple[str, Sequence[int]]]:
    """Both workers' partitions."""
    return [("survivor", survivors), ("killed", killed)]


def owned(worker: Worker) -> list[int]:
    """The partitions of a worker."""
    return [int(name.removeprefix(LAG).partition('"')[0]) for name in worker.metrics() if name.startswith(LAG)]


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trunks", type=int, default=5_000, help="trunk groups [%(default)s]")
    parser.add_argument("--partitions", type=int, default=12, help="of the topic [%(default)s]")
    parser.add_argument("--past", type=int, default=300_000, help="calls before [%(default)s]")
    parser.add_argument("--rate", type=int, default=300, help="calls a second [%(default)s]")
    parser.add_argument("--settle", type=float, default=20.0, help="seconds of traffic before the kill [%(default)s]")
    parser.add_argument("--max-trunks", type=int, default=0, help="ROBOCALL_MAX_TRUNKS; 0 = the default")
    parser.add_argument("--seed", type=int, default=7, help="of the calls [%(default)s]")
    parser.add_argument("--tree", help="commit whose workers run [these]")
    parser.add_argument("--trees", type=Path, help="keep its work tree here: the next time it is compiled already")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    with ExitStack() as at_exit:
        trees = at_exit.enter_context(checked_out([options.tree], options.trees)) if options.tree else [HERE]
        result = measure(options, trees[0])
    give(describe() | {"tree": trees[0].commit} | result, options.out)


if __name__ == "__main__":
    main()
