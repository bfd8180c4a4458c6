"""Write the dashboards to `deploy/grafana/dashboards`; with `--check` only say which are stale."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from streams.contract_docs.dashboards.model_owner import MODEL_OWNER
from streams.contract_docs.dashboards.operator import OPERATOR
from streams.contract_docs.dashboards.panels import Dashboard, grafana
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


def rendered(dashboard: Dashboard) -> str:
    """Give the text that a file should have."""
    return json.dumps(grafana(dashboard), indent=1, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Write the files, or check them; exit status 0 when they are current, 1 when not."""
    program = "python -m streams.contract_docs.dashboards.files"
    parser = argparse.ArgumentParser(prog=program, description="Write the dashboards of Grafana.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    wanted = {folder / f"{dashboard.name}.json": rendered(dashboard) for dashboard in DASHBOARDS}
    if not parser.parse_args(arguments).check:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        sys.stderr.write(f"{path.name} is stale: run `{program}`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
