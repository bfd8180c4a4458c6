"""Compare other streaming systems with ours on the same job, topic, broker and core. See README.md.

python -m benchmarks.peers --only worker floor quix_memory --out result.json
"""

import argparse
import dataclasses
import os
import shutil
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient

from benchmarks.harness.backlog import event_file
from benchmarks.harness.machine import describe
from benchmarks.harness.turns import add_limits, limits_of
from benchmarks.peers import checking, running, table
from benchmarks.peers.backlog import Backlog, publish
from benchmarks.peers.entries import COPY, ENTRIES, PRODUCT, Entry, Place
from benchmarks.peers.reference import Reference
from benchmarks.peers.results import Results
from streams.files import private_folder
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, SCORED_CALLS, admin_client, create
from streams.local.services import LocalServices, local_services
from streams.settings import load_settings


def main() -> None:
    """Run the entries by turns and print one JSON object; the table goes to standard error.

    The result is written after each run, so that what is finished stays whatever happens to the rest. A run that is
    wrong leaves its entry out of further rounds and has the command fail in the end.
    """
    options = _options()
    chosen = [
        dataclasses.replace(entry, events=int(entry.events * options.scale))
        for entry in ENTRIES
        if not options.only or entry.name in options.only
    ]
    results = Results(chosen, describe() | {"pinned_to_core": options.core, "seed": options.seed}, options.out)
    if options.resume:
        results.resume()
    if results.due(limits_of(options)):
        _run_all(chosen, results, options)
    _say(table.markdown(results.rows()))
    if options.plot:
        table.draw(results.rows(), options.plot)
    print(results.text())
    if results.failed:
        raise SystemExit("\n".join(f"wrong run: {reason}" for reason in results.failed.values()))


def _run_all(chosen: list[Entry], results: Results, options: argparse.Namespace) -> None:
    for entry in chosen:
        results.versions[entry.name] = running.prepare(entry)
    os.sched_setaffinity(0, set(os.sched_getaffinity(0)) - {options.core} or {options.core})
    most = max(entry.events for entry in chosen)
    lines = event_file(most, options.seed).read_bytes().splitlines()
    with local_services(heap_mb=1024, fast_start=False) as services:
        bench = Bench(services, lines, options.core, options.seed)
        started_s = time.monotonic()
        while due := results.due(limits_of(options)):
            for entry in due:
                said = _run_one(bench, entry, results)
                _say(f"[{time.monotonic() - started_s:.0f} s] {entry.name}: {said}")


def _run_one(bench: "Bench", entry: Entry, results: Results) -> str:
    try:
        figures = bench.run(entry)
    except checking.WrongRun as error:
        results.fail(entry, str(error))
        return f"wrong run: {error}"
    results.add(entry, figures)
    return f"{figures['cpu_us_per_event']} us of CPU an event, {figures['counts']}"


class Bench:
    """A broker with the backlog on it.

    Args:
        services: the broker, and a Valkey for the worker.
        lines: the backlog.
        core: that entries are pinned to.
        seed: of the sample that is checked.
    """

    def __init__(self, services: LocalServices, lines: list[bytes], core: int, seed: int) -> None:
        self._servers = str(services.bootstrap_servers)
        self._services = services.environment()
        self._core, self._seed = core, seed
        self._settings = load_settings(kafka_bootstrap_servers=self._servers, kafka_security_protocol="PLAINTEXT")
        with admin_client(self._settings) as admin:
            create(admin, partitions=1)
        _say(f"{len(lines):,} events are published ...")
        self._backlog: Backlog = publish(self._servers, CALL_EVENTS, lines)
        self._reference = Reference(self._backlog)

    def run(self, entry: Entry) -> dict[str, Any]:
        """Run and check the entry once.

        Raises:
            WrongRun: what it did is not the job.
        """
        scratch = private_folder()
        group = f"peers-{entry.name}-{uuid.uuid4().hex[:8]}"
        sink = CALL_DECISIONS if entry.does == PRODUCT else f"out-{group}"
        place = Place(self._servers, CALL_EVENTS, sink, group, scratch, self._services)
        try:
            with admin_client(self._settings) as admin:
                if entry.does != PRODUCT:
                    _make(admin, sink)
                starts = {topic: running.end_of(self._servers, topic) for topic in (sink, SCORED_CALLS)}
                figures = running.run(entry, place, self._backlog, self._core)
                checked = self._checked(entry, sink, starts)
                if entry.does != PRODUCT:
                    admin.delete_topics([sink])
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return figures | checked

    def _checked(self, entry: Entry, sink: str, starts: dict[str, int]) -> dict[str, Any]:
        answers = running.read(self._servers, sink, starts[sink])
        if entry.does == PRODUCT:
            scored = running.read(self._servers, SCORED_CALLS, starts[SCORED_CALLS])
            return checking.check_product(answers, scored, entry, self._backlog, self._reference)
        if entry.does == COPY:
            return checking.check_copies(sum(1 for _ in answers), entry, self._backlog)
        return checking.check_job(answers, entry, self._backlog, self._reference, self._seed)


def _make(admin: KafkaAdminClient, topic: str) -> None:
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=[entry.name for entry in ENTRIES], default=[], help="entries to run [all]"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="factor of every entry's number of events [%(default)s]"
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument(
        "--core",
        type=int,
        default=os.cpu_count() and (os.cpu_count() or 1) - 1,
        help="processor that the entry is pinned to [the last one]",
    )
    parser.add_argument("--out", type=Path, help="write the result to this file after each run")
    parser.add_argument("--resume", action="store_true", help="keep the runs that --out already holds")
    parser.add_argument("--plot", type=Path, help="draw the result into this file, PNG or SVG")
    add_limits(parser, within=0.1, most=8)
    options = parser.parse_args()
    if options.resume and not options.out:
        parser.error("--resume goes on with the file that --out names: give both")
    return options


if __name__ == "__main__":
    main()
