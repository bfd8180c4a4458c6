"""The table of `benchmarks.campaigns`: a row for each author, by who says what is suspect and by way of grouping."""

from typing import Any

from benchmarks.tables.markdown import Result, source, table

HEADINGS = [
    "author", "suspect by", "grouped by", "purity", "completeness", "campaigns named", "until named, median", "p90",
    "groups", "mostly lawful", "lawful calls named", "CPU us/suspect call",
]  # fmt: skip


def campaigns(result: Result) -> str:
    """How well suspect calls are grouped."""
    return f"{table(HEADINGS, list(map(_cells, result['rows'])))}\n\n{source(result)}"


def _cells(row: dict[str, Any]) -> list[str]:
    """Cells of a row; a figure that there is none of stays empty."""
    return [
        row["author"],
        row["suspects"],
        row["by"],
        _figure(row["purity"], ".2f"),
        _figure(row["completeness"], ".2f"),
        f"{row['true_campaigns_named']} of {row['true_campaigns']}",
        _figure(row["until_named_median"], "g"),
        _figure(row["until_named_p90"], "g"),
        f"{row['groups']:,}",
        f"{row['groups_mostly_lawful']:,}",
        f"{row['lawful_named']:,} of {row['lawful_suspect']:,}",
        _figure(row["cpu_us_a_suspect"], ".0f"),
    ]


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
