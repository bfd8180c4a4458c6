"""What every measured table of the documents is made of."""

from typing import Any

Result = dict[str, Any]


def source(result: Result) -> str:
    """Machine, commit, model and command of a result. The oldest results name no model."""
    made = f"commit `{result['commit']}`" + (f", model `{result['model']}`" if "model" in result else "")
    return f"{result['machine']}; Python {result['python']}; {made}; `{result['command']}`."


def table(headings: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
