"""Plots of a report, as PNG: recall against false blocks and against precision, calibration, shares by kind.

Each is drawn in memory, in a second or so for a million calls; the first one loads matplotlib, which takes seconds.
"""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.judge.calibration import calibration_curve
from models.judge.evaluation import precision_recall_curve

DPI = 72


def _figure(height: float = 4.5) -> Any:
    """A figure that needs no display; `height` in inches."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - it takes seconds, and most commands draw nothing

    return Figure(figsize=(6, height), layout="constrained")


def _png(figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()


def recall_by_false_block_rate(
    scores: NDArray[np.float64],
    is_robocall: NDArray[np.bool_],
    others: Mapping[str, NDArray[np.float64]] | None = None,
) -> bytes:
    """Plot the share of robocalls caught over the share of lawful calls hit, from 1e-5 to 1.

    Args:
        scores: The model's, shape (n_calls,); higher means more suspect.
        is_robocall: What each call is, shape (n_calls,).
        others: Scores of the same calls by the name of whatever gave them, each of shape (n_calls,); drawn beside it.

    Returns:
        A PNG.
    """
    figure = _figure()
    axes = figure.subplots()
    for name, values in {"model": scores, **(others or {})}.items():
        order = np.argsort(-values, kind="stable")
        # Calls of one score are hit together: only the last of them is a point.
        last = np.flatnonzero(np.diff(values[order], append=-np.inf))
        caught = np.cumsum(is_robocall[order])[last] / max(int(is_robocall.sum()), 1)
        hit = np.cumsum(~is_robocall[order])[last] / max(int((~is_robocall).sum()), 1)
        chosen = np.unique(np.searchsorted(hit, np.geomspace(1e-5, 1.0, 400)).clip(0, len(hit) - 1))
        axes.plot(hit[chosen], caught[chosen], label=name, linewidth=2.0 if name == "model" else 1.0)
    axes.set(xscale="log", xlim=(1e-5, 1.0), ylim=(0.0, 1.0))
    axes.set(xlabel="share of lawful calls hit", ylabel="share of robocalls caught", title="Calls never seen before")
    axes.grid(visible=True, alpha=0.3)
    if others:
        axes.legend(fontsize=8)
    return _png(figure)


def precision_by_recall(scores: NDArray[np.float64], is_robocall: NDArray[np.bool_]) -> bytes:
    """Plot precision over recall, at the traffic's own share of robocalls.

    Args:
        scores: One for each call, shape (n_calls,); higher means more suspect.
        is_robocall: What each call is, shape (n_calls,).

    Returns:
        A PNG.
    """
    figure = _figure()
    axes = figure.subplots()
    axes.plot(*np.array(precision_recall_curve(scores, is_robocall)).T)
    axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.02), xlabel="recall", ylabel="precision", title="Calls never seen before")
    axes.grid(visible=True, alpha=0.3)
    return _png(figure)


def calibration(scores: NDArray[np.float64], is_robocall: NDArray[np.bool_]) -> bytes:
    """Plot the share of robocalls found over the probability promised, in 20 bins.

    Args:
        scores: Probabilities in [0, 1], shape (n_calls,).
        is_robocall: What each call is, shape (n_calls,).

    Returns:
        A PNG.
    """
    figure = _figure()
    axes = figure.subplots()
    curve = calibration_curve(scores, is_robocall)
    axes.plot([0, 1], [0, 1], linewidth=0.8, color="grey")
    axes.plot([one["promised"] for one in curve], [one["found"] for one in curve], marker="o")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability promised", ylabel="share that were robocalls")
    axes.set_title("Calibration on calls never seen before")
    axes.grid(visible=True, alpha=0.3)
    return _png(figure)


def shares(title: str, entries: Mapping[str, dict[str, Any]]) -> bytes:
    """Plot a bar for each share, with its interval.

    Args:
        title: Of the plot.
        entries: Values of `models.judge.evaluation.share_of` by what is written beside the bar.

    Returns:
        A PNG.
    """
    figure = _figure(height=1.2 + 0.28 * len(entries))
    axes = figure.subplots()
    places = np.arange(len(entries))[::-1]
    middle = np.array([entry["share"] or 0.0 for entry in entries.values()])
    ends = np.array([[entry["low"], entry["high"]] for entry in entries.values()]).reshape(-1, 2).T
    axes.barh(places, middle, xerr=np.maximum(np.abs(ends - middle), 0.0), color="#7aa6c2", ecolor="#333333")
    # A dollar sign would begin a formula.
    axes.set_yticks(places, [name.replace("$", r"\$") for name in entries], fontsize=8)
    axes.set(xlim=(0.0, None), title=title)
    axes.grid(visible=True, axis="x", alpha=0.3)
    return _png(figure)
