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
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from redis import Redis

from benchmarks.harness.machine import describe
from benchmarks.harness.open_loop import make_run
from benchmarks.harness.worker import PATIENT, Worker
from benchmarks.promotion.judging import by_second, judged
from benchmarks.promotion.load import WARM_UP_S, load
from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED
from models.store.registry import Registry
from streams.files import private_folder
from streams.kafka.temporary_group import partitions_of, temporary_group
from streams.kafka.topics import CALL_EVENTS, admin_client, create
from streams.local.services import local_services
from streams.redis.connection import ACTIVE_MODEL
from streams.settings import load_settings


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


if __name__ == "__main__":
    main()
