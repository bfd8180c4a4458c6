"""The dashboards are those of the tables, show every metric, and keep apart what was only tried."""

from streams.contract_docs.dashboards.files import DASHBOARDS, FOLDER, panel_expressions, rendered
from streams.contract_docs.metrics_page import alert_expressions, metrics_in
from streams.metrics import Metric


def test_no_file_is_left_over() -> None:
    assert set(FOLDER.iterdir()) == set(rendered())


def test_every_metric_is_on_a_dashboard() -> None:
    """What nobody can see, nobody looks at."""
    shown = set().union(*(metrics_in(one) for queries in panel_expressions().values() for one in queries))
    assert [metric for metric in Metric if not shown.intersection(metric.sample_names)] == []
    assert shown <= {name for metric in Metric for name in metric.sample_names}


def test_titles_are_unique() -> None:
    assert len(panel_expressions()) == sum(len(panels) for one in DASHBOARDS for _, panels in one.rows)


def test_what_was_only_tried_is_never_counted_as_a_block() -> None:
    """Whoever asks for what calls got does not ask for what shadow would have done, and says so where it is asked."""
    alerts = {name: [expression] for name, expression in alert_expressions().items()}
    queries = [(title, one) for title, found in (panel_expressions() | alerts).items() for one in found]
    got = [one for _, one in queries if 'action="block"' in one or 'action!="allow"' in one]
    tried = [(title, one) for title, one in queries if "would_be" in one]
    assert len(got) >= 4
    assert not [one for one in got if "would_be" in one]
    assert len(tried) >= 5
    assert not [title for title, _ in tried if "tried" not in title.lower()]
