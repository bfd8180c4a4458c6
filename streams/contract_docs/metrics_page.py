"""The page `docs/metrics.md`: the table of `streams.metrics`, and beside each family the alerts and panels that use it.

Alerts are read from `deploy/`, so the page is made in a checkout only: `make docs`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml

from streams.contract_docs.dashboards.files import panel_expressions
from streams.metrics import Metric

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"

_OPENING = """\
# Metrics

A worker serves its metrics at `/metrics` on `ROBOCALL_WEB_PORT`. The sink of the archive does so on
`ROBOCALL_ARCHIVE_WEB_PORT`, the bridge on `ROBOCALL_BRIDGE_WEB_PORT`, `robocall verify` on
`ROBOCALL_VERIFY_WEB_PORT`, `robocall campaigns` on `ROBOCALL_CAMPAIGNS_WEB_PORT`. All use the Prometheus text format.
The [run book](runbook.md) says what to do when an alert fires. `make docs` writes this page from
`streams/metrics.py`, the alerts in `deploy/` and the tables of the dashboards. A panel is named after its dashboard.

A *counter* begins at 0 when its process starts. A *histogram* has three series: its name with `_bucket`, `_sum` and
`_count` behind it. Families about snapshots are absent where snapshots are off, families about drift where the model
brings no reference, families about a shadow model where there is none.
"""
_CLOSING = """
All of them also expose `process_...` of the Prometheus client (CPU, memory, open files). A worker adds `python_...`
(version, garbage collection).
"""
_TRUST = """
## Of whoever verifies signatures

`robocall verify` has them, and so has `robocall bridge` where it verifies ([signatures](signatures.md)).
"""


def metrics_in(expression: str) -> set[str]:
    """Names of metrics in a PromQL expression, histograms with their endings."""
    without_labels = re.sub(r"\{[^}]*\}|\b(by|without)\s*\([^)]*\)", " ", expression)
    return set(re.findall(r"\brobocall_\w+|\bup\b", without_labels))


def alert_expressions() -> dict[str, str]:
    """Expression of each alert, by its name, in the order of the file."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def render_page() -> str:
    """Make the text of the page."""
    archive = [metric for metric in Metric if metric.startswith("robocall_archive_")]
    bridge = [metric for metric in Metric if metric.startswith("robocall_bridge_")]
    trust = [metric for metric in Metric if metric.startswith("robocall_trust_")]
    verify = [metric for metric in Metric if metric.startswith("robocall_verify_")]
    campaigns = [metric for metric in Metric if metric.startswith("robocall_campaign")]
    worker = [metric for metric in Metric if metric not in {*archive, *bridge, *campaigns, *trust, *verify}]
    sections = ("\n## Of a worker\n", *_table(worker), "\n## Of `robocall archive run`\n", *_table(archive))
    sections += ("\n## Of `robocall bridge`\n", *_table(bridge), _TRUST, *_table(trust))
    sections += ("\n## Of `robocall verify`\n", *_table(verify))
    sections += ("\n## Of `robocall campaigns run`\n", *_table(campaigns))
    return _OPENING + "\n".join(sections) + "\n" + _CLOSING


def _table(metrics: Iterable[Metric]) -> Iterator[str]:
    alerts = {name: metrics_in(expression) for name, expression in alert_expressions().items()}
    panels = {title: set().union(*map(metrics_in, found)) for title, found in panel_expressions().items()}
    yield "| metric | type | labels | unit | meaning | alerts | panels |"
    yield "|---|---|---|---|---|---|---|"
    for metric in metrics:
        cells = (
            f"`{metric}`",
            metric.kind,
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.unit,
            metric.meaning,
            ", ".join(f"`{name}`" for name in _users(metric, alerts)),
            "; ".join(_users(metric, panels)),
        )
        yield "| " + " | ".join(cells) + " |"


def _users(metric: Metric, used: Mapping[str, set[str]]) -> list[str]:
    return [name for name, names in used.items() if names.intersection(metric.sample_names)]
