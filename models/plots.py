"""Two plots of a report: recall against precision, and promised against observed probability."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import TrainingDataInvalid

DPI = 72


def _figure() -> Any:
    """A figure that needs no display."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is not installed where models only serve
    except ImportError as missing:
        raise TrainingDataInvalid("plots need matplotlib: pip install 'robocall-detector[bench]'") from missing
    return Figure(figsize=(6, 4.5), layout="constrained")


def _png(figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()


def recall_by_false_block_rate(scores: NDArray[np.float64], is_robocall: NDArray[np.bool_]) -> bytes:
    """PNG: share of robocalls caught over the share of lawful calls hit, from 1e-5 to 1."""
    figure = _figure()
    axes = figure.subplots()
    order = np.argsort(-scores, kind="stable")
    caught = np.cumsum(is_robocall[order]) / max(int(is_robocall.sum()), 1)
    hit = np.cumsum(~is_robocall[order]) / max(int((~is_robocall).sum()), 1)
    chosen = np.unique(np.searchsorted(hit, np.geomspace(1e-5, 1.0, 400)).clip(0, len(hit) - 1))
    axes.plot(hit[chosen], caught[chosen])
    axes.set(xscale="log", xlim=(1e-5, 1.0), ylim=(0.0, 1.0))
    axes.set(xlabel="share of lawful calls hit", ylabel="share of robocalls caught", title="Calls never seen before")
    axes.grid(visible=True, alpha=0.3)
    return _png(figure)


def precision_by_recall(scores: NDArray[np.float64], is_robocall: NDArray[np.bool_]) -> bytes:
    """PNG: precision over recall at the traffic's own share of robocalls."""
    figure = _figure()
    axes = figure.subplots()
    order = np.argsort(-scores, kind="stable")
    caught = np.cumsum(is_robocall[order])
    recall = caught / max(int(is_robocall.sum()), 1)
    precision = caught / np.arange(1, len(order) + 1)
    chosen = np.unique(np.searchsorted(recall, np.linspace(0.0, 1.0, 400)).clip(0, len(recall) - 1))
    axes.plot(recall[chosen], precision[chosen])
    axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.02), xlabel="recall", ylabel="precision", title="Calls never seen before")
    axes.grid(visible=True, alpha=0.3)
    return _png(figure)


def calibration(scores: NDArray[np.float64], is_robocall: NDArray[np.bool_]) -> bytes:
    """PNG: observed share of robocalls over the promised probability, 20 bins."""
    figure = _figure()
    axes = figure.subplots()
    bins = np.minimum((scores * 20).astype(int), 19)
    calls = np.bincount(bins, minlength=20)
    filled = calls > 0
    promised = np.bincount(bins, weights=scores, minlength=20)[filled] / calls[filled]
    found = np.bincount(bins, weights=is_robocall, minlength=20)[filled] / calls[filled]
    axes.plot([0, 1], [0, 1], linewidth=0.8, color="grey")
    axes.plot(promised, found, marker="o")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability promised", ylabel="share that were robocalls")
    axes.set_title("Calibration on calls never seen before")
    axes.grid(visible=True, alpha=0.3)
    return _png(figure)
