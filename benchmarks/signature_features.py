"""What features of signatures add: trees of f3 and of f4 that learnt every label of a carrier, on its later calls.

    python -m benchmarks.signature_features --seeds 1 2 3

Carriers are the fourth author's. It tells what switches saw of signatures; what our own verifier would have found is
added here, since nobody publishes how often robocalls fail for which cause. Two assumptions stand side by side:

- `alike`: our verdict is that of the switch, for robocalls and lawful calls alike. Then little can be gained.
- `careless`: of the campaigns that sign, one in five uses tokens of other calls again (3 of 10 calls), one in seven
  signs with a certificate that was revoked, one in seven shows other numbers than it signed for (every second call).
  Switches see nothing of the first two. Of lawful customers one in 200 has a certificate that lapsed.

Recall is of robocalls of campaigns that begin after what was learnt, where one lawful call in 1,000 or in 10,000 is
hit.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.machine import describe, give
from detector.contract.events import CallSetup
from detector.features.schemas import F3, F4
from detector.features.window_constants import HOUR_MS, SECOND_MS
from detector.trust.verdict import Cause, Verstat
from models.data.dataset import Dataset
from models.data.windows_over_traffic import from_traffic
from models.learn.training import Parameters, fit_drawn, recall_at
from models.traffic.authors import Slice, Traffic, slices
from models.traffic.fourth.generate import FourthTraffic
from models.traffic.truth import Truth

RATES = (1e-3, 1e-4)
HISTORY_H, LEARN_H, JUDGE_H = 6.0, 12.0, 12.0
ROBOCALL_SHARE = 0.08
HABITS = (
    (1 / 5, 0.3, Cause.REPLAYED),
    (1 / 7, 1.0, Cause.CERTIFICATE_REVOKED),
    (1 / 7, 0.5, Cause.ORIG_MISMATCH),
)
"""Share of the campaigns, of their signed calls, and what is found of these."""
FAILED = (Cause.SIGNATURE_INVALID, Cause.CERTIFICATE_EXPIRED, Cause.STALE, Cause.ORIG_MISMATCH)
"""Causes of the few failures that switches see, too; each as often."""


def drawn(text: str) -> float:
    """A number in [0, 1) that is always the same for a text."""
    return crc32(text.encode()) / 2**32


def cause_of(event: CallSetup, truth: Truth, *, careless: bool) -> Cause:
    """What our verifier would find of a call that is signed."""
    if event.verstat == Verstat.FAILED:
        return FAILED[int(4 * drawn(event.call_id))]
    if not careless:
        return Cause.PASSED
    if not truth.is_robocall:
        return Cause.CERTIFICATE_EXPIRED if drawn(f"{event.origid}") < 1 / 200 else Cause.PASSED
    habit, chance = drawn(truth.campaign), drawn(event.call_id)
    for share, of_calls, cause in HABITS:
        if habit < share:
            return cause if chance < of_calls else Cause.PASSED
        habit -= share
    return Cause.PASSED


def verified(event: CallSetup, truth: Truth, *, careless: bool) -> CallSetup:
    """The call as it is after our verifier; one without a signature stays as it is."""
    if event.signer_spc is None:
        return event
    cause = cause_of(event, truth, careless=careless)
    has_passed = cause is Cause.PASSED
    return replace(
        event,
        verstat=Verstat.NONE.value if cause is Cause.ORIG_MISMATCH else event.verstat,
        own_verstat=Verstat.PASSED.value if has_passed else Verstat.FAILED.value,
        own_cause=cause.value,
        own_signer_spc=event.signer_spc if has_passed else None,
    )


def generated(seed: int, calls: int, *, careless: bool) -> Dataset:
    """Calls of a carrier with the features of f4."""
    hours = LEARN_H + JUDGE_H
    spec = FourthTraffic(
        seed=seed,
        hours=HISTORY_H + hours,
        history_hours=HISTORY_H,
        calls_per_second=calls / (hours * HOUR_MS / SECOND_MS),
        robocall_share=ROBOCALL_SHARE,
        new_kinds_ms=FourthTraffic(hours=HISTORY_H + LEARN_H + 1, history_hours=HISTORY_H + LEARN_H).judged_ms,
    )

    def told(spec: Traffic) -> Iterator[Slice]:
        for events, truths in slices(spec):
            left = iter(truths)
            yield (
                [
                    verified(event, next(left), careless=careless) if isinstance(event, CallSetup) else event
                    for event in events
                ],
                truths,
            )

    return from_traffic([spec], lambda _: None, partitions=(12,), schema=F4, told=told)


def compared(data: Dataset, seed: int) -> dict[str, object]:
    """Recall of both tables at each of `RATES`: of robocalls of new campaigns, and of all."""
    is_learnt = data.setup_time_ms < data.setup_time_ms.min() + int(LEARN_H * HOUR_MS)
    is_new = data.is_robocall & ~np.isin(data.campaign, data.campaign[is_learnt])
    judged = {"new": ~is_learnt & (is_new | ~data.is_robocall), "all": ~is_learnt}
    found: dict[str, object] = {f"{name}_robocalls": int(data.is_robocall[rows].sum()) for name, rows in judged.items()}
    for schema in (F3, F4):
        learnt = data.take(np.flatnonzero(is_learnt))
        width = len(schema.names)
        learnt = replace(learnt, rows=learnt.rows[:, :width].copy(), feature_names=schema.names)
        trees = fit_drawn(learnt, seed, replace(Parameters(), lawful_share=1.0))
        scores: NDArray[np.float64] = trees.decision_function(data.rows[:, :width])
        for name, rows in judged.items():
            of_rates = [round(recall_at(scores[rows], data.is_robocall[rows], rate), 4) for rate in RATES]
            found[f"{schema.name}_{name}"] = of_rates
    return found


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.signature_features",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="one a carrier")
    parser.add_argument("--calls", type=int, default=200_000, help="of each, about")
    parser.add_argument("--out", type=Path, default=None, help="file for the result")
    options = parser.parse_args()
    rows = []
    for seed in options.seeds:
        for careless in (False, True):
            row = compared(generated(seed, options.calls, careless=careless), seed)
            rows.append({"seed": seed, "assumed": "careless" if careless else "alike", **row})
            print(rows[-1], flush=True)
    give(describe() | {"carriers": rows}, options.out)


if __name__ == "__main__":
    main()
