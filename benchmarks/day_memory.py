"""What the memories of days and of signatures cost a replay: the shipped model with and without them, by turns.

    python -m benchmarks.day_memory --events 1000000 --days 3

The same traffic comes on each of the days, half an hour apart from where it was, so that numbers are known from the
second one on. The model reads no feature of days and signatures; they are computed all the same, as
`ROBOCALL_KEEP_DAYS` and `ROBOCALL_KEEP_SIGNATURES` ask for. The second has days, too.
"""

import re
from functools import partial

from benchmarks.harness.machine import describe, give
from benchmarks.harness.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.harness.workload import event_lines
from benchmarks.replay.measuring import cost_of, measure, parsed, replay_parser
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
    runs = {"without": None, "days": "keep_days", "signatures": "keep_signatures"}
    for keep in runs.values():
        measure(lines[:20_000], keep=keep)  # compiles
    timed = {name: partial(measure, lines, keep=keep) for name, keep in runs.items()}
    found = take_turns(timed, base="without", cost=cost_of, limits=limits_of(options))
    costs = {name: list(map(cost_of, one)) for name, one in found.items()}
    ratios = {name: ratio_of(costs[name], costs["without"]).as_json() for name in ("days", "signatures")}
    if any(one[0]["actions"] != found["without"][0]["actions"] for one in found.values()):
        raise SystemExit("wrong run: the same events were decided differently")
    give(describe() | {"ratios": ratios, "runs": found}, options.out)


def on_day(lines: list[bytes], day: int) -> list[bytes]:
    """The same events so many days and half hours later, with other call ids."""
    later_ms = day * (DAY_MS + HOUR_MS // 2)
    moved = (_TIMES.sub(lambda found: found[1] + b"%d" % (int(found[2]) + later_ms), line) for line in lines)
    return [_IDS.sub(rb"\g<1>d%d-" % day, line) for line in moved]


if __name__ == "__main__":
    main()
