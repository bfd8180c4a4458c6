"""How pages write a figure with its interval, in HTML and in Markdown alike. It knows nothing of either."""

from typing import Any


def share(entry: dict[str, Any]) -> str:
    """Write a share in [0, 1] with its interval; a dash where there are no calls to take it of."""
    if entry["share"] is None:
        return "-"
    return f"{entry['share']:.4f} ({entry['low']:.4f} to {entry['high']:.4f})"


def area(entry: dict[str, float] | None) -> str:
    """Write an area under a curve with its interval; a dash for none."""
    return "-" if entry is None else f"{entry['area']:.3f} ({entry['low']:.3f} to {entry['high']:.3f})"
