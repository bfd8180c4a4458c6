"""Dashboards and alerts against what real processes expose; and where it is installed, against Prometheus itself."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.contract_docs.dashboards.files import panel_expressions
from streams.contract_docs.metrics_page import alert_expressions, metrics_in
from streams.metrics import Metric
from tests.deploy.monitored_case import Fleet, Prometheus, fleet, needs_prometheus
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TAKEN_OFF = re.compile(r"_(bucket|sum|count)$")
CHOSEN = {"$__rate_interval": "30s", "$worker": ".*", "$feature": ".*"}
MOST_LOOKS = 100
"""Each takes a second or more: rates need some scrapes, a campaign some calls."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet that has decided enough calls to tell whether scores have moved."""
    with fleet(tmp_path_factory.mktemp("monitored")) as made:
        made.call_many()
        yield made


def family(name: str) -> str:
    """Of a name in a query: of a histogram's three series, the histogram."""
    return name if name in set(Metric) else TAKEN_OFF.sub("", name)


def test_every_metric_of_panels_and_alerts_is_exposed(running: Fleet) -> None:
    """By the process that the page of metrics says, whether or not it has counted anything yet."""
    expressions = [one for queries in panel_expressions().values() for one in queries]
    wanted = {family(name) for one in (*expressions, *alert_expressions().values()) for name in metrics_in(one)}
    wanted -= {"up"}

    def missing() -> set[str]:
        running.call()
        pages = "\n".join(running.page(job) for job in running.ports)
        return wanted - set(re.findall(r"(?m)^# TYPE (\S+) ", pages))

    wait_until(lambda: not missing(), "all metrics are exposed, those of a shadow model too")


def test_prometheus_answers_every_panel_and_evaluates_every_alert(running: Fleet, tmp_path: Path) -> None:
    """No query without data while calls come: a panel that asks for a label that is not there shows nothing."""
    needs_prometheus()
    server = Prometheus(tmp_path / "prometheus", running.ports)
    try:
        wait_until(server.is_up, "Prometheus answers")
        queries = [(title, one) for title, found in panel_expressions().items() for one in found]

        def answered(expression: str) -> str:
            for name, value in CHOSEN.items():
                expression = expression.replace(name, value)
            assert "$" not in expression
            return expression

        def empty() -> list[tuple[str, str]]:
            running.call()
            return [(title, one) for title, one in queries if not server.result(answered(one))]

        found = queries
        for _ in range(MOST_LOOKS):
            found = empty()
            if not found:
                break
        assert found == []
        tried = f'sum({Metric.DECISIONS}{{would_be="block"}})'
        blocked = f'sum({Metric.DECISIONS}{{action="block"}})'
        assert all(float(server.result(one)[0]["value"][1]) > 0 for one in (tried, blocked))

        wait_until(lambda: all(rule["lastEvaluation"] > "0002" for rule in server.rules()), "all rules were evaluated")
        assert {rule["name"] for rule in server.rules()} == set(alert_expressions())
        assert [rule["name"] for rule in server.rules() if rule["health"] != "ok"] == []
    finally:
        server.process.terminate()
        server.process.wait()
