"""Rows of the table of carriers, in Markdown."""

from collections.abc import Mapping
from typing import Any

_COLUMNS = (
    "carrier", "calls learnt", "robocalls", "purity of the top 1 / 2 / 4 %", "what was done",
    "recall at 1e-3: base, group, own", "at 1e-4", "lawful hit in a million", "blocked", "caught", "as blocks",
)  # fmt: skip
HEADINGS = "| " + " | ".join(_COLUMNS) + " |\n|" + "---|" * len(_COLUMNS)


def line(row: Mapping[str, Any]) -> str:
    """One row of the table.

    Args:
        row: All figures of a carrier.
    """
    found, gate = row["judged"], row["adapted"]["gate"]
    force = found["model_step"]
    recalls = [" ".join(f"{found['recall'][name][at]:.3f}" for name in ("base", "group", "own")) for at in (0, 1)]
    cells = (
        f"{row['author']} {row['seed']}",
        f"{row['calls']:,}",
        f"{row['robocall_share']:.1%}",
        " ".join(f"{one:.2f}" for one in found["purity"].values()),
        "adapted" if gate["adapted"] else f"kept: {gate['reason'].partition(':')[0].partition('(')[0].strip()}",
        *recalls,
        f"{force['hit']:,.0f}",
        f"{force['blocked']:,.0f}",
        f"{force['caught']:.3f}",
        f"{force['caught_blocked']:.3f}",
    )
    return "| " + " | ".join(cells) + " |"
