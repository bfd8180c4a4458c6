"""The page of metrics is the one of the code, and says who uses what."""

from pathlib import Path

from streams.contract_docs.metrics_page import metrics_in, render_page
from streams.metrics import Metric

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def row(metric: Metric) -> list[str]:
    (line,) = (line for line in render_page().splitlines() if line.startswith(f"| `{metric}` "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_names_alerts_and_panels() -> None:
    """The alert asks for a histogram by its buckets; it is the same family."""
    assert row(Metric.SINCE_ARRIVAL)[5:] == ["`DecisionsLate`", "platform: Time from arrival in Kafka to decision"]
    assert row(Metric.SNAPSHOT_BYTES)[5:] == ["", "platform: Size of the latest snapshot"]


def test_names_are_found_in_an_expression_and_labels_are_not() -> None:
    expression = 'sum by (robocall_label) (rate(robocall_a_total{robocall_x="1"}[5m])) > 3 * robocall_b and up'
    assert metrics_in(expression) == {"robocall_a_total", "robocall_b", "up"}
