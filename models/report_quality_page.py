"""The tables of `docs/quality.md`: what was found in each family of worlds, beside the aims."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

BEGIN = "<!-- made by make quality: begin -->"
END = "<!-- made by make quality: end -->"
JUDGED = "held out"
"""The family that aims are about: worlds that no model was trained in, nor in any like them."""
SPREAD = ("snowshoe", "one_number_per_call", "low_and_slow")
Figures = dict[str, dict[str, Any]]
"""Figures of `models.report.judge` by family of worlds."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What the model should reach in the held-out worlds.

    `find` gives what was found and a word on where; `wanted` is the least, or the most if `is_most`. Nothing found
    (a campaign that is never stopped) is a miss.
    """

    what: str
    wanted: float
    find: Callable[[dict[str, Any]], tuple[float | None, str]]
    is_most: bool = False

    def is_met(self, found: Figures) -> bool:
        """Whether it is reached."""
        value, _ = self.find(found[JUDGED])
        return value is not None and (value <= self.wanted if self.is_most else value >= self.wanted)

    def row(self, found: Figures) -> tuple[str, ...]:
        """Aim, wanted, found and by how much it is missed."""
        value, where = self.find(found[JUDGED])
        sign = "at most" if self.is_most else "at least"
        missed = "met" if self.is_met(found) else "missed"
        if missed == "missed" and value is not None:
            missed += f" by {abs(value - self.wanted):.3g}"
        return self.what, f"{sign} {self.wanted:g}", f"{_figure(value)} {where}".strip(), missed


def _recall(rate: int) -> Callable[[dict[str, Any]], tuple[float | None, str]]:
    return lambda figures: (figures["at_false_block_rates"][rate]["recall"]["share"], "")


def _worst_kind(figures: dict[str, Any]) -> tuple[float | None, str]:
    kinds = {kind: one["at_rates"][0]["share"] for kind, one in figures["kinds"]["campaigns"].items()}
    worst = min(kinds, key=lambda kind: kinds[kind])
    return kinds[worst], f"({worst})"


def _worst_class(figures: dict[str, Any]) -> tuple[float | None, str]:
    kinds = {kind: one["at_rates"][0]["share"] for kind, one in figures["kinds"]["lawful"].items()}
    worst = max(kinds, key=lambda kind: kinds[kind])
    return kinds[worst], f"({worst})"


def _ratio(figures: dict[str, Any]) -> tuple[float | None, str]:
    """The worst of the rates; where the rules catch nothing it is infinite, or nothing if the model does neither."""
    ratios = {}
    for one, best in zip(figures["at_false_block_rates"], figures["against_best_rule"], strict=True):
        beyond = float("inf") if one["recall"]["share"] else 0.0
        ratios[one["rate"]] = beyond if best["ratio"] is None else best["ratio"]
    worst = min(ratios, key=lambda rate: ratios[rate])
    return ratios[worst], f"(at {worst:g})"


def _median(kinds: Sequence[str]) -> Callable[[dict[str, Any]], tuple[float | None, str]]:
    """The slowest of some kinds of campaign; a kind that is mostly never stopped has no median."""

    def find(figures: dict[str, Any]) -> tuple[float | None, str]:
        medians = {
            kind: one["stopped_at_rates"][0]["median"]
            for kind, one in figures["kinds"]["campaigns"].items()
            if kind in kinds
        }
        slowest = max(medians, key=lambda kind: float("inf") if medians[kind] is None else medians[kind], default=None)
        return (None, "(not in the calls)") if slowest is None else (medians[slowest], f"({slowest})")

    return find


AIMS = (
    Aim("robocalls caught, 1 lawful call in 1,000 hit", 0.85, _recall(1)),
    Aim("the same, of every kind", 0.5, _worst_kind),
    Aim("robocalls caught, 1 lawful call in 10,000 hit", 0.7, _recall(2)),
    Aim("times the best rate rule, at every rate", 2.0, _ratio),
    Aim("calls until a flood is stopped, median", 5, _median(("flood",)), is_most=True),
    Aim("calls until a spread campaign is stopped, median", 15, _median(SPREAD), is_most=True),
    Aim("share of a lawful class hit, 1 lawful call in 1,000 hit", 0.002, _worst_class, is_most=True),
    Aim(
        "expected calibration error",
        0.02,
        lambda figures: (figures["expected_calibration_error"], ""),
        is_most=True,
    ),
)


def tables(found: Figures, *, command: str, commit: str, seed: int, seconds: float) -> str:
    """All tables, Markdown."""
    figures = found[JUDGED]
    at = datetime.fromtimestamp(figures["made"]["at_ms"] / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    worlds = ", ".join(
        f"{name} {one['calls']:,} calls ({one['data']['robocall_share']:.1%} robocalls)" for name, one in found.items()
    )
    run = (
        f"Model `{figures['model']['version']}` at commit `{commit}`, {at}, {figures['made']['machine']},"
        f" {seconds:.0f} s: `{command}`, seed {seed}. {worlds}."
    )
    parts = [run, *_sections(found)]
    return "\n\n".join(parts) + "\n"


def _sections(found: Figures) -> Iterator[str]:
    yield "### Aims, in held-out worlds"
    yield _table(("aim", "wanted", "found", ""), (aim.row(found) for aim in AIMS))
    yield "### Robocalls caught by share of lawful calls hit"
    heads: Sequence[str] = ("worlds", "lawful calls hit", "caught", "by campaign", "best rule", "times", "lawful calls")
    yield _table(heads, (row for name, one in found.items() for row in _rates(name, one)))
    inside, outside = (
        found[name]["at_false_block_rates"][1]["recall"]["share"] for name in ("training ranges", JUDGED)
    )
    yield (
        "In each world by itself, with a threshold of its own, recall at 1 in 1,000 is "
        + "; ".join(f"{_spread(one['worlds'])} ({name})" for name, one in found.items())
        + ": lowest, median, highest."
    )
    yield f"Leaving the training ranges changes recall at 1 in 1,000 from {inside:.3f} to {outside:.3f}."
    yield "### Robocalls caught by their position in the campaign, 1 lawful call in 1,000 hit"
    heads = ("from call", *found)
    yield _table(heads, _positions(found))
    yield "### Robocalls caught by share of lawful numbers hit"
    rows = (
        (name, f"{one['rate']:g}", _share(one["recall"]), _sample(one["sample"]))
        for name, figures in found.items()
        for one in figures["at_false_number_rates"]
    )
    yield _table(("worlds", "lawful numbers hit", "caught", "lawful numbers"), rows)
    yield "### Kinds of campaign, 1 lawful call in 1,000 hit"
    heads = ("kind", *found, "best rule (held out)", "stopped after: median, 90 %, never (held out)", "calls stopped")
    yield _table(heads, _kinds(found))
    yield "### Lawful classes, 1 lawful call in 1,000 hit"
    yield _table(("class", *found, "numbers labelled (held out)", "first reasons (held out)"), _lawful(found))
    yield "Of the lawful calls hit, " + "; ".join(f"{_hit_most(one)} ({name})" for name, one in found.items()) + "."
    yield "### By attestation, in held-out worlds"
    attested = (
        (name, *(_share(one[whose]["at_rates"][0]) for whose in ("robocalls", "lawful")))
        for name, one in found[JUDGED]["attestations"].items()
    )
    yield _table(("attestation", "robocalls caught", "lawful calls hit"), attested)
    yield from _others(found[JUDGED])


def _spread(worlds: Sequence[Sequence[float]]) -> str:
    """Lowest, median and highest recall at the second rate."""
    recalls = sorted(world[1] for world in worlds)
    return f"{recalls[0]:.3f}, {median(recalls):.3f}, {recalls[-1]:.3f}"


def _rates(name: str, figures: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for one, best in zip(figures["at_false_block_rates"], figures["against_best_rule"], strict=True):
        campaign = one["recall"]["by_campaign"]
        yield (
            name,
            f"{one['rate']:g}",
            _share(one["recall"]),
            f"{campaign['low']:.3f} to {campaign['high']:.3f}",
            f"{best['recall']:.3f} {best['best']}",
            _figure(best["ratio"]),
            _sample(one["sample"]),
        )


def _positions(found: Figures) -> Iterator[tuple[str, ...]]:
    for place, one in enumerate(found[JUDGED]["positions"]):
        shares = (figures["positions"][place : place + 1] for figures in found.values())
        yield f"{one['from_call']}", *(_share(some[0]["at_rates"][0]) if some else "-" for some in shares)


def _kinds(found: Figures) -> Iterator[tuple[str, ...]]:
    for kind, one in found[JUDGED]["kinds"]["campaigns"].items():
        rules = [rule["kinds"][kind][0]["share"] for rule in found[JUDGED]["baselines"].values()]
        stopped = one["stopped_at_rates"][0]
        yield (
            kind,
            *(_of(figures, "campaigns", kind) for figures in found.values()),
            _figure(max(rules)),
            f"{_figure(stopped['median'])}, {_figure(stopped['p90'])}, {stopped['never']} of {stopped['campaigns']}",
            _figure(stopped["calls_stopped"]),
        )


def _lawful(found: Figures) -> Iterator[tuple[str, ...]]:
    for kind, one in found[JUDGED]["kinds"]["lawful"].items():
        reasons = ", ".join(list(one["reasons"])[:2]) or "-"
        yield (
            kind,
            *(_of(figures, "lawful", kind) for figures in found.values()),
            _share(one["numbers_labelled"]),
            reasons,
        )


def _hit_most(figures: dict[str, Any]) -> str:
    """The three lawful classes that most of the lawful calls hit belong to: who uses up what the rate allows."""
    lawful = figures["kinds"]["lawful"]
    hit = {kind: one["at_rates"][0]["share"] * one["at_rates"][0]["calls"] for kind, one in lawful.items()}
    most = sorted(hit, key=lambda kind: -hit[kind])[:3]
    return ", ".join(f"{hit[kind] / max(sum(hit.values()), 1):.0%} are of {kind}" for kind in most)


def _of(figures: dict[str, Any], group: str, kind: str) -> str:
    one = figures["kinds"][group].get(kind)
    return "-" if one is None else _share(one["at_rates"][0])


def _others(figures: dict[str, Any]) -> Iterator[str]:
    learnt = figures["learnt_on_these_calls"]
    if "models" in learnt:
        yield "### A linear model, and features taken away"
        yield (
            f"Trained on the first {learnt['split']['train_calls']:,} calls of the held-out worlds, judged on the last"
            f" {learnt['split']['test_calls']:,}, which are other worlds. The shipped model saw none of them."
        )
        heads = ("", *(f"caught at {one['rate']:g}" for one in figures["at_false_block_rates"]))
        rows = (
            (name, *(_figure(entry["recall"]["share"]) for entry in one["at_false_block_rates"]))
            for name, one in learnt["models"].items()
        )
        yield _table(heads, rows)
        known = learnt["within"]["at_false_block_rates"]
        yield (
            "Traffic that is known: a model that learnt half of the campaigns and lawful numbers of these very worlds"
            f" catches {known[1]['recall']['share']:.3f} of the others at 1 in 1,000, and"
            f" {known[2]['recall']['share']:.3f} at 1 in 10,000. What it lacks to the aims is not the move to other"
            " worlds, but evidence, or calls to learn from."
        )
    if "left_out" in figures:
        yield "### Kinds left out of training, one at a time"
        yield (
            "Recall of the kind at 1 lawful call in 1,000, in held-out worlds: of a model trained with all kinds, and"
            " of one that was never told of this kind. These models learnt from fewer calls than the shipped one."
        )
        left = ((kind, _figure(one["seen"]), _figure(one["left_out"])) for kind, one in figures["left_out"].items())
        yield _table(("kind", "seen", "left out"), left)
    yield "### What scoring costs"
    cost = figures["microseconds_per_call"]
    yield _table(
        ("calls in a batch", "us a call"), ((f"{one['calls_in_batch']}", f"{one['microseconds']:.2f}") for one in cost)
    )
    yield "### Features on real labelled subscribers"
    yield from _real(figures["real_subscribers"])


def _real(found: dict[str, Any]) -> Iterator[str]:
    if "skipped" in found:
        yield found["skipped"]
        return
    rows = [(one["what"], f"`{one['feature']}`", _area(one["real"]), _area(one["here"])) for one in found["families"]]
    rows.append(("all together, linear, cross-validated", "", _area(found["together"]), ""))
    yield (
        f"Area under the ROC curve of {found['subscribers']:,} subscribers, {found['fraud']:,} of them labelled as"
        " fraud; above 0.5 fraud has the larger values."
    )
    yield _table(("quantity", "nearest feature", "real", "held-out worlds"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _share(entry: dict[str, Any]) -> str:
    if entry["share"] is None:
        return "-"
    return f"{entry['share']:.4f} ({entry['low']:.4f} to {entry['high']:.4f})"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _area(entry: dict[str, float] | None) -> str:
    return "-" if entry is None else f"{entry['area']:.3f} ({entry['low']:.3f} to {entry['high']:.3f})"


def _sample(sample: dict[str, Any]) -> str:
    return f"{sample['lawful']:,}" + ("" if sample["is_enough"] else ", too few for this rate")
