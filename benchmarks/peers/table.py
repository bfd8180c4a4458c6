"""The result of the comparison as a table and a plot, ratios first."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.harness.turns import Ratio, in_words, ratio_of

LIKE_FOR_LIKE = "worker_job"
HEAD = (
    "| entry | times our CPU | CPU us/event, best (median) | events/s on one core | MiB | windows kept by "
    "| version |\n|---|---|---|---|---|---|---|"
)


def ratios(rows: list[dict[str, Any]]) -> None:
    """Add to each row how often its CPU per event is that of `LIKE_FOR_LIKE`, turn by turn; None without it."""
    ours = next((_costs(row) for row in rows if row["name"] == LIKE_FOR_LIKE), None)
    for row in rows:
        pairs = list(zip(_costs(row), ours or [], strict=False))  # an interrupted turn has no pair
        row["times_ours"] = ratio_of(*zip(*pairs, strict=True)).as_json() if pairs else None


def _costs(row: dict[str, Any]) -> list[float]:
    return [run["cpu_us_per_event"] for run in row["runs"]]


def markdown(rows: list[dict[str, Any]]) -> str:
    """One line an entry, cheapest first."""
    lines = [
        f"| {row['name']} | {in_words(Ratio(**row['times_ours'])) if row['times_ours'] else ''} "
        f"| {row['best_cpu_us_per_event']:.1f} ({row['median_cpu_us_per_event']:.1f}) "
        f"| {1e6 / row['best_cpu_us_per_event']:,.0f} | {row['resident_mib']} | {row['state']} | {row['version']} |"
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
