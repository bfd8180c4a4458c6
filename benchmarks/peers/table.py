"""The result of the comparison as a table and a plot, ratios first."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

LIKE_FOR_LIKE = "worker_job"
HEAD = (
    "| entry | times our CPU | CPU us/event, best (median) | events/s on one core | MiB | windows kept by "
    "| version |\n|---|---|---|---|---|---|---|"
)


def ratios(rows: list[dict[str, Any]]) -> None:
    """Add to each row how often its CPU per event is that of `LIKE_FOR_LIKE`, best against best; None without it."""
    ours = next((row["best_cpu_us_per_event"] for row in rows if row["name"] == LIKE_FOR_LIKE), None)
    for row in rows:
        row["times_ours"] = None if ours is None else round(row["best_cpu_us_per_event"] / ours, 2)


def markdown(rows: list[dict[str, Any]]) -> str:
    """One line an entry, cheapest first."""
    lines = [
        f"| {row['name']} | {row['times_ours']} | {row['best_cpu_us_per_event']:.1f} "
        f"({row['median_cpu_us_per_event']:.1f}) | {1e6 / row['best_cpu_us_per_event']:,.0f} | {row['resident_mib']} "
        f"| {row['state']} | {row['version']} |"
        for row in sorted(rows, key=lambda row: float(row["best_cpu_us_per_event"]))
    ]
    return "\n".join([HEAD, *lines])


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Bars of CPU per event on a logarithmic scale, dots for the repetitions."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of a back end without a display

    ordered = sorted(rows, key=lambda row: -float(row["best_cpu_us_per_event"]))
    figure, axes = plt.subplots(figsize=(9, 0.5 * len(rows) + 1.2), layout="constrained")
    colours = {"product": "tab:green", "copy": "tab:gray", "job": "tab:blue"}
    for place, row in enumerate(ordered):
        axes.barh(place, row["best_cpu_us_per_event"], color=colours[row["does"]])
        for run in row["runs"]:
            axes.plot(run["cpu_us_per_event"], place, "k.", markersize=4)
        axes.annotate(
            f" {row['best_cpu_us_per_event']:.1f} us", (row["best_cpu_us_per_event"], place), va="center", fontsize=8
        )
    axes.set_yticks(range(len(ordered)), [row["name"] for row in ordered])
    axes.set_xscale("log")
    axes.set_xlabel("CPU microseconds per event, one core (less is better)")
    axes.margins(x=0.15)
    figure.savefig(path, dpi=150)
    plt.close(figure)
