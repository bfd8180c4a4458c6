"""One replay after the other in this process, and what each of them cost."""

import argparse
import hashlib
import io
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.harness.turns import Limits, take_turns
from detector.columns.hashing import PUBLIC_SEED
from detector.numbers.do_not_originate import NO_ENTRIES, DnoTable
from streams.commands.replay import batches_of, run
from streams.screening import one_by_one
from streams.screening import pipeline as pipelines
from streams.screening.build import make_screener
from streams.screening.pipeline import Pipeline
from streams.settings import load_settings

Spent = defaultdict[str, float]
"""Seconds of CPU by part."""


def replay_parser(description: str | None) -> argparse.ArgumentParser:
    """Options that all measurements of a replay take; for `parsed`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="events to replay, about [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument("--cpu", type=int, default=0, help="processor to pin to, -1 = none [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What was asked for; the process is on its processor from now on."""
    options = parser.parse_args()
    if options.cpu >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.cpu})
    return options


def cost_of(run: dict[str, Any]) -> float:
    """CPU seconds of a replay that `measure` did."""
    return float(run["cpu_s"])


def models_by_turns(lines: list[bytes], models: Mapping[str, Path], limits: Limits) -> dict[str, list[dict[str, Any]]]:
    """Replay the lines with models in turn; what is said of each turn compares with the first one of them.

    Args:
        lines: Events.
        models: Folders of the models by name.
        limits: When to stop.

    Returns:
        What `measure` gave, by name.
    """
    for model in models.values():
        measure(lines[:20_000], model=model)  # compiles
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        name: partial(measure, lines, model=model) for name, model in models.items()
    }
    return take_turns(runs, base=next(iter(models)), cost=cost_of, limits=limits)


def measure(
    lines: list[bytes],
    spent: Spent | None = None,
    model: Path | None = None,
    *,
    keep: str | None = None,
    dno: DnoTable = NO_ENTRIES,
    policy_file: Path | None = None,
) -> dict[str, Any]:
    """Replay the lines once, by the shipped model and policy or others; fill in what each part cost if asked for.

    `keep` names a setting of what is remembered, `keep_days` or `keep_signatures`.

    Raises:
        SystemExit: a wrong number of decisions, or any failure.
    """
    failures: list[Exception] = []
    kept = {keep: True} if keep else {}
    settings = load_settings(partitions=1, model_dir=model, policy_file=policy_file, **kept)
    screener = make_screener(settings, shared_trunks=True)
    screener.dno = dno
    pipeline = Pipeline(screener, seed=PUBLIC_SEED, on_failure=failures.append)
    sink, file = _Sink(), io.BytesIO(b"\n".join(lines))
    with ExitStack() as stack:
        if spent is not None:
            stack.enter_context(watching(pipeline, spent))
        wall, cpu = time.perf_counter(), time.process_time()
        *_, counts = run(batches_of(file), pipeline, partitions=1, decisions=sink)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    setups = sum(b'"call_setup"' in line for line in lines)
    if failures or counts.rejected or counts.decisions != setups:
        raise SystemExit(f"wrong run: {counts}, {setups} setups, failures {failures[:1]}")
    return {
        "events": counts.lines,
        "decisions": counts.decisions,
        "actions": counts.actions,
        "decision_bytes": sink.size,
        "decisions_sha256": sink.digest.hexdigest(),
        "wall_s": round(wall, 3),
        "cpu_s": round(cpu - sink.cpu_s, 3),
    }


@contextmanager
def watching(pipeline: Pipeline, spent: Spent) -> Iterator[None]:
    """Add up the CPU time of each part while a pipeline works; a part in a part counts as both, see `parts`."""
    screener = pipeline.screener
    places: list[tuple[Any, str, str]] = [
        (pipeline, "process", "process"),
        (screener.__class__, "screen", "screen"),
        (screener.engine, "update", "windows+features"),
        (screener.classifier, "scored", "score"),
    ]
    with ExitStack() as stack:
        for holder, name, part in places:
            stack.enter_context(patch.object(holder, name, timed(getattr(holder, name), part, spent)))
        steps: list[tuple[Any, str, str]] = [
            (one_by_one, "read", "decode"),
            (pipelines, "columns_of", "columns"),
            (pipelines, "answer", "encode"),
        ]
        for module, name, part in steps:
            stack.enter_context(patch.object(module, name, timed(getattr(module, name), part, spent)))
        yield


def timed(function: Callable[..., Any], part: str, spent: Spent) -> Callable[..., Any]:
    """The same function, which adds the CPU time of each call to its part."""

    def watched(*args: Any, **kwargs: Any) -> Any:
        start = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[part] += time.thread_time() - start

    return watched


class _Sink(io.BytesIO):
    """Digests what a file would take and keeps nothing; its own time is not the replay's."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        self.cpu_s = 0.0
        self.digest = hashlib.sha256()

    def write(self, block: Any) -> int:
        start = time.thread_time()
        self.digest.update(block)
        self.size += len(block)
        self.cpu_s += time.thread_time() - start
        return len(block)
