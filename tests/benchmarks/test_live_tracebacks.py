"""Tracebacks among carriers that run, in their small form: from live calls to a campaign to the point of entry."""

import pytest

from benchmarks.live_tracebacks.desks import measure

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

CALLS = 16
THIRD = 2


def test_calls_of_a_campaign_are_traced_from_archive_to_archive() -> None:
    """A mesh of the last three carriers, each with a broker, a worker and a sink: one keeps digests, one has campaigns.

    Whoever is named answers from its own archive, or not at all. Nobody is named wrongly, and most calls have an entry.
    """
    measured = measure("mesh", CALLS, seed=11, first=THIRD)
    assert measured["campaigns"] >= 1
    for way in ("hop_by_hop", "asking_all"):
        counts = measured[way]
        traced = sum(counts.get(f"entry {one}", 0) for one in ("right", "wrong", "unresolved"))
        assert traced >= CALLS / 2, way
        assert counts.get("wrong call named", 0) == counts.get("entry wrong", 0) == counts.get("path wrong", 0) == 0
        assert counts["entry right"] >= traced / 3, way
        assert counts["answers"] >= counts["entry right"]
