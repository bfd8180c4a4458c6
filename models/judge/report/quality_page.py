"""The tables of `docs/quality.md`: what was found in each family of worlds, beside the aims.

It formats figures and measures nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

from models.judge.evaluation import BASE_RATES, FALSE_BLOCK_RATES, KIND_RATES
from models.judge.report.aims import AIMS, Figures, figure
from models.judge.report.intervals import area, share
from models.judge.report.learnt import LEFT_OUT_RATES, LINEAR
from models.judge.report.worlds import BY_OTHERS, INSIDE, JUDGED, LEFT_OUT_IN

BEGIN = "<!-- made by make quality: begin -->"
END = "<!-- made by make quality: end -->"
AUTHOR_RATES = (1e-2, 1e-3, 1e-4)
"""Rates that are told of an author left out."""


def tables(found: Figures, *, command: str, commit: str, seed: int, seconds: float) -> str:
    """All tables, Markdown; called once, at the end of `make quality`.

    Args:
        found: By family of worlds, at least the held-out one, with `worlds` and `campaign_sizes` beside the figures of
            a report; of the held-out one `partitions` too.
        command: What to type for the same figures.
        commit: Of the source.
        seed: Of the worlds.
        seconds: How long it took.

    Raises:
        KeyError: A figure is missing.
    """
    figures = found[JUDGED]
    at = datetime.fromtimestamp(figures["made"]["at_ms"] / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    partitions = next(iter(figures["partitions"]))
    run = (
        f"Model `{figures['model']['version']}` at commit `{commit}`, {at}, {figures['made']['machine']},"
        f" {seconds:.0f} s. Windows are counted in {partitions} partition{'' if partitions == 1 else 's'}."
        f" Command: `{command}`, seed {seed}."
    )
    heads = (
        "worlds",
        "number",
        "calls",
        "robocalls",
        "campaigns",
        "began before",
        "calls of a campaign, median",
        "most",
    )
    sizes = (
        (
            name,
            f"{len(one['worlds'])}",
            f"{one['calls']:,}",
            f"{one['data']['robocall_share']:.1%}",
            *(figure(one["campaign_sizes"][what]) for what in ("campaigns", "began_before", "median", "most")),
        )
        for name, one in found.items()
    )
    return "\n\n".join([run, _table(heads, sizes), *_sections(found)]) + "\n"


def _sections(found: Figures) -> Iterator[str]:
    yield "### Aims, in held-out worlds"
    beside = BY_OTHERS.values()
    rows = ((*aim.row(found), *(aim.cell(found[name]) for name in beside)) for aim in AIMS)
    yield _table(("aim", "wanted", "found", "", *(f"found, {name}" for name in beside)), rows)
    yield from _must_show(found[JUDGED])
    yield from _by_rate(found)
    yield from _compared(found[JUDGED])
    yield from _author_left_out(found)
    yield "### What is caught from which call of a campaign on, 1 lawful call in 1,000 hit"
    yield _table(("from call", *found), _positions(found))
    yield "### What is caught by share of lawful numbers hit"
    rows = (
        (name, f"{one['rate']:g}", share(one["recall"]), _sample(one["sample"]))
        for name, figures in found.items()
        for one in figures["at_false_number_rates"]
    )
    yield _table(("worlds", "lawful numbers hit", "caught", "lawful numbers"), rows)
    yield "### Kinds of campaign, 1 lawful call in 1,000 hit"
    heads = ("kind", *found, "stopped after: median, 90 %, never (held out)", "share of calls stopped", "began before")
    yield _table(heads, _kinds(found))
    yield "### Lawful classes, 1 lawful call in 1,000 hit"
    yield _table(("class", *found, "numbers labelled (held out)", "first reasons (held out)"), _lawful(found))
    yield "Of the lawful calls hit, " + "; ".join(f"{_hit_most(one)} ({name})" for name, one in found.items()) + "."
    yield "### By attestation, in held-out worlds"
    attested = (
        (name, *(share(one[whose]["at_rates"][0]) for whose in ("robocalls", "lawful")))
        for name, one in found[JUDGED]["attestations"].items()
    )
    yield _table(("attestation", "robocalls caught", "lawful calls hit"), attested)
    yield from _others(found[JUDGED])


def _must_show(figures: dict[str, Any]) -> Iterator[str]:
    """The model, the best rule and the linear model: overall and per kind, at each rate."""
    linear = figures["compared"]["models"][LINEAR]
    samples = {one["rate"]: one["sample"] for one in figures["at_false_block_rates"]}
    hit = ", ".join(
        f"{samples[rate]['lawful_allowed']:,} at {rate:g}{'' if samples[rate]['is_enough'] else ' (too few to tell)'}"
        for rate in KIND_RATES
    )
    yield "### What is caught in held-out worlds, beside the rules and a linear model"
    yield (
        f"{figures['robocalls']:,} robocalls among {figures['calls'] - figures['robocalls']:,} lawful calls. Campaigns"
        " and numbers were not trained on. Columns give the share caught at a rate of lawful calls hit. The interval of"
        " the first line is by campaign; those of kinds are Wilson's. *Rule* is the rate rule that catches most of this"
        f" line at this rate, and *linear* is a logistic regression. Lawful calls hit: {hit}."
    )
    rows = []
    for name, one, line in (
        ("all", figures, linear["at_false_block_rates"]),
        *((kind, one, linear["kinds"][kind]) for kind, one in figures["kinds"]["campaigns"].items()),
    ):
        stopped = one["stopped_at_rates"][0]
        campaigns = stopped["campaigns"] + stopped["began_before"]
        cells = [name, f"{_at(one, KIND_RATES[0])['calls']:,}", f"{campaigns:,}"]
        for rate in KIND_RATES:
            model = _at(one, rate)
            interval = model.get("by_campaign", model)
            cells += [
                f"{model['share']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})",
                _best_rule(figures, name, rate),
                f"{_entry(line, rate)['share']:.3f}",
            ]
        rows.append(cells)
    heads = ("kind", "calls", "campaigns")
    yield _table(
        (*heads, *(f"{who}{rate:g}" for rate in KIND_RATES for who in ("model, ", "rule, ", "linear, "))), rows
    )


def _entry(rates: Sequence[dict[str, Any]], rate: float) -> dict[str, Any]:
    """The share at a rate: entries of a kind are shares, those of all calls hold one of robocalls."""
    (found,) = (one for one in rates if one["rate"] == rate)
    recall: dict[str, Any] = found.get("recall", found)
    return recall


def _at(one: dict[str, Any], rate: float) -> dict[str, Any]:
    """What the model catches of all robocalls, or of those of a kind."""
    return _entry(one["at_false_block_rates"] if "at_false_block_rates" in one else one["at_rates"], rate)


def _best_rule(figures: dict[str, Any], kind: str, rate: float) -> str:
    """What the rules catch at most; `all` is no kind. A dash where no rule was judged on the kind."""
    lines = ({"all": one["at_false_block_rates"], **one["kinds"]} for one in figures["baselines"].values())
    shares = [_entry(line[kind], rate)["share"] for line in lines if kind in line]
    return f"{max(shares):.3f}" if shares else "-"


def _by_rate(found: Figures) -> Iterator[str]:
    yield "### What is caught at each rate, in each family of worlds"
    precise = (f"precision at {base:.0%} robocalls" for base in BASE_RATES)
    heads = ("worlds", "lawful calls hit", "caught", "by campaign", "best rule", "times", *precise, "lawful calls")
    yield _table(heads, (row for name, one in found.items() for row in _rates(name, one)))
    yield (
        "Worlds differ. With a threshold for each world, the lowest, median and highest recall at 1 in 1,000 are "
        + "; ".join(f"{_spread(one['worlds'])} ({name})" for name, one in found.items())
        + "."
    )
    yield "What is lost outside of the training ranges, and by counting in partitions (held-out worlds):"
    inside, outside = (found[name]["at_false_block_rates"] for name in (INSIDE, JUDGED))
    partitions = found[JUDGED]["partitions"]
    counted = {f"counted in {n}": rates for n, rates in sorted(partitions.items())}
    rows = (
        (
            f"{rate:g}",
            *(f"{_entry(rates, rate)['share']:.3f}" for rates in (inside, outside)),
            f"{_entry(inside, rate)['share'] - _entry(outside, rate)['share']:.3f}",
            *(_campaign_share(_entry(rates, rate)) for rates in counted.values()),
        )
        for rate in FALSE_BLOCK_RATES
    )
    yield _table(("lawful calls hit", INSIDE, JUDGED, "lost", *counted), rows)


def _campaign_share(recall: dict[str, Any]) -> str:
    interval = recall["by_campaign"]
    return f"{recall['share']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})"


def _compared(figures: dict[str, Any]) -> Iterator[str]:
    """The linear model, features taken away, kinds left out: models that learnt in other worlds."""
    compared = figures["compared"]
    yield "### What features are worth, in held-out worlds"
    yield (
        f"All but the model learnt from {compared['learnt_calls']:,} calls of {compared['learnt_from']}. The trees"
        " follow one short recipe, so they compare with each other. The model learnt from more calls. Each has its own"
        " threshold at each rate, as the model has."
    )
    rows = (
        (name, *(f"{one['recall']['share']:.3f}" for one in model["at_false_block_rates"]), f"{model['pr_auc']:.3f}")
        for name, model in compared["models"].items()
    )
    heads = ("", *(f"caught at {rate:g}" for rate in FALSE_BLOCK_RATES), "area under precision and recall")
    yield _table(heads, rows)
    yield "### A kind of campaign left out of training"
    yield (
        "Recall of a kind in held-out worlds. *Told* are the trees with all features above; *left out* are the same"
        " trees that learnt no call of this kind."
    )
    left = (
        (
            kind,
            *(share(cell) for pair in zip(one["told"], one["left_out"], strict=True) for cell in pair),
            *(_lost(*pair) for pair in zip(one["told"], one["left_out"], strict=True)),
            f"{one['calls']:,} of {one['campaigns']:,}",
        )
        for kind, one in compared["left_out"].items()
    )
    cells = (f"{who}, {rate:g}" for rate in LEFT_OUT_RATES for who in ("told", "left out"))
    lost = (f"lost, {rate:g}" for rate in LEFT_OUT_RATES)
    yield _table(("kind", *cells, *lost, "calls, of campaigns"), left)


def _author_left_out(found: Figures) -> Iterator[str]:
    """Each author's worlds, judged by what learnt from all authors and by what learnt from the others."""
    yield "### An author left out"
    yield (
        "Three authors wrote the traffic without sight of each other. This table gives recall in worlds of one of them."
        f" *Told* are trees that learnt from {found[JUDGED]['compared']['learnt_calls']:,} calls of all three; *left"
        " out* are the same trees, taught by the two others only. No other table comes as near to traffic from"
        " elsewhere. Intervals are by campaign."
    )
    rows = (
        (
            author,
            family,
            *(_campaign_share(_entry(one[who], rate)) for rate in AUTHOR_RATES for who in ("told", "left_out")),
            *(f"{one[what]:,}" for what in ("learnt_calls", "lawful", "campaigns")),
        )
        for author, family in LEFT_OUT_IN.items()
        for one in found[family]["compared"]["author_left_out"].values()
    )
    cells = (f"{who}, {rate:g}" for rate in AUTHOR_RATES for who in ("told", "left out"))
    yield _table(("author", "judged in", *cells, "calls learnt without it", "lawful calls", "campaigns"), rows)


def _lost(told: dict[str, Any], left_out: dict[str, Any]) -> str:
    return "-" if told["share"] is None else f"{told['share'] - left_out['share']:.3f}"


def _spread(worlds: Sequence[Sequence[float]]) -> str:
    """Lowest, median and highest recall at the second rate."""
    recalls = sorted(world[1] for world in worlds)
    return f"{recalls[0]:.3f}, {median(recalls):.3f}, {recalls[-1]:.3f}"


def _rates(name: str, figures: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for one, best in zip(figures["at_false_block_rates"], figures["against_best_rule"], strict=True):
        campaign = one["recall"]["by_campaign"]
        precise = {base["base_rate"]: base["precision"] for base in one["precision_at_base_rate"]}
        yield (
            name,
            f"{one['rate']:g}",
            share(one["recall"]),
            f"{campaign['low']:.3f} to {campaign['high']:.3f}",
            f"{best['recall']:.3f} {best['best']}" if best["recall"] else "none catches any",
            figure(best["ratio"]),
            *(figure(precise.get(base)) for base in BASE_RATES),
            _sample(one["sample"]),
        )


def _positions(found: Figures) -> Iterator[tuple[str, ...]]:
    for place, one in enumerate(found[JUDGED]["positions"]):
        shares = (figures["positions"][place : place + 1] for figures in found.values())
        yield f"{one['from_call']}", *(share(some[0]["at_rates"][0]) if some else "-" for some in shares)


def _kinds(found: Figures) -> Iterator[tuple[str, ...]]:
    for kind, one in found[JUDGED]["kinds"]["campaigns"].items():
        stopped = one["stopped_at_rates"][0]
        yield (
            kind,
            *(_of(figures, "campaigns", kind) for figures in found.values()),
            f"{figure(stopped['median'])}, {figure(stopped['p90'])}, {stopped['never']} of {stopped['campaigns']}",
            figure(stopped["calls_stopped"]),
            f"{stopped['began_before']:,}",
        )


def _lawful(found: Figures) -> Iterator[tuple[str, ...]]:
    for kind, one in found[JUDGED]["kinds"]["lawful"].items():
        reasons = ", ".join(list(one["reasons"])[:2]) or "-"
        yield (
            kind,
            *(_of(figures, "lawful", kind) for figures in found.values()),
            share(one["numbers_labelled"]),
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
    return "-" if one is None else share(one["at_rates"][0])


def _others(figures: dict[str, Any]) -> Iterator[str]:
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
    rows = [(one["what"], f"`{one['feature']}`", area(one["real"]), area(one["here"])) for one in found["families"]]
    rows.append(("all together, linear, cross-validated", "", area(found["together"]), ""))
    yield (
        f"Area under the ROC curve of {found['subscribers']:,} subscribers, {found['fraud']:,} of them labelled as"
        " fraud. Above 0.5, fraud has the larger values."
    )
    yield _table(("quantity", "nearest feature", "real", "held-out worlds"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _sample(sample: dict[str, Any]) -> str:
    return f"{sample['lawful']:,}" + ("" if sample["is_enough"] else ", too few for this rate")
