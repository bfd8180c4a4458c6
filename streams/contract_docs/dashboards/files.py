"""The dashboards in `deploy/grafana/dashboards`, from their tables."""

import json
from pathlib import Path

from streams.contract_docs.dashboards.model_owner import MODEL_OWNER
from streams.contract_docs.dashboards.operator import OPERATOR
from streams.contract_docs.dashboards.panels import grafana
from streams.contract_docs.dashboards.platform import PLATFORM

FOLDER = Path(__file__).parents[3] / "deploy" / "grafana" / "dashboards"
DASHBOARDS = (OPERATOR, PLATFORM, MODEL_OWNER)


def panel_expressions() -> dict[str, list[str]]:
    """Expressions of each panel, by `dashboard: title`."""
    return {
        f"{dashboard.name}: {panel.title}": [query.expr for query in panel.queries]
        for dashboard in DASHBOARDS
        for _, panels in dashboard.rows
        for panel in panels
    }


def rendered() -> dict[Path, str]:
    """Give the text that each file should have."""
    return {
        FOLDER / f"{dashboard.name}.json": json.dumps(grafana(dashboard), indent=1, ensure_ascii=False) + "\n"
        for dashboard in DASHBOARDS
    }
