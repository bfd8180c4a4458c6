"""Rows of the table of features of signatures."""

from typing import Any

SIGNATURE_HEADINGS = ["carrier", "assumed", "robocalls judged", "caught at 1e-3: f3 / f4", "at 1e-4"]


def signature_rows(result: dict[str, Any]) -> list[list[str]]:
    """One row a carrier and assumption, of what `python -m benchmarks.signature_features` writes."""
    return [
        [
            f"fourth {row['seed']}",
            row["assumed"],
            f"{row['new_robocalls']:,}",
            *(" / ".join(f"{row[f'{name}_new'][at]:.3f}" for name in ("f3", "f4")) for at in (0, 1)),
        ]
        for row in result["carriers"]
    ]
