"""Compile what calls need, or load it from disk, before the first call comes. Knows no broker and no group."""

import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from detector.columns.batch_columns import columns_of
from detector.columns.compiled import cache_of
from detector.columns.membership import MembershipFilter
from detector.contract.decisions import Versions
from detector.features.table import FEATURE_SCHEMA_ID, N_FEATURES
from detector.numbers.do_not_originate import DnoList, DnoTable
from detector.policy.reasons import leading
from detector.policy.screening import Screening
from detector.windows import WindowEngine, loop
from models.serve.artifact import SHIPPED, load
from streams.kafka.fetch import record_batches
from streams.kafka.fetched import gather, rows_of
from streams.kafka.partitioner import partitions_of
from streams.kafka.publishing import record_batch
from streams.local.guard import die_with_parent
from streams.screening.answers import answer
from streams.screening.repeats import Repeats
from streams.screening.stray_keys import strays
from streams.wire import reading

_CALL = (
    b'{"type":"call_setup","call_id":"warm-up","setup_time_ms":1760000000000,"calling_number":"+12025550123",'
    b'"called_number":"+13125550145","trunk_group_id":"warm-up"}'
)
_WINDOWS = "import gc; from detector.windows import WindowEngine; gc.disable(); WindowEngine.warm()"


def warm(classifier: object) -> None:
    """Compile everything that a call may need; called once, before the group counts on this worker.

    Blocks: half a minute or more of CPU the first time. Where there are two cores another process compiles the windows
    meanwhile, so the clock shows less. Once the code is on disk, a fraction of a second.

    Args:
        classifier: the model that serves; one without a method `warm` compiles nothing.

    Raises:
        RuntimeError: the warm-up call could not be answered the fast way.
    """
    with _no_collection():
        with _windows_compiled_beside():
            record_batches.warm()
            reading.warm()
            warm_answers()
            record_batch.warm()
            warm_model = getattr(classifier, "warm", None)
            if warm_model is not None:
                warm_model()
        WindowEngine.warm()


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Leave garbage while the block runs: the compiler makes many objects, and looking through them takes a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def is_compiled() -> bool:
    """Return whether the most of it is on disk, so that nobody needs to be told why nothing happens."""
    return bool(cache_of(loop.run).is_filled)


@contextlib.contextmanager
def _windows_compiled_beside() -> Iterator[None]:
    """Have another process put the windows' code on disk while the block runs; does nothing where that cannot help."""
    windows = cache_of(loop.run)
    if windows.is_filled or not windows.can_be_filled or _cores() == 1:
        yield
        return
    compiler = subprocess.Popen(  # noqa: S603 - our own text
        [sys.executable, "-c", _WINDOWS],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # what goes wrong there goes wrong here too, where it is said
        preexec_fn=die_with_parent,  # noqa: PLW1509 - nothing holds a lock that this would need
    )
    try:
        yield
        compiler.wait()
    finally:
        compiler.kill()
        compiler.wait()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def warm_answers() -> None:
    """Answer a call that nobody made; no window, policy or model sees it. Loaded from the cache it takes milliseconds.

    Raises:
        RuntimeError: it cannot be answered the fast way.
    """
    rows = rows_of([(0, 0, b"warm-up", _CALL)])
    taken = reading.read(gather([(0, rows)]))
    nowhere = np.zeros(1, np.int64)
    columns = columns_of(taken.facts, taken.events, nowhere, nowhere, seed=0)
    repeats, calls = Repeats(0), columns.calls
    no_features = np.zeros((0, N_FEATURES), np.float32)
    screening = Screening(calls, {}, np.zeros(1, np.bool_), np.zeros(1), no_features, Versions("", "", ""))
    repeats.settle(screening, repeats.look(columns), ())
    made = answer(screening, nowhere, nowhere, None, None)
    if made.failures or not calls.plain.all():
        raise RuntimeError(f"the warm-up call could not be answered: {made.failures}")
    calls.column("calling_number")
    MembershipFilter.of(["warm-up"]).may_have(calls.hashes("calling_number"))
    DnoTable([DnoList.of(["202"])]).lengths(calls.calling_digits)
    strays(rows.key_hashes(), taken)
    leading(np.zeros((1, N_FEATURES)))
    partitions_of([b"warm-up"], 2)


if __name__ == "__main__":  # a step of the container image: its workers find everything compiled
    warm(load(SHIPPED, schema_id=FEATURE_SCHEMA_ID))
