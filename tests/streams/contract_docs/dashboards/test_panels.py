"""How rows of panels become what Grafana imports."""

from itertools import combinations
from typing import Any

import pytest

from streams.contract_docs.dashboards.files import DASHBOARDS
from streams.contract_docs.dashboards.panels import (
    Dashboard,
    Panel,
    Query,
    Variable,
    grafana,
    quantiles,
    rate,
    trouble,
)
from streams.metrics import Metric

MADE = [grafana(dashboard) for dashboard in DASHBOARDS]


def test_queries_are_written_as_prometheus_reads_them() -> None:
    """The first is a sum by a label, the second never empty, the third over the buckets of a histogram."""
    assert rate(Metric.EVENTS, "type", where='mode="a"') == (
        'sum by (type) (rate(robocall_events_total{mode="a"}[$__rate_interval]))'
    )
    assert trouble(Metric.DEAD_LETTERS, "code") == (
        "sum by (code) (rate(robocall_dead_letters_total[$__rate_interval]))"
        ' or label_replace(vector(0), "code", "none", "", "")'
    )
    assert quantiles(Metric.BRIDGE_SECONDS, "dip", of=(0.5,)) == (
        Query(
            "histogram_quantile(0.5, sum by (le, dip) (rate(robocall_bridge_answer_seconds_bucket[$__rate_interval])))",
            "{{dip}} 50 %",
        ),
    )


def test_panels_stand_from_left_to_right_and_rows_below_each_other() -> None:
    """Three of 12 columns take two lines of a row; the next row begins below them."""
    panel = Panel("any", (Query("up", ""),), width=12)
    made = grafana(Dashboard("any", "Any", "", (), (("one", (panel, panel, panel)), ("two", (panel,)))))
    places = [tuple(one["gridPos"][side] for side in "xywh") for one in made["panels"]]
    assert places == [
        (0, 0, 24, 1), (0, 1, 12, 7), (12, 1, 12, 7), (0, 8, 12, 7),
        (0, 15, 24, 1), (0, 16, 12, 7),
    ]  # fmt: skip


def test_a_variable_offers_the_values_of_a_label() -> None:
    """All of them at first."""
    chosen = (Variable("worker", Metric.EVENTS, "instance"),)
    source, worker = grafana(Dashboard("any", "Any", "", chosen, ()))["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    assert worker["definition"] == "label_values(robocall_events_total, instance)"
    assert (worker["allValue"], worker["multi"]) == (".*", True)


@pytest.mark.parametrize("made", MADE, ids=lambda made: made["uid"])
def test_no_panel_lies_on_another_and_each_takes_any_source(made: dict[str, Any]) -> None:
    """Whatever the widths in the tables."""
    boxes = [tuple(one["gridPos"][side] for side in "xywh") for one in made["panels"]]
    assert all(x + w <= 24 for x, _, w, _ in boxes)
    for (x, y, w, h), (x2, y2, w2, h2) in combinations(boxes, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    targets = [target for one in made["panels"] for target in one.get("targets", [])]
    assert {target["datasource"]["uid"] for target in targets} == {"${datasource}"}
