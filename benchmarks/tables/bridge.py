"""What a call costs that is asked about: by SIP, by SIP where calls are signed, and over HTTP."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from benchmarks.harness.turns import in_words, ratio_of
from benchmarks.tables.markdown import Result, aim_of_ratio, source, table

BRIDGE, BARE = "bridge", "bare"
NAMES = {BRIDGE: "bridge", BARE: "a redirect server that asks nobody"}
SIGNED_AIM = 1.2
"""Times as long as calls that nobody signed, p99."""
MOST_LATE_MS, MOST_BUSY = 1.0, 0.9
"""A generator that is later, or processors that are busier, of all there are, say that the run did not fit."""
FIGURES = ("p50_ms", "p99_ms", "p99.9_ms", "highest_ms", "cpu_us_a_call")
COMPARED = ("p50_ms", "p99_ms", "cpu_us_a_call")
HEADINGS = ["p50, ms", "p99, ms", "p99.9, ms", "longest, ms", "CPU of a call, us", "no answer", "undecided", "fits"]
Row = dict[str, Any]


def dips(result: Result) -> str:
    """The bridge beside a server that asks nobody, at each rate."""
    rows = []
    for rate in dict.fromkeys(row["rate"] for row in result["rows"]):
        of = {path: [one for one in result["rows"] if (one["rate"], one["path"]) == (rate, path)] for path in NAMES}
        rows += [[f"{rate:,}", NAMES[path], *_cells(of[path], result)] for path in NAMES]
        rows.append([f"{rate:,}", "times as much", *_ratios(of[BRIDGE], of[BARE])])
    return "\n\n".join([table(["INVITEs a second", "asked", *HEADINGS], rows), _told(result)])


def dips_signed(result: Result) -> str:
    """The bridge that verifies: nobody signs, or a share of the calls does."""
    aims, rows = [], []
    for rate in dict.fromkeys(row["rate"] for row in result["rows"]):
        of = [one for one in result["rows"] if one["rate"] == rate]
        plain, signed = ([one for one in of if bool(one["signed"]) is is_signed] for is_signed in (False, True))
        share = f"{100 * signed[0]['signed']:.0f} %"
        rows += [[f"{rate:,}", said, *_cells(some, result)] for said, some in (("none", plain), (share, signed))]
        rows.append([f"{rate:,}", "times as much", *_ratios(signed, plain)])
        ratio = ratio_of(_values(signed, "p99_ms"), _values(plain, "p99_ms")).as_json()
        name = f"p99 at {rate:,} calls a second where {share} are signed, to none"
        row = aim_of_ratio(name, ratio, SIGNED_AIM, least=False)
        aims.append(row if all(_fits(one, result) for one in of) else [*row[:-1], "says nothing: it did not fit"])
    tables = [table(["", "measured", "aim", ""], aims), table(["INVITEs a second", "signed", *HEADINGS], rows)]
    return "\n\n".join([*tables, _told(result)])


def http_dips(result: Result) -> str:
    """A question over HTTP, at each rate."""
    rows = [
        [
            f"{row['rate']:,}",
            *(f"{row['answer'][one]:.1f}" for one in ("p50_ms", "p99_ms", "p99.9_ms", "max_ms")),
            f"{row['cpu_us_a_dip']:.0f}",
            f"{sum(calls for said, calls in row['said'].items() if said.startswith('fail_open')):,}",
            "yes"
            if row["late"]["p99_ms"] <= MOST_LATE_MS
            else f"no: the sender was {row['late']['p99_ms']:.0f} ms late",
        ]
        for row in result["rows"]
    ]
    headings = ["questions a second", "p50, ms", "p99, ms", "p99.9, ms", "longest, ms", "CPU of a question, us"]
    return "\n\n".join([table([*headings, "undecided", "fits"], rows), source(result)])


def _cells(rows: list[Row], result: Result) -> list[str]:
    return [
        *(_span(_values(rows, name), _figure) for name in FIGURES),
        _span([row["unanswered"] for row in rows], lambda calls: f"{calls:,.0f}"),
        _span([row["answers"].get("fail_open", 0) for row in rows], lambda calls: f"{calls:,.0f}"),
        "yes" if all(_fits(row, result) for row in rows) else "no",
    ]


def _ratios(rows: list[Row], base: list[Row]) -> list[str]:
    compared = {name: in_words(ratio_of(_values(rows, name), _values(base, name))) for name in COMPARED}
    return [compared.get(name, "") for name in FIGURES] + ["", "", ""]


def _values(rows: Iterable[Row], name: str) -> list[float]:
    return [row[name] for row in rows]


def _figure(value: float) -> str:
    """Three digits, of a thousand and more all."""
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def _span(values: list[float], shown: Callable[[float], str]) -> str:
    ends = list(dict.fromkeys(map(shown, (min(values), max(values)))))
    return " to ".join(ends)


def _fits(row: Row, result: Result) -> bool:
    is_busy = row["processors_busy"] >= MOST_BUSY * _cores(result)
    return bool(row["generator_late_p99_ms"] <= MOST_LATE_MS and not is_busy)


def _cores(result: Result) -> int:
    return int(result["machine"].partition(" cores")[0].split()[-1])


def _told(result: Result) -> str:
    return " ".join(_sentences(result))


def _sentences(result: Result) -> Iterator[str]:
    calls = sum(row["calls"] for row in result["rows"])
    yield f"{calls:,} calls in all; from the least to the most of the turns."
    yield "It *fits* where the generator was at most 1 ms late, p99, and processors were not all busy."
    yield source(result)
