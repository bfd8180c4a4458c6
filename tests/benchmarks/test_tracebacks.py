"""The simulation of tracebacks in its small form: no call and no carrier is ever named wrongly."""

import pytest

from benchmarks.tracebacks.tracing import measure
from benchmarks.tracebacks.worlds import TOPOLOGIES


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_nothing_is_named_wrongly_and_much_is_found(topology: str) -> None:
    """One pair in three calls twice within the tolerance, one carrier in five is silent, clocks are wrong."""
    for way, counts in measure(topology, worlds=1, calls=24, seed=11).items():
        assert sum(counts.get(f"entry {one}", 0) for one in ("right", "wrong", "unresolved")) == 24, way
        assert counts.get("wrong call named", 0) == counts.get("entry wrong", 0) == counts.get("path wrong", 0) == 0
        assert counts["entry right"] >= 5
        assert counts["with a rival"] >= 3
