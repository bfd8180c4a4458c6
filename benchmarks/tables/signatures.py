"""The table of `benchmarks.signature_features`: a row for each carrier and assumption."""

from benchmarks.tables.markdown import Result, source, table

HEADINGS = ["carrier", "assumed", "robocalls judged", "caught at 1e-3: f3 / f4", "at 1e-4"]


def signatures(result: Result) -> str:
    """Recall with and without features of signatures, at each carrier and under each assumption."""
    rows = [
        [
            f"fourth {row['seed']}",
            row["assumed"],
            f"{row['new_robocalls']:,}",
            *(" / ".join(f"{row[f'{name}_new'][at]:.3f}" for name in ("f3", "f4")) for at in (0, 1)),
        ]
        for row in result["carriers"]
    ]
    return f"{table(HEADINGS, rows)}\n\n{source(result)}"
