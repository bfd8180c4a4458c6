"""For tests of generated traffic: whose it is, and published figures of the field to hold against it."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from models.traffic.authors import AUTHORS


@pytest.fixture(scope="module", params=list(AUTHORS))
def author(request: pytest.FixtureRequest) -> str:
    """Whose traffic: of each author but the first."""
    return str(request.param)


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
