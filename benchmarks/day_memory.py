"""What the memory of days costs a replay: the shipped model with and without it, by turns.

    python -m benchmarks.day_memory --events 1000000 --days 3

The same traffic comes on each of the days, half an hour apart from where it was, so that numbers are known from the
second one on. The model reads no feature of days; they are computed all the same, as `ROBOCALL_KEEP_DAYS` asks for.
"""

import re
from functools import partial

from benchmarks.machine import describe, give
from benchmarks.replay import cost_of, measure, parsed, replay_parser
from benchmarks.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.workload import event_lines
from detector.features.window_constants import DAY_MS, HOUR_MS

_TIMES = re.compile(rb'("(?:setup|answer|end)_time_ms":\s*)(\d+)')
_IDS = re.compile(rb'("call_id":\s*")')


def main() -> None:
    """Run it and print one JSON object."""
    parser = replay_parser(__doc__)
    parser.add_argument("--days", type=int, default=3, help="that they come on [%(default)s]")
    add_limits(parser, within=0.01)
    options = parsed(parser)
    first = event_lines(options.events // options.days, seed=options.seed)
    lines = [line for day in range(options.days) for line in on_day(first, day)]
    for keep_days in (False, True):
        measure(lines[:20_000], keep_days=keep_days)  # compiles
    runs = {name: partial(measure, lines, keep_days=name == "kept") for name in ("without", "kept")}
    found = take_turns(runs, base="without", cost=cost_of, limits=limits_of(options))
    ratio = ratio_of(list(map(cost_of, found["kept"])), list(map(cost_of, found["without"])))
    if found["kept"][0]["actions"] != found["without"][0]["actions"]:
        raise SystemExit("wrong run: the same events were decided differently")
    give(describe() | {"ratio": ratio.as_json(), "runs": found}, options.out)


def on_day(lines: list[bytes], day: int) -> list[bytes]:
    """The same events so many days and half hours later, with other call ids."""
    later_ms = day * (DAY_MS + HOUR_MS // 2)
    moved = (_TIMES.sub(lambda found: found[1] + b"%d" % (int(found[2]) + later_ms), line) for line in lines)
    return [_IDS.sub(rb"\g<1>d%d-" % day, line) for line in moved]


if __name__ == "__main__":
    main()
