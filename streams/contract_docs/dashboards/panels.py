"""What a dashboard is made of, and how Grafana wants it: rows of panels, each with its queries.

A query names metrics by `streams.metrics.Metric`, so that a misspelt one is an error of types. Panels are laid out from
left to right in the order of their row. Nothing here knows which panels there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from streams.metrics import Metric

COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WORKER = 'instance=~"$worker"'
"""Of the workers that the reader has chosen."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    Attributes:
        expr: PromQL.
        legend: names its series.
    """

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: unique on its dashboard.
        queries: at least one.
        unit: as Grafana names it: `cps` counts a second, `s`, `short`, `bytes`, `percentunit`.
        about: what to make of it, shown where the reader asks; empty where the title says all.
        kind: `timeseries` over time, or `stat` for how it is now.
        width: columns, of 24.
        is_stacked: series add up to a total.
    """

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    about: str = ""
    kind: str = "timeseries"
    width: int = 8
    is_stacked: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of a dashboard: the values that a label of a metric has.

    Attributes:
        name: `$name` in queries.
        metric: that has the label.
        label: whose values are offered.
    """

    name: str
    metric: Metric
    label: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard.

    Attributes:
        name: of its file, and its address in Grafana behind `robocall-`.
        title: at the top.
        about: who reads it, for what.
        variables: beside the one of the data source, which each has.
        rows: title and panels of each.
        range_s: seconds that it shows when it is opened.
    """

    name: str
    title: str
    about: str
    variables: tuple[Variable, ...]
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    range_s: int = 3_600


def rate(metric: Metric, *by: str, where: str = "") -> str:
    """A counter's growth a second, added up by some labels."""
    return f"sum{_by(by)} (rate({metric}{_where(where)}[$__rate_interval]))"


def trouble(metric: Metric, by: str, where: str = "") -> str:
    """The same for what should not happen: `none` at 0 stands there as long as nothing was counted."""
    return f'{rate(metric, by, where=where)} or label_replace(vector(0), "{by}", "none", "", "")'


def mean(metric: Metric, where: str = "") -> str:
    """Mean of what a histogram was given lately."""
    total, count = (f"sum(rate({metric}{end}{_where(where)}[$__rate_interval]))" for end in ("_sum", "_count"))
    return f"{total} / {count}"


def quantiles(metric: Metric, *by: str, where: str = "", of: tuple[float, ...] = (0.5, 0.99)) -> tuple[Query, ...]:
    """Queries for quantiles of a histogram."""
    buckets = f"sum{_by(('le', *by))} (rate({metric}_bucket{_where(where)}[$__rate_interval]))"
    names = "".join(f"{{{{{label}}}}} " for label in by)
    return tuple(Query(f"histogram_quantile({one}, {buckets})", f"{names}{one * 100:g} %") for one in of)


def level(metric: Metric, *by: str, how: str = "sum", where: str = "") -> str:
    """A gauge, added up (or `max`, `min`) by some labels."""
    return f"{how}{_by(by)} ({metric}{_where(where)})"


def age(metric: Metric, *by: str, where: str = "") -> str:
    """Seconds since the instant that a gauge holds; the oldest of a label's values."""
    return f"time() - min{_by(by)} ({metric}{_where(where)})"


def in_words(metric: Metric, label: str, where: str = "") -> Query:
    """How many processes are in each state, of a gauge that is 1 for the state in force."""
    return Query(level(metric, label, where=where), f"{{{{{label}}}}}")


def grafana(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana imports it, for any Prometheus."""
    return {
        "uid": f"robocall-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.about,
        "schemaVersion": 39,
        "version": 1,
        "refresh": "10s",
        "time": {"from": f"now-{dashboard.range_s}s", "to": "now"},
        "tags": ["robocall"],
        "links": [{"type": "dashboards", "tags": ["robocall"], "title": "Robocall", "asDropdown": True}],
        "templating": {"list": [_source_variable(), *map(_variable, dashboard.variables)]},
        "panels": [{"id": number} | one for number, one in enumerate(_placed(dashboard), 1)],
    }


def _placed(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    top = 0
    for title, panels in dashboard.rows:
        yield {"type": "row", "title": title, "collapsed": False, "gridPos": _place(0, top, COLUMNS, 1), "panels": []}
        left, top = 0, top + 1
        for panel in panels:
            if left + panel.width > COLUMNS:
                left, top = 0, top + 7
            yield _panel(panel) | {"gridPos": _place(left, top, panel.width, 7)}
            left += panel.width
        top += 7


def _panel(panel: Panel) -> dict[str, Any]:
    custom = {"stacking": {"mode": "normal"}, "fillOpacity": 30} if panel.is_stacked else {}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "custom": custom}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "value_and_name"}
        if panel.kind == "stat"
        else {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": query.expr, "legendFormat": query.legend}
            for number, query in enumerate(panel.queries)
        ],
    }


def _source_variable() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(one: Variable) -> dict[str, Any]:
    values = f"label_values({one.metric}, {one.label})"
    return {
        "name": one.name,
        "type": "query",
        "datasource": SOURCE,
        "definition": values,
        "query": {"query": values, "refId": one.name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _place(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _where(matchers: str) -> str:
    return f"{{{matchers}}}" if matchers else ""
