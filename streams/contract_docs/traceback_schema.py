"""The JSON Schema of exported tracebacks and of answers, `docs/traceback.schema.json`, from their types."""

import json
from typing import Any

import msgspec

from streams.traceback.records import Answer
from streams.traceback.report import FORMAT, Report


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
