"""Write the files that are made from code: `python -m streams.contract_docs.generated [--check]`.

Documents of the contract, pages with tables, dashboards. With `--check` nothing is written, and what is stale is named.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.traffic import page as traffic_page
from streams.contract_docs import asyncapi, features_page, metrics_page, openapi, page, settings_page, traceback_schema
from streams.contract_docs.dashboards import files

DOCS = Path(__file__).parents[2] / "docs"


def rendered(docs: Path = DOCS) -> dict[Path, str]:
    """Give the text that each file should have.

    Args:
        docs: Folder of the pages; its `contract.md` is there, and has places for what is generated.
    """
    contract = docs / "contract.md"
    return {
        docs / "asyncapi.json": asyncapi.rendered(),
        contract: page.refresh(contract.read_text(encoding="utf-8")),
        docs / "features.md": features_page.render_page(),
        docs / "metrics.md": metrics_page.render_page(),
        docs / "openapi.json": openapi.rendered(),
        docs / "settings.md": settings_page.render_page(),
        docs / "traceback.schema.json": traceback_schema.rendered(),
        docs / "traffic.md": traffic_page.render_page(),
        **files.rendered(),
    }


def main(arguments: Sequence[str] | None = None, wanted: Mapping[Path, str] | None = None) -> int:
    """Write the files, or check them; exit status 0 when they are current, 1 when not."""
    parser = argparse.ArgumentParser(prog="python -m streams.contract_docs.generated", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    is_check, status = parser.parse_args(arguments).check, 0
    for path, text in (rendered() if wanted is None else wanted).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if is_check:
            sys.stderr.write(f"{path.name} is stale: make docs\n")
            status = 1
        else:
            path.write_text(text, encoding="utf-8")
            sys.stderr.write(f"wrote {path}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
