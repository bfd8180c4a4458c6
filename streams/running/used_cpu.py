"""How much processor time this process has used: what says that something gets on which cannot say so itself."""

import contextlib
import os
from pathlib import Path

_USER, _SYSTEM = 11, 12
"""Of the fields of `/proc/PID/stat` behind the name, in ticks: see proc(5)."""


def used_cpu_s() -> int:
    """Return whole seconds of processor time of this process and its children; of those that run only on Linux.

    It never falls while children run. It is quick and raises nothing.
    """
    return int(sum(os.times()[:4]) + sum(map(_of, _running_children())))


def _running_children() -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()
    return []


def _of(pid: str) -> float:
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")
    return 0.0
