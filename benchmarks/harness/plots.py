"""Pictures of results for the pages of docs/, one file each."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.harness.open_loop import IDLE, merged

DPI = 110
PERCENTILES = (0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99)


def latency(result: dict[str, Any], folder: Path) -> Path:
    """Percentiles of each path, one panel a rate, both axes logarithmic."""
    rates = [row["rate"] for row in result["rows"]]
    figure, panels = plt.subplots(1, len(rates), figsize=(3 * len(rates), 3.4), sharey=True, squeeze=False)
    for panel, rate in zip(panels[0], rates, strict=True):
        for path in dict.fromkeys(run["path"] for run in result["runs"]):
            found = [run["histogram_us"] for run in result["runs"] if (run["rate"], run["path"]) == (rate, path)]
            histogram = merged(found)
            shown = [p for p in PERCENTILES if 1 - p / 100 >= 1 / max(1, histogram.get_total_count())]
            values = [max(1, histogram.get_value_at_percentile(p)) / 1e3 for p in shown]
            panel.plot([1 / (1 - p / 100) for p in shown], values, marker=".", label=path)
        panel.set(xscale="log", yscale="log", title="idle" if rate == IDLE else f"{rate:,} events/s")
        panel.set_xticks([1, 10, 100, 1_000], ["0", "90", "99", "99.9"])
        panel.set_xlabel("percentile")
        panel.grid(visible=True, alpha=0.3)
    panels[0][0].set_ylabel("intended send instant to decision read, ms")
    panels[0][0].legend()
    return _save(figure, folder, "latency")


def throughput(result: dict[str, Any], folder: Path) -> Path:
    """Where the time of an event goes in a worker, beside the bare loop."""
    stages = result["breakdown_us_per_event"]
    figure, panel = plt.subplots(figsize=(7, 3.6))
    names = [*list(stages)[::-1], "bare librdkafka loop"]
    values = [*list(stages.values())[::-1], result["loop_cpu_us_per_event"]]
    panel.barh(names, values, color=["tab:blue"] * len(stages) + ["tab:grey"])
    panel.set_xlabel(f"CPU microseconds per event, {result['worker_cpu_us_per_event']:.2f} in all")
    panel.grid(visible=True, axis="x", alpha=0.3)
    return _save(figure, folder, "throughput")


def scale(result: dict[str, Any], folder: Path) -> Path:
    """Cost of an event: by number of workers, by rate, by tracked numbers."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.4))
    workers = result["workers"]
    left.bar([str(row["workers"]) for row in workers], [row["cpu_us_per_event"] for row in workers])
    left.set(xlabel="workers", ylabel="CPU microseconds per event")
    points = [point for point in result["rate"]["points"] if point["events"]]
    batch = [point["events"] / point["batches"] for point in points]
    middle.plot(batch, [point["cpu_us_per_event"] for point in points], "o", label="measured")
    said = [1e6 * point["model_cpu_s"] / point["events"] for point in points]
    middle.plot(batch, said, "x", label="model")
    middle.set(xscale="log", yscale="log", xlabel="events in a batch, mean", ylabel="CPU microseconds per event")
    middle.legend()
    keys = result["keys"]
    right.plot([row["numbers"] for row in keys], [row["cpu_us_per_setup"] for row in keys], "o-")
    right.set(xscale="log", ylim=0, xlabel="tracked numbers", ylabel="windows and features, us per setup")
    for panel in (left, middle, right):
        panel.grid(visible=True, alpha=0.3)
    return _save(figure, folder, "scale")


def _save(figure: Any, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.tight_layout()
    figure.savefig(path, dpi=DPI)
    plt.close(figure)
    return path
