"""The model card of an artifact (Mitchell et al., FAT* 2019): for whoever must decide whether to run the model."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from models.serve.learning_curve import FIGURE, RATES, Caught, curve_in

USE = """\
Scores each call of a carrier's traffic with a calibrated probability that it is a robocall, from counts and ratios over
sliding windows; the content of calls is neither known nor asked. A policy makes decisions of the scores: lists, rules,
thresholds, hysteresis and the ways of redress are its part. Not meant to judge a person, nor a call outside of the
windows that it was trained on."""

LIMITS = """\
- The figures hold for calls like those of the test span. Traffic that was generated cannot show what real traffic
  holds: see where the data came from.
- Lawful callers who behave like a campaign are hit more often than others: look at their lines before enforcing.
- Shares of a few hundred calls scatter: the intervals are 95 % (Wilson).
- Campaigns adapt. Watch drift and feedback (`robocall doctor`), and train again."""


def model_card(
    *, version: str, schema_id: str, created_ms: int, report: dict[str, Any], facts: dict[str, dict[str, Any]]
) -> str:
    """The card as Markdown.

    Args:
        version: of the model.
        schema_id: of the features that it wants.
        created_ms: when it was packaged, epoch milliseconds.
        report: of `models.judge.packaging.report`; parts that it lacks are left out.
        facts: sections of plain values, by title.
    """
    created = datetime.fromtimestamp(created_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts = [
        f"# Model card: {version}",
        f"Gradient-boosted trees, calibrated; features {schema_id}; packaged {created}.",
        f"## Use\n\n{USE}",
        *(f"## {title}\n\n{_list(values)}" for title, values in facts.items()),
        *_adapted(report),
        *_labels(report),
        *_figures(report),
        *_curve(report),
        f"## Limits\n\n{LIMITS}",
    ]
    return "\n\n".join(parts) + "\n"


def _adapted(report: dict[str, Any]) -> Iterator[str]:
    """On what a model rests that was adapted to a carrier (`models.adapt`)."""
    if "adapted" in report:
        facts = dict(report["adapted"])
        gate = facts.pop("gate")
        facts.pop("candidates", None)
        yield f"## Adapted\n\n{_list(facts)}"
        if gate.get("answers"):
            yield _answers(gate["answers"])
        if not gate["volumes"]:
            return
        rows = [
            (f"{one['share']:.1%}", *map(_figure, one["caught"] or (None, None)), *map(_figure, one["hit"]))
            for one in gate["volumes"]
        ]
        heads = ("calls with an alert", "caught by the base", "caught adapted", "lawful hit by the base", "hit adapted")
        yield (
            "## The gate: the base and the adapted model at equal alerts\n\n"
            f"{gate['callers']:,} labelled callers and {gate['references']:,} lawful ones judged, none of them learnt "
            f"from. {_gain(gate)}\n\n" + _table(heads, rows)
        )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _gain(gate: dict[str, Any]) -> str:
    if gate["gain"] is None:
        return "So few labelled ones do not tell which model catches more."
    low, high = gate["gain_interval"]
    return (
        f"More of the labelled robocalls caught: {gate['gain']:+.4f}, {gate['confidence']:.0%} sure of {low:+.4f} to "
        f"{high:+.4f}."
    )


def _answers(answers: dict[str, Any]) -> str:
    """What an analyst said of calls drawn by lot, of those on which one model alone raises an alert."""
    base, adapted = (
        f"{found} of {asked}" for found, asked in zip(answers["robocalls"], answers["answered"], strict=True)
    )
    return (
        "## Answers about calls drawn by lot\n\nRobocalls where this model alone raises an alert: "
        f"{adapted}; where the base alone does: {base}. Models that are equally good come to answers as good for this "
        f"one with a chance of {answers['chance']:.3f}."
    )


def _labels(report: dict[str, Any]) -> Iterator[str]:
    if "labels" in report:
        rows = [
            (one["source"] or "not said", f"{one['robocalls']:,}", f"{one['lawful']:,}", f"{one['weight']:.2f}")
            for one in report["labels"]
        ]
        yield "## Labels, by who says so\n\n" + _table(("source", "robocalls", "lawful calls", "mean weight"), rows)
    if "labels_warning" in report:
        yield f"**{report['labels_warning']}**"


def _figures(report: dict[str, Any]) -> Iterator[str]:
    names = ("calls", "robocalls", "pr_auc", "brier", "expected_calibration_error")
    whole = {name: report[name] for name in names if name in report}
    if whole:
        yield f"## Test span\n\n{_list(whole)}"
    if "at_false_block_rates" in report:
        recalls = [(f"{one['rate']:g}", _share(one["recall"])) for one in report["at_false_block_rates"]]
        yield "## Recall by share of lawful calls hit\n\n" + _table(("lawful calls hit", "robocalls caught"), recalls)
    for group, title in (("campaigns", "Kinds of campaign"), ("lawful", "Classes of lawful callers")):
        kinds = report.get("kinds", {}).get(group)
        if kinds:
            rows = [
                (kind, f"{one['blocked']['calls']:,}", _share(one["blocked"]), _share(one["labelled_or_blocked"]))
                for kind, one in kinds.items()
            ]
            heads = ("kind", "calls", "blocked", "labelled or blocked")
            yield f"## {title}, at the model's thresholds\n\n" + _table(heads, rows)


def _curve(report: dict[str, Any]) -> Iterator[str]:
    curve = curve_in(report)
    if curve is not None:
        rows = [
            (f"{one.share:.0%}", f"{one.groups:,}", f"{one.robocalls:,}", *map(_caught, one.caught))
            for one in curve.points
        ]
        heads = (
            "labels learnt from",
            "campaigns",
            "robocalls",
            *(f"recall at {rate:g} of lawful calls hit" for rate in RATES),
        )
        yield "## Learning curve\n\n" + _table(heads, rows)
        for rate in curve.scarce:
            yield f"At {rate:g} it says little: of {curve.lawful:,} lawful calls too few are hit."


def _caught(caught: Caught) -> str:
    return f"{caught.share:.4f} ({caught.low:.4f} to {caught.high:.4f})"


def _share(share: dict[str, Any]) -> str:
    if share["share"] is None:
        return "-"
    return f"{share['share']:.4f} ({share['low']:.4f} to {share['high']:.4f})"


def _list(values: dict[str, Any]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in values.items())


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def headline(report: dict[str, Any]) -> dict[str, Any]:
    """The figures of a report that a person compares models by, plain values; what it lacks is left out."""
    names = ("calls", "robocalls", "pr_auc", "brier", "expected_calibration_error")
    found = {name: report[name] for name in names if name in report}
    for entry in report.get("at_false_block_rates", []):
        found[f"recall_at_{entry['rate']:g}"] = entry["recall"]["share"]
    if FIGURE in report:
        found[FIGURE] = report[FIGURE]
    return found
