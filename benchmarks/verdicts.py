"""What verdicts on signatures cost a worker: reading them, and looking signers up in the policy's table.

    python -m benchmarks.verdicts --events 300000

Replays of the same calls by turns: without verdicts, with a verdict of ours on a share of them, and with these and a
table of as many signers as a policy may have. Nobody in the table signs a call, so that all replays come to the same;
a run that does not is refused. Verifying itself is no work of a worker: `benchmarks.verifying`.
"""

import json
import random
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.harness.machine import describe, give
from benchmarks.harness.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.harness.workload import event_lines
from benchmarks.replay.measuring import cost_of, measure, parsed, replay_parser
from detector.policy.signers import MOST_SIGNERS
from detector.trust.verdict import Cause, Verstat

SIGNERS = 60
"""Providers that sign calls of the traffic."""
NONE, VERDICTS, TABLE = "no verdicts", "verdicts", "verdicts and table"


def main() -> None:
    """Run it and print one JSON object."""
    parser = replay_parser(__doc__)
    parser.add_argument("--share", type=float, default=0.3, help="of the calls that are signed [%(default)s]")
    add_limits(parser, within=0.005)
    options = parsed(parser)
    lines = event_lines(options.events, seed=options.seed)
    verified = list(with_verdicts(lines, options.share, options.seed))
    measure(lines[:20_000])  # compiles
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.yaml"
        policy.write_text(policy_text(MOST_SIGNERS), encoding="utf-8")
        runs = {
            NONE: partial(measure, lines),
            VERDICTS: partial(measure, verified),
            TABLE: partial(measure, verified, policy_file=policy),
        }
        found = take_turns(runs, base=NONE, cost=cost_of, limits=limits_of(options))
    # Decisions name their policy, so with another one only what was done is the same.
    if len({json.dumps(run["actions"], sort_keys=True) for of_one in found.values() for run in of_one}) != 1:
        raise SystemExit("wrong run: the same calls were decided differently")
    costs = {name: list(map(cost_of, of_one)) for name, of_one in found.items()}
    ratios = {name: ratio_of(costs[name], costs[NONE]).as_json() for name in (VERDICTS, TABLE)}
    ratios["table alone"] = ratio_of(costs[TABLE], costs[VERDICTS]).as_json()
    give(describe() | {"share": options.share, "signers": MOST_SIGNERS, "ratios": ratios, "runs": found}, options.out)


def with_verdicts(lines: list[bytes], share: float, seed: int) -> Iterator[bytes]:
    """The same events; a share of the set-ups has a verdict of ours, as the bridge publishes it.

    Args:
        lines: events, one JSON object each.
        share: of the set-ups that are signed, 0 to 1.
        seed: of who signs which.
    """
    drawn = random.Random(seed)
    for number, line in enumerate(lines):
        event = json.loads(line)
        if event["type"] != "call_setup" or drawn.random() >= share:
            yield line
            continue
        event |= {
            "own_verstat": Verstat.PASSED,
            "own_cause": Cause.PASSED,
            "own_attestation": drawn.choice("ABC"),
            "own_signer_spc": f"{drawn.randrange(SIGNERS):03}J",
            "own_origid": f"6b2f7a52-55c8-4d8d-9a0f-{number:012}",
        }
        yield json.dumps(event, separators=(",", ":")).encode()


def policy_text(signers: int) -> str:
    """A policy with so many signers, none of whom signs a call of `with_verdicts`."""
    entries = (
        json.dumps({"spc": f"X{number:04}", "action": "report", "reason": "measured"}) for number in range(signers)
    )
    return "signers:\n" + "".join(f"  - {entry}\n" for entry in entries)


if __name__ == "__main__":
    main()
