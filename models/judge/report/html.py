"""The HTML page of a report: one file with its plots inside, no script, no network. All text from data is escaped."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from models.judge.report.learnt import OWN

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 0.7rem 0 1.4rem; display: block; overflow-x: auto; }
td { font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; white-space: nowrap; }
th { font-weight: 600; border-bottom: 2px solid #999; }
h2 { margin-top: 2.2rem; } .few { color: #a33; } .note { color: #555; } img { max-width: 100%; }
@media print { body { margin: 0; max-width: none; } }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content policy of the page: what it may load is what it holds."""
TOO_FEW = "too few"


def page(figures: dict[str, Any], plots: dict[str, bytes]) -> str:
    """The page of `models.judge.report.report.judge`'s figures, with its plots, PNG by name."""
    title = f"Report: {figures['model']['version']}"
    body = "\n".join(part for section in _SECTIONS for part in section(figures, plots))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; every cell is escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def share(entry: dict[str, Any]) -> str:
    """A share with its interval."""
    if entry["share"] is None:
        return "-"
    return f"{entry['share']:.4f} ({entry['low']:.4f} to {entry['high']:.4f})"


def number(value: float | None, form: str = ".0f") -> str:
    """A number; a dash for none."""
    return "-" if value is None else f"{value:{form}}"


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def _plot(plots: dict[str, bytes], name: str, words: str) -> str:
    content = base64.b64encode(plots[name]).decode()
    return f'<p><img alt="{escape(words)}" src="data:image/png;base64,{content}"></p>'


def _instant(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _enough(sample: dict[str, Any]) -> str:
    word = "enough" if sample["is_enough"] else TOO_FEW
    return f"{word}: {sample['lawful_allowed']:,} of {sample['lawful']:,} may be hit"


def _about(figures: dict[str, Any], _: dict[str, bytes]) -> Iterator[str]:
    made, data, model = figures["made"], figures["data"], figures["model"]
    first, last = (_instant(time_ms) for time_ms in data["span_ms"])
    yield table(
        ("what", ""),
        [
            ("calls", f"{figures['calls']:,}, {figures['robocalls']:,} of them robocalls"),
            ("lawful calling numbers", f"{figures['lawful_numbers']:,}"),
            ("span", f"{first} to {last}"),
            ("digest of the calls", data["digest"]),
            ("thresholds", ", ".join(f"{name} {value:.4f}" for name, value in model["thresholds"].items())),
            ("provenance", str(model.get("provenance", "-"))),
            ("made", f"{_instant(made['at_ms'])}, {made['machine']}, Python {made['python']}"),
            ("area under precision and recall", f"{figures['pr_auc']:.4f}"),
            ("expected calibration error", f"{figures['expected_calibration_error']:.4f}"),
            *(
                (f"scoring a call, {one['calls_in_batch']} in a batch", f"{one['microseconds']:.2f} us")
                for one in figures["microseconds_per_call"]
            ),
        ],
    )


def _rates(figures: dict[str, Any], plots: dict[str, bytes]) -> Iterator[str]:
    yield _heading("Robocalls caught by share of lawful calls hit")
    yield _note(
        "Shares with 95 % intervals: Wilson's, and by drawing campaigns again. Thresholds are taken from these calls,"
        " for the model and for the rules alike. Precision is at the share of robocalls given; the lower figure has"
        " both intervals at their worse end."
    )
    rows = []
    for one, best in zip(figures["at_false_block_rates"], figures["against_best_rule"], strict=True):
        campaign = one["recall"]["by_campaign"]
        precision = [
            f"{base['base_rate']:.0%}: {number(base['precision'], '.4f')} (above {number(base['low'], '.3f')})"
            for base in one["precision_at_base_rate"]
        ]
        rows.append(
            (
                f"{one['rate']:g}",
                share(one["recall"]),
                f"{campaign['low']:.3f} to {campaign['high']:.3f}",
                f"{best['recall']:.4f} {best['best']}" if best["recall"] else "none catches any",
                number(best["ratio"], ".1f"),
                "; ".join(precision) or "-",
                _enough(one["sample"]),
            )
        )
    heads = ("lawful calls hit", "robocalls caught", "by campaign", "best rule", "times as many", "precision", "sample")
    yield table(heads, rows)
    yield _plot(plots, "recall", "Share of robocalls caught over share of lawful calls hit, model and rules")
    yield _heading("Robocalls caught by share of lawful numbers hit")
    yield _note("A lawful number is hit when any of its lawful calls is.")
    yield table(
        ("lawful numbers hit", "robocalls caught", "sample"),
        [
            (f"{one['rate']:g}", share(one["recall"]), _enough(one["sample"]))
            for one in figures["at_false_number_rates"]
        ],
    )


def _thresholds(figures: dict[str, Any], plots: dict[str, bytes]) -> Iterator[str]:
    yield _heading("At fixed thresholds")
    rows = [
        (f"{whose}, {name}", number(one["threshold"], ".4f"), share(one["recall"]), share(one["false_block_rate"]))
        for whose, group in (("model's", "at_thresholds"), ("policy's", "at_policy_defaults"))
        for name, one in figures[group].items()
    ]
    yield table(("threshold", "score", "robocalls caught", "lawful calls hit"), rows)
    yield _plot(plots, "precision", "Precision over recall")
    yield _plot(plots, "calibration", "Observed share of robocalls over promised probability")


def _campaigns(figures: dict[str, Any], plots: dict[str, bytes]) -> Iterator[str]:
    yield _heading("Kinds of campaign")
    campaigns = figures["kinds"]["campaigns"]
    rates = [entry["rate"] for entry in next(iter(campaigns.values()))["at_rates"]]
    yield table(
        ("kind", "calls", *(f"caught at {rate:g}" for rate in rates), "labelled or blocked", "blocked"),
        [
            (
                kind,
                f"{one['blocked']['calls']:,}",
                *(share(entry) for entry in one["at_rates"]),
                share(one["labelled_or_blocked"]),
                share(one["blocked"]),
            )
            for kind, one in campaigns.items()
        ],
    )
    yield from _beside(figures, rates)
    yield _plot(plots, "campaigns", "Share of robocalls caught by kind of campaign")
    yield _heading("Calls until a campaign is stopped")
    yield _note(
        "At 1 lawful call in 1,000. Calls up to the first that is hit, over all campaigns whose first call is among"
        " these; those that began before are left out. A dash is a campaign that is never hit. 'Half' counts up to the"
        " call from which on at least half are hit. The share is the mean over campaigns."
    )
    kinds = {"all": figures, **campaigns}
    quantiles = ("median", "90 %", "median, half", "90 %, half")
    yield table(
        ("kind", "campaigns", "never", *quantiles, "share of calls stopped", "began before"),
        [
            (kind, *_stopped(one["stopped_at_rates"][0]), f"{one['stopped_at_rates'][0]['began_before']:,}")
            for kind, one in kinds.items()
        ],
    )


def _beside(figures: dict[str, Any], rates: Sequence[float]) -> Iterator[str]:
    """Per kind and rate what the rules catch, and what was trained for comparison."""
    others = figures["baselines"] | {
        name: one for name, one in figures["compared"].get("models", {}).items() if name != OWN
    }
    yield _note(
        "Beside it, of the same kind: what the rules catch, and models that were trained for comparison, if any, on"
        " the calls that these are judged on."
    )
    for place, rate in enumerate(rates):
        yield table(
            (f"kind, caught at {rate:g}", OWN, *others),
            [
                (
                    kind,
                    number(one["at_rates"][place]["share"], ".4f"),
                    *(_of_kind(other, kind, place) for other in others.values()),
                )
                for kind, one in figures["kinds"]["campaigns"].items()
            ],
        )


def _of_kind(one: dict[str, Any], kind: str, place: int) -> str:
    """What another model catches of a kind at the rate of that place; a dash where it was judged on none."""
    return number(one["kinds"][kind][place]["share"], ".4f") if kind in one["kinds"] else "-"


def _stopped(one: dict[str, Any]) -> tuple[str, ...]:
    half = one["until_half"]
    counts = (f"{one['campaigns']:,}", f"{one['never']:,}")
    quantiles = (number(value) for value in (one["median"], one["p90"], half["median"], half["p90"]))
    return (*counts, *quantiles, number(one["calls_stopped"], ".3f"))


def _lawful(figures: dict[str, Any], plots: dict[str, bytes]) -> Iterator[str]:
    yield _heading("Lawful callers that would be hit")
    yield _note(
        "At the model's thresholds. Reasons: the feature that raised the score most, of calls labelled or blocked."
    )
    rows = []
    for kind, one in figures["kinds"]["lawful"].items():
        reasons = ", ".join(f"{name} ({calls:,})" for name, calls in one.get("reasons", {}).items())
        shares = (one["labelled_or_blocked"], one["blocked"], one["numbers_labelled"], one["numbers_blocked"])
        rows.append((kind, f"{one['blocked']['calls']:,}", *(share(entry) for entry in shares), reasons or "-"))
    heads = ("class", "calls", "labelled or blocked", "blocked", "numbers labelled", "numbers blocked", "reasons")
    yield table(heads, rows)
    yield _plot(plots, "lawful", "Share of lawful calls labelled or blocked by class")


def _attested(figures: dict[str, Any], _: dict[str, bytes]) -> Iterator[str]:
    yield _heading("By attestation")
    if not figures["attestations"]:
        yield _note("The features do not tell the attestation.")
        return
    rows = []
    for name, one in figures["attestations"].items():
        robocalls, lawful = one["robocalls"], one["lawful"]
        rows.append(
            (
                name,
                f"{robocalls['blocked']['calls']:,}",
                share(robocalls["at_rates"][0]),
                *_stopped(robocalls["stopped_at_rates"][0])[:3],
                f"{lawful['blocked']['calls']:,}",
                share(lawful["at_rates"][0]),
            )
        )
    heads = (
        "attestation",
        "robocalls",
        "caught at 1e-3",
        "campaigns",
        "never",
        "median",
        "lawful calls",
        "hit at 1e-3",
    )
    yield table(heads, rows)


def _compared(figures: dict[str, Any], _: dict[str, bytes]) -> Iterator[str]:
    yield _heading("Rules, a linear model, and features taken away")
    heads = ("", *(f"caught at {one['rate']:g}" for one in figures["at_false_block_rates"]), "area")
    yield _note("All calls:")
    yield table(heads, (_ranking(name, one) for name, one in {OWN: figures, **figures["baselines"]}.items()))
    found = figures["compared"]
    if "skipped" in found:
        yield _note(found["skipped"])
        return
    yield _note(
        f"{found['judged_calls']:,} of these calls. All but the model learnt from {found['learnt_calls']:,} calls of"
        f" {found['learnt_from']}, so that they compare with each other; the model learnt from other calls."
    )
    yield table(heads, (_ranking(name, one) for name, one in found["models"].items()))
    if found["left_out"]:
        yield _heading("Kinds left out of training, one at a time")
        yield _note("The same trees, told of all kinds, and never told of this one: what they catch of it.")
        yield _left_out(found["left_out"])
    if found["author_left_out"]:
        yield _heading("An author left out of training, one at a time")
        yield _note(
            "The same trees, told of all authors, and never told of this one: what they catch of all robocalls, with"
            " intervals by campaign."
        )
        yield _author_left_out(found["author_left_out"])


def _left_out(kinds: dict[str, dict[str, Any]]) -> str:
    rates = [entry["rate"] for entry in next(iter(kinds.values()))["told"]]
    return table(
        ("kind", "calls", "campaigns", *(f"{who}, {rate:g}" for rate in rates for who in ("told", "left out"))),
        [
            (
                kind,
                f"{one['calls']:,}",
                f"{one['campaigns']:,}",
                *(share(entry) for pair in zip(one["told"], one["left_out"], strict=True) for entry in pair),
            )
            for kind, one in kinds.items()
        ],
    )


def _author_left_out(authors: dict[str, dict[str, Any]]) -> str:
    return table(
        ("author", "learnt calls without it", "lawful calls", "campaigns", "lawful calls hit", "told", "left out"),
        [
            (
                author,
                *(f"{one[what]:,}" for what in ("learnt_calls", "lawful", "campaigns")),
                f"{told['rate']:g}",
                *(share({**pair["recall"], **pair["recall"]["by_campaign"]}) for pair in (told, left_out)),
            )
            for author, one in authors.items()
            for told, left_out in zip(one["told"], one["left_out"], strict=True)
        ],
    )


def _ranking(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    recalls = (number(entry["recall"]["share"], ".4f") for entry in one["at_false_block_rates"])
    return (name, *recalls, f"{one['pr_auc']:.4f}")


def _real(figures: dict[str, Any], _: dict[str, bytes]) -> Iterator[str]:
    yield _heading("The features on real labelled subscribers")
    found = figures["real_subscribers"]
    if "skipped" in found:
        yield _note(found["skipped"])
        return
    yield _note(
        f"{found['subscribers']:,} real subscribers, {found['fraud']:,} of them labelled as fraud: area under the ROC"
        " curve of the nearest quantity, beside that of the numbers of the judged calls. 0.5 tells nothing; above,"
        " fraud has the larger values."
    )
    words = {True: "yes", False: "no", None: "-"}
    rows = [
        (one["what"], one["feature"], _area(one["real"]), _area(one["here"]), words[one["same_direction"]])
        for one in found["families"]
    ]
    rows.append(("all together, linear, cross-validated", "", _area(found["together"]), "-", "-"))
    yield table(("quantity", "nearest feature", "real subscribers", "these calls", "same direction"), rows)
    yield _bullets(found["caveats"])


def _area(entry: dict[str, float] | None) -> str:
    return "-" if entry is None else f"{entry['area']:.3f} ({entry['low']:.3f} to {entry['high']:.3f})"


def _limits(figures: dict[str, Any], _: dict[str, bytes]) -> Iterator[str]:
    yield _heading("What generated calls cannot show")
    yield _bullets(figures["limits"])


def _bullets(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


_SECTIONS = (_about, _rates, _thresholds, _campaigns, _lawful, _attested, _compared, _real, _limits)
