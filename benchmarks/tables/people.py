"""What people see: pages of the console, and the demo."""

from typing import Any

from benchmarks.tables.markdown import Result, source, table

SIGNS = ("the first words", "console", "history begins", "live calls")
"""Of `benchmarks.demo.start`, in the order of their columns."""
CAUGHT = ("label", "block")


def console(result: Result) -> str:
    """Every page and part, the slowest first, and how many are within the aim."""
    aim_ms = result["aim_ms"]
    pages = sorted(result["pages"].items(), key=lambda one: -one[1]["p95_ms"])
    rows = [
        [
            f"`{name}`" if name.startswith("/") else name,
            f"{one['answers']:,}",
            f"{one['p50_ms']:.1f}",
            f"{one['p95_ms']:.1f}",
            f"{one['max_ms']:.1f}",
            "met" if one["p95_ms"] <= aim_ms else f"missed, {one['p95_ms'] / aim_ms:.2f} times off",
        ]
        for name, one in pages
    ]
    met = len(pages) - len(result["slower_than_aim"])
    files = ", ".join(f"{files:,} of `{topic}`" for topic, files in sorted(result["files"].items()))
    told = (
        f"p95 is within {aim_ms:.0f} ms for {met} of {len(pages)} pages and parts, and {result['all']['p95_ms']:.0f} ms"
        f" for all answers together. {result['rounds']:,} rounds, with {result['published_a_second']:,} decisions a"
        f" second behind them. In the archive there was a day of {result['archived']:,} decisions, in files: {files};"
        f" in topics {result['campaigns']:,} campaigns and {result['cases']:,} cases. {source(result)}"
    )
    headings = ["page or part", "answers", "p50, ms", "p95, ms", "slowest, ms", f"p95 within {aim_ms:.0f} ms"]
    return "\n\n".join([table(headings, rows), told])


def demo(result: Result) -> str:
    """Each draw of the demo's traffic."""
    rows = []
    for draw in result["draws"]:
        robocalls, lawful = draw["robocall"], draw["legitimate"]
        all_of_them = sum(robocalls.values())
        caught, blocked = sum(robocalls.get(one, 0) for one in CAUGHT), robocalls.get("block", 0)
        rows.append(
            [
                str(draw["seed"]),
                f"{all_of_them:,}",
                f"{100 * caught / all_of_them:.0f} %",
                f"{100 * blocked / all_of_them:.0f} %",
                f"{sum(lawful.values()):,}",
                *(f"{lawful.get(one, 0):,}" for one in CAUGHT),
            ]
        )
    headings = ["draw", "robocalls", "labelled or blocked", "of it blocked", "lawful calls", "labelled", "blocked"]
    return "\n\n".join([table(headings, rows), source(result)])


def demo_start(alone: Result, with_console: Result) -> str:
    """How soon a warm start shows something, without and with the console."""
    rows = [[f"`{one['command']}`", *(_span(one["turns"], sign) for sign in SIGNS)] for one in (alone, with_console)]
    said = f"{len(alone['turns'])} warm starts each, at a load of {_load(alone)} and {_load(with_console)}."
    made = f"{alone['machine']}; Python {alone['python']}; commits `{alone['commit']}` and `{with_console['commit']}`."
    return "\n\n".join([table(["command", *SIGNS], rows), f"{said} {made}"])


def _span(turns: list[dict[str, Any]], sign: str) -> str:
    values = [turn[sign] for turn in turns if sign in turn]
    return f"{min(values):.1f} to {max(values):.1f} s" if values else ""


def _load(result: Result) -> str:
    return f"{result['load'][0]:.1f}"
