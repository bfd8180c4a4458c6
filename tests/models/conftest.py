"""Published figures of the field, for the tests that hold generated traffic against them."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def published(reference_data: Path) -> Callable[[str, str], list[str]]:
    """Values of a metric of a group in `published_stats.csv`."""
    with (reference_data / "calibration" / "published_stats.csv").open() as lines:
        rows = list(csv.DictReader(lines))

    def values(group: str, metric: str) -> list[str]:
        found = [row["value"] for row in rows if row["group"] == group and row["metric"] == metric]
        assert found, f"no published figure {group} / {metric}"
        return found

    return values
