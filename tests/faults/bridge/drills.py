"""The drills of docs/bridge-drills.md, short in tests and long by the command, which writes the table of that page.

    python -m tests.faults.bridge.drills [--only WORDS] [--seed N] [--seconds N] [--datagrams N] [--patient]

Each row is written when its drill has ended, with the commit that ran. The exit status is 1 when a call was wrongly
blocked or wrongly passed.
"""

import argparse
import contextlib
import logging
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from streams.commands.demo.view import Routing
from streams.metrics import Metric
from tests.conftest import REFERENCE_DATA
from tests.faults.bridge.calls import PATIENT, REAL, Calls, Findings
from tests.faults.bridge.datagrams import Came, Sender, mutants
from tests.faults.bridge.stage import Stage, paused, stage
from tests.measured_table import MeasuredTable
from tests.processes import ROOT
from tests.streams.bridge.sip.damage import RICH
from tests.streams.bridge.sip.sip_case import invite
from tests.waiting import wait_until

TABLE = MeasuredTable(
    ROOT / "docs" / "bridge-drills.md",
    "drills",
    "python -m tests.faults.bridge.drills",
    (
        "drill", "INVITEs", "passed", "blocked", "passed undecided", "cancelled", "unanswered, routed by the timer",
        "wrongly blocked", "wrongly passed", "slowest answer", "besides", "commit",
    ),
)  # fmt: skip
LOSS, REPEATED_S = 0.1, 8.0
"""Share of datagrams that are lost, and the timer of a switch that waits for what is repeated."""
FEW = 20.0
"""Calls a second beside many datagrams."""
SHOWN = 10
SECONDS, DATAGRAMS, TIMES = 10.0, 1_000_000, 3
VIA = "SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK1"
IMPOSSIBLE = "<sip:+10005550123@127.0.0.1>;tag=1"

log = logging.getLogger("tests.faults.bridge")

Play = Callable[[Stage, random.Random], Findings]


@dataclass(frozen=True, slots=True)
class Drill:
    """One row of the table.

    Attributes:
        what: happens, for the table.
        play: makes it happen under load; what was found.
    """

    what: str
    play: Play


def _while(happens: Callable[[Stage], None], times: int, on: Stage, chance: random.Random) -> Findings:
    """Under load something happens several times, at instants by chance; each time all is well again afterwards."""
    took_s = []
    with on.under_load() as calls:
        for _ in range(times):
            on.wait_until_well()
            time.sleep(chance.uniform(0.0, 1.0))
            happens(on)
            since_s = time.monotonic()
            on.wait_until_well()
            took_s.append(f"{time.monotonic() - since_s:.1f}")
    return on.found(calls, f"judged again after {', '.join(took_s)} s")


def _let_pass(on: Stage, seconds: float) -> None:
    del on
    time.sleep(seconds)


def _kill_worker(on: Stage) -> None:
    on.fleet.members[0].send(signal.SIGKILL)
    time.sleep(1.0)


def _freeze_worker(on: Stage, seconds: float) -> None:
    paused(on.fleet.members[0].worker.process, seconds)


def _freeze_broker(on: Stage, seconds: float) -> None:
    on.broker.pause()
    time.sleep(seconds)
    on.broker.resume()


def _kill_broker(on: Stage, seconds: float) -> None:
    on.broker.kill()
    time.sleep(seconds)
    on.broker.start()


def _freeze_bridge(on: Stage, seconds: float) -> None:
    paused(on.bridge.process, seconds)


def _kill_bridge(on: Stage, seconds: float) -> None:
    on.bridge.kill()
    time.sleep(seconds)
    on.bridge.start()


def _lose(seconds: float, on: Stage, chance: random.Random) -> Findings:
    """A tenth of all datagrams, both ways. The switch repeats its INVITE, the bridge its answer."""
    with on.lossy(LOSS, chance) as relay:
        with on.under_load(replace(on.pace, timer_s=REPEATED_S), port=relay.port) as calls:
            time.sleep(seconds)
        lost, of = relay.lost, relay.lost + relay.passed
    return on.found(calls, f"{lost:,} of {of:,} datagrams lost")


def _race(seconds: float, on: Stage, chance: random.Random) -> Findings:
    """Every call is cancelled: right behind its INVITE, about when the decision comes, or after the answer."""
    with on.under_load(chance=chance) as calls:
        time.sleep(seconds)
    return on.found(calls, f"CANCELs answered: {_counted(calls.cancels)}")


def _besides(datagrams: Callable[[random.Random], Iterator[bytes]], on: Stage, chance: random.Random) -> Findings:
    """Datagrams come from a peer, as fast as the bridge reads them, and calls beside them."""
    with on.under_load(replace(on.pace, rate=FEW)) as calls:
        on.wait_until_well()
        came = Sender(on.bridge.port).send(datagrams(chance))
        on.wait_until_well()
    return _with(came, on, calls)


def _with(came: Came, on: Stage, calls: Calls) -> Findings:
    errors = on.bridge.counted(Metric.BRIDGE_ERRORS)
    noted = f"{came.sent:,} datagrams; answered: {_counted(came.statuses)}; {errors:.0f} errors"
    own = on.found(calls, noted)
    with contextlib.suppress(AssertionError):  # then it is a finding, and no failure of the harness
        wait_until(lambda: came.blocked <= on.blocks(), "every block has its decision")
    wrongly = sorted(came.blocked - on.blocks())
    if wrongly:
        log.error("blocked without a decision: %s", wrongly[:SHOWN])
    return replace(own, wrongly_blocked=own.wrongly_blocked + len(wrongly))


def _counted(statuses: "dict[int, int]") -> str:
    return ", ".join(f"{status} {count:,}" for status, count in sorted(statuses.items())) or "none"


def torture() -> list[bytes]:
    """The messages of RFC 4475, with `rport` so that we hear their answers; none without the reference data."""
    found = [path.read_bytes() for path in sorted((REFERENCE_DATA / "sip_torture").glob("*.dat"))]
    return [message.replace(b";branch=", b";rport;branch=", 1) for message in found]


def seeds() -> list[list[bytes]]:
    """What is damaged: INVITEs of callers who may not be blocked, and of one who has to be; and those of RFC 4475."""
    ours = [invite(via=VIA), invite(*RICH, via=VIA), invite(via=VIA, from_=IMPOSSIBLE)]
    return [ours, others] if (others := torture()) else [ours]


def drills(seconds: float = SECONDS, datagrams: int = DATAGRAMS, times: int = TIMES) -> list[Drill]:
    """All of them.

    Args:
        seconds: how long each fault lasts.
        datagrams: how many are damaged.
        times: how often each process is killed or frozen.
    """
    during: dict[str, tuple[Callable[[Stage], None], int]] = {
        "nothing, to compare with": (partial(_let_pass, seconds=seconds), 1),
        "kill -9 of the worker": (_kill_worker, times),
        "worker frozen": (partial(_freeze_worker, seconds=seconds), times),
        "broker frozen": (partial(_freeze_broker, seconds=seconds), times),
        "kill -9 of the broker": (partial(_kill_broker, seconds=seconds), times),
        "bridge frozen": (partial(_freeze_bridge, seconds=seconds), times),
        "kill -9 of the bridge": (partial(_kill_bridge, seconds=seconds), times),
    }
    return [
        *(Drill(what, partial(_while, happens, often)) for what, (happens, often) in during.items()),
        Drill("a tenth of the datagrams lost", partial(_lose, times * seconds)),
        Drill("every call cancelled, before, at or after its decision", partial(_race, times * seconds)),
        Drill("messages of RFC 4475", partial(_besides, lambda _: iter(torture()))),
        Drill("damaged datagrams", partial(_besides, lambda chance: mutants(seeds(), datagrams, chance))),
    ]


def row(drill: Drill, found: Findings, built: str) -> Sequence[str]:
    """Cells of one line of the table."""
    routed = found.routed
    passed = routed[Routing.PASSED] + routed[Routing.LABELLED]
    others = (routed[one] for one in (Routing.BLOCKED, Routing.UNDECIDED, Routing.CANCELLED, Routing.UNANSWERED))
    numbers = [found.calls, passed, *others, found.wrongly_blocked, found.wrongly_passed]
    return [drill.what, *(f"{one:,}" for one in numbers), f"{found.slowest_s * 1e3:.0f} ms", found.noted, built]


def main() -> int:
    """Run those that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="run the drills whose name contains this")
    parser.add_argument("--seed", type=int, default=1, help="of instants, losses and damages [%(default)s]")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each fault [%(default)s]")
    parser.add_argument("--datagrams", type=int, default=DATAGRAMS, help="that are damaged [%(default)s]")
    parser.add_argument("--patient", action="store_true", help="fewer calls, and longer waits, on a busy machine")
    chosen = parser.parse_args()
    pace, table = (PATIENT, replace(TABLE, command=f"{TABLE.command} --patient")) if chosen.patient else (REAL, TABLE)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    log.setLevel(logging.INFO)
    is_clean, built = True, table.commit()
    for drill in drills(chosen.seconds, chosen.datagrams):
        if chosen.only not in drill.what:
            continue
        log.info("%s", drill.what)
        with tempfile.TemporaryDirectory(prefix="drill-") as folder, stage(Path(folder), pace) as on:
            found = drill.play(on, random.Random(chosen.seed))
        log.info("%s", found)
        table.write(row(drill, found, built))
        is_clean &= not (found.wrongly_blocked or found.wrongly_passed)
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
