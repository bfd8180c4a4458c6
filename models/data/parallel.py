"""Traffic generated with its features in several processes, and put together. Used to train and to judge."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from signal import SIG_DFL, SIGINT, signal
from threading import Thread

import numpy as np

from models.data.dataset import Dataset
from models.data.windows_over_traffic import from_traffic
from models.traffic.authors import Traffic

PROCESSES = 2


def processes() -> ProcessPoolExecutor:
    """Where to generate. Not forked: children of a process whose threads hold locks may wait for them for ever.

    For a `with` block, whose end waits for the worlds in work. The processes start with the first world, and load the
    libraries anew, which takes seconds. They end when this process ends in whatever way, and at once when a terminal
    interrupts them with it.
    """
    return ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is None:
        return
    signal(SIGINT, SIG_DFL)  # else an interrupt ends one world, and the next begins
    sentinel = parent.sentinel

    def end() -> None:
        wait([sentinel])
        os._exit(1)

    Thread(target=end, daemon=True).start()


def generated(
    specs: Sequence[Traffic], partitions: Sequence[int], pool: Executor, say: Callable[[str], None]
) -> list[Dataset]:
    """Generate worlds, each with the features that workers would compute.

    Called once a training or a family of worlds to judge in. It blocks until all are there: processor time that grows
    with the events of all worlds, history included. All calls are held, each row as long as the feature table.

    Args:
        specs: The worlds.
        partitions: Partitions that their windows are counted in, one figure after the other in turn; at least one.
        pool: Where to work; of `processes`.
        say: Told how far it is, a line each world, from the calling thread.

    Returns:
        The calls of each world, in order of `specs`.

    Raises:
        BrokenProcessPool: A process was killed, by a kernel without memory for one.
        ValueError: A world has no call that is learnt or judged.
    """
    turns = [partitions[number % len(partitions)] for number in range(len(specs))]
    found = []
    for part in pool.map(_generate, specs, turns):
        found.append(part)
        say(f"  {len(found)} of {len(specs)} worlds: {len(part):,} calls")
    return found


def _generate(spec: Traffic, partitions: int) -> Dataset:
    return from_traffic([spec], lambda _: None, partitions=(partitions,))


def join(parts: list[Dataset]) -> Dataset:
    """Put worlds that follow each other in time together, and empty the list: no world is in memory twice for long.

    Called once for each `generated`; it copies every row once. Equal numbers or campaigns of two worlds are not the
    same.

    Args:
        parts: At least one, none without calls, all of one feature table; each is let go once it is copied.

    Raises:
        ValueError: two worlds overlap in time, or are in the wrong order.
    """
    names, size = parts[0].feature_names, sum(len(part) for part in parts)
    kinds = tuple(sorted({kind for part in parts for kind in part.kinds}))
    sources = tuple(sorted({source for part in parts for source in part.sources}))
    number, campaign, position, kind, source, times_ms = (np.empty(size, np.int64) for _ in range(6))
    joined = Dataset(
        names,
        np.empty((size, len(names)), np.float32),
        times_ms,
        number,
        np.empty(size, np.bool_),
        campaign,
        position,
        kind,
        kinds,
        np.empty(size, np.float64),
        source,
        sources,
        tuple(sorted({partitions for part in parts for partitions in part.counted_in})),
        tuple(sorted({codes for part in parts for codes in part.assigned_codes})),
    )
    done = numbers = campaigns = 0
    parts.reverse()
    while parts:
        part = parts.pop()
        here = slice(done, done + len(part))
        joined.rows[here] = part.rows
        times_ms[here] = part.setup_time_ms
        number[here] = part.number + numbers
        joined.is_robocall[here] = part.is_robocall
        campaign[here] = np.where(part.campaign >= 0, part.campaign + campaigns, -1)
        position[here] = part.position
        kind[here] = np.array([kinds.index(one) for one in part.kinds], np.int64)[part.kind]
        joined.weight[here] = part.weight
        source[here] = np.array([sources.index(one) for one in part.sources], np.int64)[part.source]
        done += len(part)
        numbers += int(part.number.max()) + 1
        campaigns += int(part.campaign.max(initial=-1)) + 1
    if np.any(np.diff(times_ms) < 0):
        raise ValueError("worlds have to follow each other in time")
    return joined
