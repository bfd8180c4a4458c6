"""Figures of do-not-originate lists on the page of a worker."""

import asyncio
import math
from pathlib import Path

from prometheus_client import CollectorRegistry

from detector.policy.settings import Policy
from detector.testing import make_screener
from streams.metrics import Metric
from streams.numbers.dno_files import DnoFiles
from streams.numbers.dno_follower import DnoFollower
from streams.numbers.metrics import DnoMetrics
from tests.streams.numbers.dno_case import dno_file
from tests.waiting import HANG_S


def test_each_list_has_its_figures(tmp_path: Path) -> None:
    files, registry = DnoFiles(str(tmp_path)), CollectorRegistry()
    follower = DnoFollower(files, make_screener(Policy()))
    registry.register(DnoMetrics(follower))
    files.write(dno_file("212", "2135550100", name="good"))
    (tmp_path / "bad.dno").write_bytes(b"nothing")
    assert registry.get_sample_value(Metric.DNO_CONFIRMED) == math.inf

    asyncio.run(follower.look())

    found = {
        (metric, name): registry.get_sample_value(metric, {"list": name})
        for metric in (Metric.DNO_ENTRIES, Metric.DNO_REFUSED, Metric.DNO_AGE)
        for name in ("good", "bad")
    }
    age = found.pop((Metric.DNO_AGE, "good"))
    assert age is not None
    assert age >= 0
    assert found == {
        (Metric.DNO_ENTRIES, "good"): 2,
        (Metric.DNO_ENTRIES, "bad"): 0,
        (Metric.DNO_REFUSED, "good"): 0,
        (Metric.DNO_REFUSED, "bad"): 1,
        (Metric.DNO_AGE, "bad"): None,
    }
    assert 0 <= (registry.get_sample_value(Metric.DNO_CONFIRMED) or 0) < HANG_S
    assert (registry.get_sample_value(Metric.DNO_BYTES) or 0) > 6e6


def test_where_nobody_follows_there_is_no_list() -> None:
    registry = CollectorRegistry()
    registry.register(DnoMetrics(None))

    assert [family.name for family in registry.collect() if family.samples] == [Metric.DNO_BYTES]
