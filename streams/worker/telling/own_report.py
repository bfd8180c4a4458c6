"""What this worker says of itself to Redis besides its models: how it does, and how far its calls have drifted."""

from collections.abc import Callable, Mapping
from itertools import islice

from msgspec.structs import replace

from models.watch.drift import Drift
from streams.redis.worker_reports import (
    MAX_LAGS,
    MAX_MOVED,
    MAX_STALLED,
    ShareSeen,
    WorkerDrift,
    WorkerHealth,
    WorkerReport,
)
from streams.worker.health import Verdict

DIGITS = 4


def completed(
    verdict: Callable[[], Verdict],
    lags: Callable[[], Mapping[int, int]],
    found: Callable[[], tuple[tuple[str, ...], Drift | None]],
    report: WorkerReport,
) -> WorkerReport:
    """Add what takes a moment to find out, cut to what a report holds.

    Args:
        verdict: Answers as `/health` does.
        lags: Counts unanswered records by partition of `call-events`.
        found: Names the alarms that the model in place raises, and the drift of its calls; None without a reference.
        report: What is said of models.
    """
    judged, (alarms, drift) = verdict(), found()
    read = {str(partition): lag for partition, lag in islice(sorted(lags().items()), MAX_LAGS)}
    health = WorkerHealth(judged.status, read, judged.stalled[:MAX_STALLED])
    return replace(report, alarms=alarms, health=health, drift=None if drift is None else _drift(drift))


def _drift(drift: Drift) -> WorkerDrift:
    farthest = sorted(drift.features.items(), key=lambda one: -one[1])[:MAX_MOVED]
    return WorkerDrift(
        drift.calls,
        None if drift.moved is None else round(drift.moved, DIGITS),
        None if drift.scores is None else round(drift.scores, DIGITS),
        {name: round(moved, DIGITS) for name, moved in farthest},
        {name: ShareSeen(share.found, share.low, share.high) for name, share in drift.shares.items()},
    )
