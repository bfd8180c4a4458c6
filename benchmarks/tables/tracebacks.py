"""Tables of tracebacks, look-ups and redress for the documents (`benchmarks.page`)."""

from benchmarks.tables.markdown import Result, source, table

TRACEBACK_HEADINGS = [
    "carriers", "asked", "entry right", "entry wrong", "entry unresolved", "path right", "path wrong",
    "path unresolved", "answers", "wrong call named",
]  # fmt: skip
_WAYS = {"hop_by_hop": "whoever is named", "asking_all": "and then all others"}
LOOK_UP_HEADINGS = ["numbers", "known of the call", "cold, median", "cold, slowest", "warm, median", "warm, slowest"]
JAEGER_HEADINGS = [
    "take part", "carriers", "origin, largest", "path, largest", "origin, by chance", "path, by chance",
    "published: origin, path",
]  # fmt: skip
_KNOWN = {"numbers_and_time": "both numbers and time", "called_number": "called number", "call_id": "Call-ID"}


def tracebacks(result: Result) -> str:
    """How often tracebacks find the point of entry, and whether they blame anybody wrongly."""
    return f"{table(TRACEBACK_HEADINGS, traceback_rows(result))}\n\n{calls_of(result)} {source(result)}"


def look_ups(plain: Result, digested: Result) -> str:
    """How long a look-up in a large archive takes."""
    rows = table(LOOK_UP_HEADINGS, look_up_rows(plain, digested))
    return f"{rows}\n\n{archives_of(plain, digested)} {source(plain)}"


def jaeger(result: Result) -> str:
    """What signed tracebacks would find."""
    return f"{table(JAEGER_HEADINGS, jaeger_rows(result))}\n\n{network_of(result)} {source(result)}"


def lifts(result: Result) -> str:
    """How long a grant of redress takes until a call passes."""
    rows = [
        [said, *(f"{result[name][which]:.2f} s" for which in ("median", "slowest"))]
        for name, said in (
            ("to_redis_s", "from the start of the command to its write in Redis"),
            ("from_redis_s", "from that write to the first call that passes"),
            ("in_all_s", "both"),
            ("command_cpu_s", "processor time of the command, all that it does"),
        )
    ]
    loads = [one["load"] for one in result["turns"]]
    what = f"{len(loads)} grants, at a load of {min(loads):.0f} to {max(loads):.0f}."
    return f"{table(['', 'median', 'slowest'], rows)}\n\n{what} {source(result)}"


def traceback_rows(result: Result) -> list[list[str]]:
    """A row for each topology and way of asking."""
    return [
        [topology, said, *(str(result[topology][way].get(name, 0)) for name in TRACEBACK_HEADINGS[2:])]
        for topology in ("chain", "mesh")
        for way, said in _WAYS.items()
    ]


def calls_of(result: Result) -> str:
    """How many calls were traced, and how many of them had a rival."""
    counts = [result[topology]["hop_by_hop"] for topology in ("chain", "mesh")]
    twice = sum(one["with a rival"] for one in counts)
    calls = twice + sum(one["without a rival"] for one in counts)
    campaigns = sum(result[topology].get("campaigns", 0) for topology in ("chain", "mesh"))
    found = f" They are the examples of {campaigns} campaigns that the service found." if campaigns else ""
    worlds = 2 * result["worlds"]
    return f"{calls:,} calls in {worlds} worlds; the pair of {twice:,} called once more in the tolerance.{found}"


def look_up_rows(*results: Result) -> list[list[str]]:
    """A row for each way to keep numbers and each thing that is known."""
    return [
        [result["numbers"], said, *_times(result["look_ups"][way])]
        for result in results
        for way, said in _KNOWN.items()
    ]


def _times(looked: Result) -> list[str]:
    """Seconds on the clock, processor time behind the median."""
    return [
        text
        for one in (looked["cold"], looked["warm"])
        for text in (f"{one['median_s']:.2f} s ({one['median_cpu_s']:.2f})", f"{one['max_s']:.2f} s")
    ]


def archives_of(*results: Result) -> str:
    """How large the archives were."""
    return " ".join(
        f"{one['numbers'].capitalize()}: {one['calls']:,} calls, {one['rows']:,} rows in {one['files']} files of "
        f"{one['file_bytes'] / 1e9:.1f} GB."
        for one in results
    )


def jaeger_rows(result: Result) -> list[list[str]]:
    """A row for each share of carriers that take part."""
    return [
        [
            f"{one['share']:.1%}",
            f"{one['carriers']:,}",
            *(f"{one[who][what]} %" for who in ("largest", "by_chance") for what in ("origin_percent", "path_percent")),
            ", ".join(f"{percent} %" for percent in one["published_percent"] or ()) or "-",
        ]
        for one in result["rows"]
    ]


def network_of(result: Result) -> str:
    """How large the network was."""
    mean = result["mean_carriers_of_a_call"]
    return f"{result['carriers']:,} carriers, {result['calls']:,} calls, each through {mean} carriers on average."
