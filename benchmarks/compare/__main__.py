"""Compare two commits: the same bytes out of the same events, and how much dearer the second one is.

    python -m benchmarks.compare 0252823 HEAD
    python -m benchmarks.compare 0252823 HEAD --worker --events 1000000
    python -m benchmarks.compare 0252823 HEAD --each --events 1000000

Both are checked out into work trees of their own. Each replays one file of generated, unusual and malformed events;
decisions, features and dead letters must have the same digests. Then they take turns, A B A B, until the interval of
the ratio of their CPU time is narrow. A start has a ratio of its own: each turn also replays a few events, and the
difference is what the others cost. With `--worker` both work off the same backlog on a real Kafka instead.

With `--each` every commit from the first to the second replays the file once, and nothing is timed: one table of the
digests of their decisions, with a mark where they are not those of the commit before.

The status is 1 if anything but the cost differs; with `--each`, if a replay fails.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.compare.mixed_events import mixed_event_file
from benchmarks.harness.backlog import publish
from benchmarks.harness.machine import describe, give
from benchmarks.harness.processors import on_processors
from benchmarks.harness.trees import Tree, checked_out, commits_between
from benchmarks.harness.turns import FEWEST, Ratio, add_limits, in_words, limits_of, ratio_of, take_turns
from benchmarks.throughput.bench import WORKER_PROCESSOR, Bench
from streams.local.services import local_services

FEW = 20_000
"""Events of a replay that is mostly its start: enough of them to do everything once that is done only once."""
OUTPUTS = ("decisions", "features", "dead_letters")


def main() -> None:
    """Compare and print one JSON object; sentences go to standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs=2, metavar="COMMIT", help="what is compared with, and what is judged")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--each", action="store_true", help="the decisions of all commits between them, untimed")
    parser.add_argument("--worker", action="store_true", help="the worker on a backlog instead of the replay")
    parser.add_argument("--partitions", type=int, default=12, help="of the backlog [%(default)s]")
    parser.add_argument("--trees", type=Path, help="keep the work trees here: the next time they are compiled already")
    parser.add_argument("--out", type=Path, help="also write the result here")
    add_limits(parser)
    options = parser.parse_args()
    if options.each:
        give(describe() | {"events": options.events, "digests": digests_of_each(options)}, options.out)
        return
    with checked_out(options.commits, options.trees) as made:
        trees = dict(zip("AB", made, strict=True))
        _say(", ".join(f"{name} is {tree.commit}" for name, tree in trees.items()))
        compare = compare_workers if options.worker else compare_replays
        result = describe() | {name: tree.commit for name, tree in trees.items()} | compare(trees, options)
    give(result, options.out)
    if not all(result.get("same", {}).values()):
        raise SystemExit(1)


def digests_of_each(options: argparse.Namespace) -> dict[str, str]:
    """SHA-256 of the decisions of every commit from the first to the second, oldest first; a line each as it is known.

    Work trees are made one after the other, so that a long walk needs the disk of one.
    """
    events, found, before = mixed_event_file(options.events, options.seed), dict[str, str](), None
    _say("| commit | decisions | subject |\n|---|---|---|")
    for commit, subject in commits_between(*options.commits):
        with checked_out([commit], options.trees) as (tree,), tempfile.TemporaryDirectory() as folder:
            decisions = Path(folder) / "decisions.jsonl"
            cpu_s(tree, str(events), "--decisions", str(decisions))
            found[tree.commit] = hashlib.sha256(decisions.read_bytes()).hexdigest()
        mark = " **other bytes**" if before not in {None, found[tree.commit]} else ""
        before = found[tree.commit]
        _say(f"| {tree.commit} | {before[:16]}{mark} | {subject} |")
    return found


def compare_replays(trees: dict[str, Tree], options: argparse.Namespace) -> dict[str, Any]:
    """Digests first, then the cost of an event and of a start, by turns."""
    events = mixed_event_file(options.events, options.seed)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        few = folder / "few.jsonl"
        with events.open("rb") as file:
            few.write_bytes(b"".join(islice(file, FEW)))
        digests = {name: outputs(tree, events, folder) for name, tree in trees.items()}
        same = {output: digests["A"][output] == digests["B"][output] for output in OUTPUTS}
        for output, is_same in same.items():
            _say(f"{output}: {'the same bytes' if is_same else 'DIFFERENT'}")
        runs = {name: partial(costs, tree, events, few, options.events) for name, tree in trees.items()}
        found = take_turns(runs, base="A", cost=_of_event, limits=limits_of(options))
    return {"events": options.events, "same": same, "digests": digests} | _ratios(found, ("event", "start"))


def compare_workers(trees: dict[str, Tree], options: argparse.Namespace) -> dict[str, Any]:
    """Let both work off the same backlog by turns; each decision of each run is checked."""
    with on_processors(range(WORKER_PROCESSOR + 1, 1024)), local_services(heap_mb=1024, fast_start=False) as services:
        bench = Bench(services, options.partitions)
        backlog = publish(bench.servers, options.events, options.seed)

        def run(tree: Tree) -> dict[str, float]:
            figures = bench.worker(backlog, tree)
            return {"event": figures["cpu_us_per_event"], "seconds": 1e6 / figures["events_per_second"]}

        runs: dict[str, Callable[[], dict[str, float]]] = {name: partial(run, tree) for name, tree in trees.items()}
        found = take_turns(runs, base="A", cost=_of_event, limits=limits_of(options))
    return {"events": options.events, "partitions": options.partitions} | _ratios(found, ("event", "seconds"))


def outputs(tree: Tree, events: Path, folder: Path) -> dict[str, str]:
    """SHA-256 of all that a replay writes; of features the values, whatever the groups of rows in their file."""
    paths = {output: folder / f"{output}.{tree.commit}" for output in OUTPUTS}
    options = [part for output, path in paths.items() for part in (f"--{output.replace('_', '-')}", str(path))]
    cpu_s(tree, str(events), *options)
    digests = {output: hashlib.sha256(paths[output].read_bytes()).hexdigest() for output in OUTPUTS}
    return digests | {"features": digest_of_values(paths["features"])}


def digest_of_values(path: Path) -> str:
    """SHA-256 of the names and values of a Parquet file, column by column."""
    digest = hashlib.sha256()
    for name in pq.read_schema(path).names:
        column = pq.read_table(path, columns=[name]).column(name).to_numpy()
        values = "\n".join(column).encode() if column.dtype == object else column.tobytes()
        digest.update(f"{name} {column.dtype} {len(column)}\n".encode() + values)
    return digest.hexdigest()


def costs(tree: Tree, events: Path, few: Path, number: int) -> dict[str, float]:
    """CPU of a replay: seconds of its start, microseconds of each event after it."""
    start_s = cpu_s(tree, str(few), "--decisions", os.devnull)
    whole_s = cpu_s(tree, str(events), "--decisions", os.devnull)
    return {"start": start_s, "event": 1e6 * (whole_s - start_s) / (number - FEW)}


def cpu_s(tree: Tree, *arguments: str) -> float:
    """Seconds on a processor, user and system, of one `robocall replay` of this tree.

    Raises:
        SystemExit: it failed.
    """
    command = tree.command("replay", *arguments)
    process = subprocess.Popen(command, cwd=tree.folder, env=tree.environment(), stderr=subprocess.PIPE)
    said = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"wrong run: replay of {tree.commit} failed: {said[-1_000:].decode(errors='replace')}")
    return used.ru_utime + used.ru_stime


def _ratios(found: dict[str, list[dict[str, float]]], measures: tuple[str, ...]) -> dict[str, Any]:
    """Each measure of B as a ratio to A's, and the runs."""
    ratios = {one: ratio_of([run[one] for run in found["B"]], [run[one] for run in found["A"]]) for one in measures}
    for one, ratio in ratios.items():
        _say(f"{one}: B to A {in_words(ratio)}, {_verdict(ratio)}")
    return {"ratios": {one: ratio.as_json() for one, ratio in ratios.items()}, "runs": found}


def _verdict(ratio: Ratio) -> str:
    if ratio.turns < FEWEST:
        return "too few turns to say more"
    return "dearer" if ratio.low > 1 else "cheaper" if ratio.high < 1 else "no difference that shows"


def _of_event(figures: dict[str, float]) -> float:
    return figures["event"]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
