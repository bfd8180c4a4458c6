"""What every measured table of the documents is made of."""

from typing import Any

from benchmarks.harness.turns import Ratio, in_words

Result = dict[str, Any]


def source(result: Result) -> str:
    """Machine, commit, model and command of a result. The oldest results name no model."""
    made = f"commit `{result['commit']}`" + (f", model `{result['model']}`" if "model" in result else "")
    return f"{result['machine']}; Python {result['python']}; {made}; `{result['command']}`."


def table(headings: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def aim(what: str, measured: float, wanted: float, *, least: bool, unit: str = "") -> list[str]:
    """One row of aims: what was measured, what was wanted, and whether it is met or missed by which factor."""
    met = measured >= wanted if least else measured <= wanted
    missed = measured / wanted if measured < wanted else wanted / measured
    times = f"missed, {1 / missed if not met else 1:.2f} times off"
    border = "at least" if least else "at most"
    return [
        what,
        f"{measured:,.0f}{unit}" if measured >= 1_000 else f"{measured:,.3g}{unit}",
        f"{border} {wanted:,g}{unit}",
        "met" if met else times,
    ]


def aim_of_ratio(what: str, measured: dict[str, Any], wanted: float, *, least: bool) -> list[str]:
    """The same of a ratio, which is shown with its interval."""
    row = aim(what, measured["ratio"], wanted, least=least)
    return [row[0], in_words(Ratio(**measured)), *row[2:]]
