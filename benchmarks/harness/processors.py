"""Which processors a process may use, and how much processor time it took."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def on_processors(numbers: Iterable[int]) -> Iterator[None]:
    """Whatever process is started in this block stays on these processors, with all of its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before & set(numbers) or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_s(pid: int) -> float:
    """Seconds on a processor so far, user and system, of a process and of its running children."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def machine_busy_s() -> float:
    """Seconds so far of all processors together that were not idle, whoever used them."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
