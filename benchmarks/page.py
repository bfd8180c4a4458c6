"""Write the measured tables of the documents from the results in docs/benchmarks/.

    python -m benchmarks.page

Each table stands between `<!-- NAME -->` and `<!-- /NAME -->`. What has no result stays as it is.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness.open_loop import IDLE
from benchmarks.harness.turns import Ratio, in_words
from benchmarks.peers import table as peers_table
from benchmarks.sizing import arithmetic as sizing
from benchmarks.tables import bridge, learning, people, state
from benchmarks.tables.campaigns import campaigns
from benchmarks.tables.markdown import Result, aim, aim_of_ratio, source, table
from benchmarks.tables.signatures import signatures
from benchmarks.tables.tracebacks import jaeger, lifts, look_ups, tracebacks
from benchmarks.tables.verifying import verifying

DOCS = Path(__file__).parents[1] / "docs"
RESULTS = DOCS / "benchmarks"
PAGES = tuple(
    DOCS / f"{name}.md"
    for name in (
        "benchmarks", "benchmarks-aims", "sizing", "retraining", "promoting", "archive", "quality", "quality-adapted",
        "traceback", "traceback-without-the-group", "campaigns", "redress", "bridge", "bridge-http", "signatures",
        "reliability", "console", "tutorials/first-quarter-of-an-hour",
    )
)  # fmt: skip
PEER_AIMS: dict[str, tuple[tuple[str, ...], float]] = {
    "stock Faust": (("stock_faust",), 25.0), "Quix Streams": (("quix_state", "quix_memory"), 10.0),
    "Bytewax": (("bytewax", "bytewax_memory"), 3.0), "Kafka Streams": (("kafka_streams", "kafka_streams_memory"), 3.0),
    "Flink": (("flink",), 2.0),
}  # fmt: skip
"""For each system the entries that count, of which the cheapest is taken, and the factor that is aimed at."""
LEAST_OF_A_PROCESSOR = 0.9
"""With a smaller share of a processor, a time on the clock says how busy the others were."""


def main() -> None:
    """Fill all blocks of all pages."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    for page in PAGES:
        text = page.read_text()
        for name, block in BLOCKS.items():
            needed, write = block
            if not all(one in results for one in needed):
                continue
            made = write(*(results[one] for one in needed))
            pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
            text = pattern.sub(lambda found, made=made: f"{found[1]}{made}\n{found[2]}", text)  # type: ignore[misc]
        page.write_text(text)


def aims(replay: Result, throughput: Result, latency: Result, memory: Result) -> str:
    """All aims of the worker itself."""
    per_key = memory["bytes_per_key"]
    rows = [aim_of_ratio("worker to bare librdkafka loop, CPU", throughput["worker_to_loop"], 4, least=False)]
    for row in latency["rows"]:
        if row["rate"] != IDLE:
            ratio, name = row["worker to librdkafka loop"], f"{row['rate']:,} events/s, worker to librdkafka loop"
            for percentile, wanted in (("p50", 1.8), ("p99", 2)):
                found = aim_of_ratio(f"{percentile} at {name}", ratio[f"{percentile}_ms"], wanted, least=False)
                rows.append(found if row["fits"] else [*found[:-1], "says nothing: the run did not fit the machine"])
    rows += [
        aim("replay, events/s of CPU time", 1e6 / replay["cpu_us_per_event"], 200_000, least=True),
        aim("replay, events/s on the clock", replay["events_per_second"], 200_000, least=True),
        aim("worker on Kafka, CPU us/event", throughput["worker_cpu_us_per_event"], 8, least=False),
        aim(
            "of which Faust, transport, clients, us",
            throughput["faust_transport_clients_us_per_event"],
            3,
            least=False,
        ),
    ]
    for row in latency["rows"]:
        if row["rate"] == 2_000:
            rows.append(aim("p50 at 2,000 events/s", row["worker"]["p50_ms"], 2, least=False, unit=" ms"))
            rows.append(aim("p99 at 2,000 events/s", row["worker"]["p99_ms"], 5, least=False, unit=" ms"))
    rows.append(aim("number seen once", per_key["cold_number"], 64, least=False, unit=" bytes"))
    rows.append(aim("busy number", per_key["number"], 1_024, least=False, unit=" bytes"))
    return "\n\n".join([table(["", "measured", "aim", ""], rows), f"Replay: {source(replay)}"])


def memory(result: Result) -> str:
    """Bytes of a number, and cost of a call with so many tracked."""
    rows = [
        [
            f"{part['numbers']:,}",
            str(part["calls_each"]),
            f"{part['bytes_per_number']:.0f}",
            f"{part['rss_bytes_per_number']:.0f}",
            f"{1e6 / part['update_us']:,.0f}",
            f"{part['update_us']:.2f}",
        ]
        for part in result["parts"]
    ]
    headings = ["numbers", "calls of each", "bytes/number, arrays", "bytes/number, process", "calls/s", "CPU us/call"]
    return "\n\n".join([table(headings, rows), source(result)])


def peers(result: Result) -> str:
    """How much cheaper than each peer, and the table of the peers' own run."""
    best = {row["name"]: row["best_cpu_us_per_event"] for row in result["rows"]}
    ratios = {row["name"]: row["times_ours"] for row in result["rows"]}
    rows = []
    for name, (entries, wanted) in PEER_AIMS.items():
        cheapest = min((entry for entry in entries if entry in best), key=best.__getitem__, default=None)
        if cheapest is not None:
            row = aim_of_ratio(f"{name} (`{cheapest}`)", ratios[cheapest], wanted, least=True)
            rows.append([*row, f"{best[cheapest] / best['worker']:.1f}"])
    headings = ["CPU per event of", "times ours on the common job", "aim", "", "times the whole worker's"]
    return "\n\n".join([table(headings, rows), peers_table.markdown(result["rows"]), source(result)])


def throughput(result: Result) -> str:
    """Cost and break-down."""
    stages = list(result["breakdown_us_per_event"].items())
    total = result["worker_cpu_us_per_event"]
    rows = [[stage, f"{us:.2f}", f"{100 * us / total:.0f} %"] for stage, us in stages]
    compared = in_words(Ratio(**result["worker_to_loop"]))
    ratio = table(["", "ratio"], [["worker to bare librdkafka loop, CPU of an event", compared]])
    facts = table(
        ["", "CPU us/event", "events/s"],
        [
            ["worker", f"{total:.2f}", f"{result['worker_events_per_second']:,.0f}"],
            [
                "bare librdkafka loop",
                f"{result['loop_cpu_us_per_event']:.2f}",
                f"{max(one['events_per_second'] for one in result['loops']):,}",
            ],
        ],
    )
    parts = table(["worker", "us", ""], rows)
    return "\n\n".join([ratio, facts, parts, f"{result['breakdown_samples']:,} samples. {source(result)}"])


def latency(result: Result) -> str:
    """Percentiles of the three paths."""
    paths = ("worker", "librdkafka loop", "aiokafka loop")
    rows = []
    for row in result["rows"]:
        cells = ["idle" if row["rate"] == IDLE else f"{row['rate']:,}"]
        for name in ("librdkafka loop", "aiokafka loop"):
            ratio = row[f"worker to {name}"]
            cells += [in_words(Ratio(**ratio[p])) for p in ("p50_ms", "p99_ms")]
        cells += [
            " / ".join(f"{row[path][p]:.2f}" for p in ("p50_ms", "p99_ms", "p99.9_ms", "max_ms")) for path in paths
        ]
        used = [sum(run["processors"].values()) for run in result["runs"] if run["rate"] == row["rate"]]
        late = [run["generator_late"]["p99_ms"] for run in result["runs"] if run["rate"] == row["rate"]]
        cells += [f"{max(used):.1f}", f"{max(late):.2f}", "yes" if row["fits"] else "no"]
        rows.append(cells)
    headings = ["events/s", *(f"{p} in times of {loop}" for loop in ("librdkafka", "aiokafka") for p in ("p50", "p99"))]
    headings += [f"{path}: p50 / p99 / p99.9 / max, ms" for path in paths]
    headings += ["processors used", "generator late, p99 ms", "fits"]
    return "\n\n".join([table(headings, rows), source(result)])


def workers(result: Result) -> str:
    """Several workers on this machine."""
    rows = [
        [
            str(row["workers"]),
            f"{row['cpu_us_per_event']:.2f}",
            f"{row['events_per_second']:,}",
            f"{row['processors_used_by_workers']:.2f}",
            f"{row['redis_bytes_per_worker_and_second'] / 1e6:.1f}",
        ]
        for row in result["workers"]
    ]
    headings = [
        "workers and partitions",
        "CPU us/event",
        "events/s",
        "processors used by workers",
        "Redis, MB/s and worker",
    ]
    return "\n\n".join([table(headings, rows), source(result)])


def costs(result: Result) -> str:
    """The model of cost, and what it was fitted to."""
    rate = result["rate"]
    model = (
        f"CPU seconds = {rate['idle_s']:.4f} x seconds + {rate['batch_us']:.0f} us x batches + "
        f"{rate['event_us']:.2f} us x events"
    )
    rows = [
        [
            point["what"],
            f"{point['events'] / max(1, point['batches']):.1f}",
            f"{point['cpu_s']:.2f}",
            f"{point['model_cpu_s']:.2f}",
            f"{point['cpu_us_per_event']:.1f}" if point["events"] else "",
        ]
        for point in rate["points"]
    ]
    keys = [
        [
            f"{row['numbers']:,}",
            f"{row['cpu_us_per_setup']:.2f}",
            f"{row['grown_bytes'] / row['numbers']:.0f}",
            f"{row['snapshot_bytes'] / row['numbers']:.0f}",
        ]
        for row in result["keys"]
    ]
    measured = table(["", "events in a batch", "CPU s", "the model's", "us/event"], rows)
    by_keys = table(
        ["tracked numbers", "windows and features, CPU us/setup", "bytes/number", "snapshot, bytes/number"], keys
    )
    return "\n\n".join([f"`{model}`", measured, by_keys, source(result)])


def sizes(result: Result) -> str:
    """From 1,000 to 1,000,000 calls a second."""
    found = sizing.Costs(result)
    return sizing.table([sizing.size(rate, found, sizing.Assumptions()) for rate in sizing.RATES])


def example(result: Result) -> str:
    """The worked example."""
    return sizing.table([sizing.size(20_000, sizing.Costs(result), sizing.Assumptions())])


def retrain(result: Result) -> str:
    """A day to a model: clock, processor time, memory."""
    rows = [
        [name, f"{step['seconds']:,.0f}", f"{step['cpu_seconds']:,.0f}", f"{step['peak_bytes'] / 1e9:.1f}"]
        for name, step in result["steps"].items()
    ]
    rows.append(
        ["together", f"{result['seconds']:,.0f}", f"{result['cpu_seconds']:,.0f}", f"{result['peak_bytes'] / 1e9:.1f}"]
    )
    processors = "one processor" if result["processors"] == 1 else f"{result['processors']} processors"
    said = aim(
        f"{result['events']:,} events, s on {processors}",
        result["seconds"],
        result["aim_seconds"],
        least=False,
    )
    share = result["cpu_seconds"] / result["seconds"]
    if share < LEAST_OF_A_PROCESSOR:
        said[-1] = f"says nothing: other work left it {share:.0%} of a processor"
    parts = table(["step", "s", "CPU s", "peak, GB"], rows)
    return "\n\n".join([table(["", "measured", "aim", ""], [said]), parts, source(result)])


def promotion(result: Result) -> str:
    """What switches of the model cost callers."""
    rows = [
        [
            one["to"],
            f"{one['decides_after_s']:.1f}",
            f"{one['calls']:,}",
            f"{one['p50_ms']:.2f} / {one['p99_ms']:.2f} / {one['max_ms']:.2f}",
            f"{one['spike_ms']:.1f}",
            f"{100 * one['other_spans_higher']:.0f} %",
        ]
        for one in result["switches"]
    ]
    others = result["all_other_seconds"]
    figures = f"{others['p50_ms']:.2f} / {others['p99_ms']:.2f} / {others['max_ms']:.2f}"
    rows.append(["none", "", f"{others['calls']:,}", figures, "", ""])
    spike = aim("slowest answer above the usual slowest, ms", result["spike_ms"], 20, least=False)
    aims_of = [
        ["calls lost or decided twice", str(result["lost"] + result["doubled"]), "0", "met"],
        spike if result["is_quiet"] else [*spike[:-1], "says nothing: spans without a switch differ by more"],
        aim("until the other model decides, s", result["slowest_switch_s"], 5, least=False),
    ]
    headings = [
        "switch",
        "decides after, s",
        "calls",
        "p50 / p99 / max, ms",
        "spike, ms",
        "other spans with a slower answer",
    ]
    return "\n\n".join([table(["", "measured", "aim", ""], aims_of), table(headings, rows), source(result)])


def traffic(result: Result) -> str:
    """How fast traffic is generated."""
    rows = [[row["worlds"], f"{row['events']:,}", f"{row['events_per_cpu_second']:,}"] for row in result["rows"]]
    first = [row for row in result["rows"] if not row["worlds"].endswith("author, as events")]
    slowest = min(row["events_per_cpu_second"] for row in first)
    what = "events a second of CPU time, slowest world of the first author"
    said = aim(what, slowest, result["aim_per_second"], least=True)
    return "\n\n".join(
        [
            table(["", "measured", "aim", ""], [said]),
            table(["world of", "events", "events/s of CPU time"], rows),
            source(result),
        ]
    )


def archive(result: Result) -> str:
    """What the sink and the export cost."""
    rows = [
        [
            name,
            f"{one['archived_per_second']:,}",
            f"{one['archive_cpu_us_per_event']:.1f}",
            f"{one['file_bytes_per_event']:.0f}",
            f"{one['exported_per_second']:,}",
        ]
        for name, one in ((name, result[name]) for name in ("plain", "digested"))
    ]
    headings = ["numbers", "archived, events/s", "CPU us/event", "bytes/event in files", "read back, events/s"]
    what = f"{result['events']:,} generated events of {result['event_bytes']} bytes in 12 partitions, one sink."
    return "\n\n".join([table(headings, rows), f"{what} {source(result)}"])


BLOCKS: dict[str, tuple[tuple[str, ...], Callable[..., str]]] = {
    "aims": (("replay", "throughput", "latency", "memory"), aims),
    "memory": (("memory",), memory),
    "peers": (("peers",), peers),
    "throughput": (("throughput",), throughput),
    "latency": (("latency",), latency),
    "workers": (("scale",), workers),
    "costs": (("scale",), costs),
    "sizes": (("scale",), sizes),
    "example": (("scale",), example),
    "retrain": (("retrain",), retrain),
    "promotion": (("promotion",), promotion),
    "traffic": (("traffic",), traffic),
    "archive": (("archive",), archive),
    "adapting": (("adapting",), learning.adapting),
    "signatures": (("signature_features",), signatures),
    "tracebacks": (("tracebacks",), tracebacks),
    "live-tracebacks": (("live_tracebacks",), tracebacks),
    "redress-lift": (("redress_lift",), lifts),
    "look-ups": (("look_ups_plain", "look_ups_digested"), look_ups),
    "jaeger": (("jaeger",), jaeger),
    "campaigns": (("campaigns",), campaigns),
    "ladder": (("ladder",), learning.ladder),
    "ladder_days": (("ladder_days",), learning.ladder),
    "kinds_caught": (("ladder_days",), learning.kinds_caught),
    "kinds_hit": (("ladder_days",), learning.kinds_hit),
    "in_force": (("in_force",), learning.in_force),
    "ladder_curve": (("ladder_curve",), learning.ladder),
    "ladder_untold": (("ladder_untold",), learning.ladder),
    "ladder_partitions": (("ladder_partitions",), learning.ladder),
    "poisoned": (("poisoned",), learning.poisoning),
    "poisoned_many": (("poisoned_many",), learning.poisoning),
    "dips": (("dips",), bridge.dips),
    "dips-signed": (("dips_signed",), bridge.dips_signed),
    "http-dips": (("http_dips",), bridge.http_dips),
    "verifying": (("verifying",), verifying),
    "recovery": (("recovery",), state.recovery),
    "snapshot": (("snapshot",), state.snapshot),
    "console": (("console_pages",), people.console),
    "demo": (("demo",), people.demo),
    "demo-start": (("demo_start", "demo_start_console"), people.demo_start),
}

if __name__ == "__main__":
    main()
