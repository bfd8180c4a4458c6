"""Rows of the table of carriers."""

from collections.abc import Mapping
from typing import Any

HEADINGS = (
    "carrier", "answers that teach / by lot", "senders known", "calls learnt", "robocalls",
    "purity of the top 1 / 2 / 4 %", "what was done", "caught at 1e-3: base / group / own", "at 1e-4",
    "callers of pairs / senders",
    "labels / blocks go by", "in force: lawful hit in a million", "blocked", "caught", "of it blocked",
)  # fmt: skip
DECIDERS = ("base", "group", "own")


def cells(row: Mapping[str, Any]) -> list[str]:
    """What stands in the columns of one carrier.

    Args:
        row: All figures of it, as `python -m benchmarks.adapting --out` writes them.
    """
    found, gate, chosen = row["judged"], row["adapted"]["gate"], row["adapted"]["chosen"]
    force = found["model_step"]
    recalls = [" / ".join(f"{found['recall'][name][at]:.3f}" for name in DECIDERS) for at in (0, 1)]
    return [
        f"{row['author']} {row['seed']}",
        f"{row['answers']} / {row.get('lot', 0)}",
        ", none of ".join([f"{row['senders']:.0%}", *filter(None, [", ".join(row["without"])])]),
        f"{row['calls']:,}",
        f"{row['robocall_share']:.1%}",
        " / ".join(f"{one:.2f}" for one in found["purity"].values()),
        chosen if chosen != "base" else f"kept: {_reason(gate['reason'])}",
        *recalls,
        " / ".join(f"{row['measure'][kind]['callers']:,}" for kind in ("reciprocal", "registered")),
        " / ".join(_basis(row["measure"][action]) for action in ("label", "block")),
        f"{force['hit']:,.0f}",
        f"{force['blocked']:,.0f}",
        f"{force['caught']:.3f}",
        f"{force['caught_blocked']:.3f}",
    ]


def _basis(threshold: Mapping[str, Any] | None) -> str:
    """Whose calls a threshold was measured on."""
    if threshold is None:
        return "nobody"
    if threshold.get("answers"):
        return f"{threshold['answers']} answers"
    return "all calls" if threshold.get("is_of_all") else "references"


def _reason(text: str) -> str:
    """The first clause, without what would help."""
    return text.partition(":")[0].partition(" (")[0]
