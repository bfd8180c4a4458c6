"""Other streaming systems and ours on the same job, topic, broker and core; see README.md.

python -m benchmarks.peers --only worker floor quix_memory --repetitions 3
"""

import argparse
import dataclasses
import json
import os
import shutil
import statistics
import sys
import uuid
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient

from benchmarks.machine import describe
from benchmarks.peers import checking, running, table
from benchmarks.peers.backlog import Backlog, publish
from benchmarks.peers.entries import COPY, ENTRIES, PRODUCT, Entry, Place
from benchmarks.peers.reference import Reference
from benchmarks.workload import event_lines
from streams.files import private_folder
from streams.local import LocalServices, local_services
from streams.settings import load_settings
from streams.topics import CALL_DECISIONS, CALL_EVENTS, SCORED_CALLS, admin_client, create


def main() -> None:
    """Run the entries one after another and print one JSON object; the table goes to standard error."""
    options = _options()
    chosen = [
        dataclasses.replace(entry, events=int(entry.events * options.scale))
        for entry in ENTRIES
        if not options.only or entry.name in options.only
    ]
    versions = {entry.name: running.prepare(entry) for entry in chosen}
    os.sched_setaffinity(0, set(os.sched_getaffinity(0)) - {options.core} or {options.core})
    lines = event_lines(max(entry.events for entry in chosen), seed=options.seed)
    with local_services(heap_mb=1024, fast_start=False) as services:
        bench = Bench(services, lines, options.core, options.seed)
        runs: dict[str, list[dict[str, Any]]] = {entry.name: [] for entry in chosen}
        for number in range(options.repetitions):  # by turns, so that a busy minute of the machine harms all alike
            for entry in chosen:
                runs[entry.name].append(bench.run(entry, number))
            rows = [_row(entry, versions[entry.name], runs[entry.name]) for entry in chosen]
            text = _report(rows, options)  # a round more is a better result, not the first one
    print(text)


def _report(rows: list[dict[str, Any]], options: argparse.Namespace) -> str:
    table.ratios(rows)
    text = json.dumps(describe() | {"pinned_to_core": options.core, "seed": options.seed, "rows": rows}, indent=1)
    _say(table.markdown(rows))
    if options.out:
        options.out.write_text(text)
    if options.plot:
        table.draw(rows, options.plot)
    return text


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

    def run(self, entry: Entry, number: int) -> dict[str, Any]:
        """Run and check the entry once; a wrong run ends the benchmark."""
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
        except checking.WrongRun as error:
            raise SystemExit(f"wrong run: {error}") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _say(f"{entry.name} {number + 1}: {figures} {checked}")
        return figures | checked

    def _checked(self, entry: Entry, sink: str, starts: dict[str, int]) -> dict[str, Any]:
        answers = running.read(self._servers, sink, starts[sink])
        if entry.does == PRODUCT:
            scored = running.read(self._servers, SCORED_CALLS, starts[SCORED_CALLS])
            return checking.check_product(answers, scored, entry, self._backlog, self._reference)
        if entry.does == COPY:
            return checking.check_copies(sum(1 for _ in answers), entry, self._backlog)
        return checking.check_job(answers, entry, self._backlog, self._reference, self._seed)


def _row(entry: Entry, version: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    costs = [run["cpu_us_per_event"] for run in runs]
    return {
        "name": entry.name,
        "does": entry.does,
        "state": entry.state,
        "windows": entry.windows,
        "version": version,
        "events": entry.events,
        "best_cpu_us_per_event": min(costs),
        "median_cpu_us_per_event": statistics.median(costs),
        "resident_mib": max(run["resident_mib"] for run in runs),
        "runs": runs,
    }


def _make(admin: KafkaAdminClient, topic: str) -> None:
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[entry.name for entry in ENTRIES], default=[])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="times the number of events of every entry")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--core", type=int, default=os.cpu_count() and (os.cpu_count() or 1) - 1, help="for the entry")
    parser.add_argument("--out", type=Path, help="also write the result here")
    parser.add_argument("--plot", type=Path, help="also draw it here (PNG or SVG)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
