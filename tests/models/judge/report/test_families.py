"""Features that tell generated campaigns are held against real labelled subscribers."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from models.data.dataset import Dataset
from models.judge.report.families import FAMILIES, FILE, area, check_families
from tests.models.labelled_calls import FEATURE_NAMES, dataset


def test_area_counts_pairs_in_order() -> None:
    """Of six pairs of a positive and a negative four are in order, and one is a tie: 4.5 / 6."""
    found = area(np.array([1.0, 2.0, 3.0, 2.0, 4.0]), np.array([False, False, False, True, True]))

    assert found["area"] == pytest.approx(4.5 / 6)
    assert found["low"] <= found["area"] <= found["high"]


def test_families_are_compared_with_subscribers(tmp_path: Path) -> None:
    """Made-up subscribers of which those of fraud call more numbers, as the robocallers of the judged calls do."""
    random = np.random.default_rng(0)
    (tmp_path / FILE).parent.mkdir()
    with (tmp_path / FILE).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["phone_no_m", *(family.column for family in FAMILIES), "label"])
        writer.writerow(["secret", *("" for _ in FAMILIES), 1])
        for index in range(300):
            fraud = index % 3 == 0
            writer.writerow(["secret", *(random.normal(3 if fraud else 0) for _ in FAMILIES), int(fraud)])
    base = dataset()
    names = ("number_distinct_called_24h", *FEATURE_NAMES[1:])
    data = Dataset(
        names,
        np.abs(base.rows),
        base.setup_time_ms,
        base.number,
        base.is_robocall,
        base.campaign,
        base.position,
        base.kind,
        base.kinds,
        base.weight,
        base.source,
        base.sources,
    )

    found = check_families(data, tmp_path)

    assert (found["subscribers"], found["fraud"]) == (300, 100)
    assert found["families"][0]["same_direction"] is True
    assert found["families"][1]["here"] is None
    assert found["together"]["area"] > 0.9
    assert "secret" not in json.dumps(found)


def test_real_subscribers_are_read(reference_data: Path) -> None:
    """The set as it is: the tell of its authors, many numbers called and few of them twice, points the right way."""
    found = {one["what"]: one["real"]["area"] for one in check_families(dataset(), reference_data)["families"]}

    assert found["different called numbers"] > 0.6
    assert found["calls per called number"] < 0.2
    assert found["share of outgoing calls"] > 0.7
