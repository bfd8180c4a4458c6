"""Generate the JSON Schema of exported tracebacks and of answers, `docs/traceback.schema.json`, from their types.

python -m streams.contract_docs.traceback_schema [--check]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from streams.traceback.records import Answer
from streams.traceback.report import FORMAT, Report

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "traceback.schema.json"


def document() -> dict[str, Any]:
    """Build the schema: an exported traceback; `$defs/Answer` is a line of a file of answers."""
    (report, _), definitions = msgspec.json.schema_components([Report, Answer], ref_template="#/$defs/{name}")
    definitions["Report"]["properties"]["format"] = {"const": FORMAT}
    definitions["Report"]["required"].append("format")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Traceback",
        "description": "What `robocall traceback export` writes. Unknown fields are ignored. See docs/traceback.md.",
        **report,
        "$defs": definitions,
    }


def rendered() -> str:
    """Give the text that the file should have."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None, path: Path = SCHEMA_FILE) -> int:
    """Write the file, or check it; exit status 0 when it is current, 1 when not."""
    parser = argparse.ArgumentParser(
        prog="python -m streams.contract_docs.traceback_schema", description="Generate it."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is stale")
    if not parser.parse_args(arguments).check:
        path.write_text(rendered(), encoding="utf-8")
        return 0
    if path.exists() and path.read_text(encoding="utf-8") == rendered():
        return 0
    sys.stderr.write(f"{path.name} is stale: run `python -m streams.contract_docs.traceback_schema`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
