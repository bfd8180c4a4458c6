"""`/metrics` and `/health` on the worker's own web server. They have no password: it listens on loopback by default."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from streams.worker.health import Verdict
from streams.worker.metrics import Metrics

HEALTHY, UNHEALTHY = 200, 503


def add(app: Any, metrics: Metrics, verdict: Callable[[], Verdict]) -> None:
    """Add both pages to a Faust application."""

    async def metrics_page(view: Any, request: Any) -> Any:
        """Everything that is counted, in Prometheus text format."""
        del request
        return view.bytes(metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def health_page(view: Any, request: Any) -> Any:
        """200 while the worker does its work, 503 otherwise; the body says why."""
        del request
        found = verdict()
        said = {name: value for name, value in asdict(found).items() if value is not None}
        return view.json(said, status=HEALTHY if found.is_healthy else UNHEALTHY)

    app.page("/metrics", name="metrics")(metrics_page)
    app.page("/health", name="health")(health_page)
