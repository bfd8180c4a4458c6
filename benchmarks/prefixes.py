"""Do-not-originate lists: how long millions of entries take to load, what they weigh, and what they cost a call.

    python -m benchmarks.prefixes --entries 5000000 --events 300000

First the life of a list: text to entries (`robocall dno import`), file to table (a worker). Then look-ups alone, in
batches of several sizes. Then replays by turns: without entries, with 10,000, and with all of them. No call of the
traffic begins with an entry, so all replays decide the same; a run that does not is refused.
"""

import io
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness.machine import describe, give
from benchmarks.harness.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.harness.workload import event_lines
from benchmarks.replay.measuring import cost_of, measure, parsed, replay_parser
from detector.columns.arrays import Ints
from detector.columns.numbering import NATIONAL
from detector.numbers.do_not_originate import NO_ENTRIES, DnoList, DnoSource, DnoTable, ascending
from streams.numbers.dno_files import DnoFile, DnoFiles
from streams.numbers.dno_text import read_entries

FEW = 10_000
BATCHES = (1, 64, 1_024)
SOURCE = DnoSource("generated", "2026-11-20")


def main() -> None:
    """Run it and print one JSON object."""
    parser = replay_parser(__doc__)
    parser.add_argument("--entries", type=int, default=5_000_000, help="of the largest list [%(default)s]")
    add_limits(parser, within=0.005)
    options = parsed(parser)
    lines = event_lines(options.events, seed=options.seed)
    entries = entries_beside(calling_numbers(lines), options.entries, options.seed)
    loading, all_of_them = life_of(entries)
    some = DnoTable([DnoList(SOURCE, {10: np.sort(np.random.default_rng(options.seed).choice(entries, FEW, False))})])
    tables = {"none": NO_ENTRIES, f"{FEW:,}": some, f"{len(entries):,}": all_of_them}
    alone = {name: looked_up(table, lines) for name, table in tables.items()}
    measure(lines[:20_000])  # compiles
    runs = {name: partial(measure, lines, dno=table) for name, table in tables.items()}
    found = take_turns(runs, base="none", cost=cost_of, limits=limits_of(options))
    if len({one["decisions_sha256"] for some_runs in found.values() for one in some_runs}) != 1:
        raise SystemExit("wrong run: the same events were decided differently")
    costs = {name: list(map(cost_of, runs_of)) for name, runs_of in found.items()}
    ratios = {name: ratio_of(costs[name], costs["none"]).as_json() for name in tables if name != "none"}
    give(describe() | {"loading": loading, "ns_a_call": alone, "ratios": ratios, "runs": found}, options.out)


def calling_numbers(lines: list[bytes]) -> Ints:
    """National digits of the North American numbers that the calls come from, or claim in From, ascending."""
    found: set[int] = set()
    for line in lines:
        event = json.loads(line)
        for name in ("calling_number", "from_number"):
            number = event.get(name) or ""
            if number.startswith("+1") and number[2:].isdigit():
                found.add(int(number[2:]))
    return np.array(sorted(found), np.int64)


def entries_beside(numbers: Ints, count: int, seed: int) -> Ints:
    """So many numbers, ascending, that none of the calls comes from; half of them are near those that do."""
    random = np.random.default_rng(seed)
    far = random.integers(2_000_000_000, NATIONAL, count)
    near = random.choice(numbers // 10_000, count // 2) * 10_000 + random.integers(0, 10_000, count // 2)
    drawn = ascending(np.concatenate([far, near]))
    drawn = drawn[numbers[np.searchsorted(numbers[:-1], drawn)] != drawn]
    return np.sort(random.permutation(drawn)[:count])


def life_of(entries: Ints) -> tuple[dict[str, Any], DnoTable]:
    """Processor seconds of each step from text to table, what the table weighs, and the table."""
    text = b"\n".join(b"%010d" % number for number in entries.tolist())
    told: dict[str, Any] = {"entries": len(entries), "text_bytes": len(text)}
    with tempfile.TemporaryDirectory() as folder:
        files = DnoFiles(folder)
        read = timed(told, "read_text_s", lambda: read_entries(io.BytesIO(text), "generated", lambda *_: None))
        timed(told, "write_s", lambda: files.write(DnoFile(DnoList(SOURCE, read), 0)))
        kept = timed(told, "read_file_s", lambda: files.read(SOURCE.name).entries)
        table = timed(told, "make_table_s", lambda: DnoTable([kept]))
        told |= {
            "table_bytes": table.size_bytes,
            "list_bytes": kept.size_bytes,
        }
        timed(told, "make_table_of_two_lists_s", lambda: DnoTable([kept, DnoList(SOURCE, {10: entries[::2] + 1})]))
    return told, table


def timed(told: dict[str, Any], name: str, work: Callable[[], Any]) -> Any:
    """Do it, and note the seconds of processor time."""
    since = time.process_time()
    made = work()
    told[name] = round(time.process_time() - since, 3)
    return made


def looked_up(table: DnoTable, lines: list[bytes]) -> dict[str, float]:
    """Processor nanoseconds a call of look-ups alone, by size of the batch: each number of the traffic once."""
    digits = calling_numbers(lines) + NATIONAL
    np.random.default_rng(1).shuffle(digits)
    spent: dict[str, float] = {}
    for size in BATCHES:
        batches = [digits[at : at + size].copy() for at in range(0, min(len(digits), 2_000 * size), size)]
        table.lengths(batches[0])
        since = time.process_time()
        for batch in batches:
            table.lengths(batch)
        spent[str(size)] = round(1e9 * (time.process_time() - since) / sum(map(len, batches)), 1)
    return spent


if __name__ == "__main__":
    main()
