"""Whether this worker does its work, judged by offsets and not by intentions. Pure: time and offsets are arguments."""

import math
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from detector.policy.budgets import InForce
from streams.kafka.agents.progress import Progress, unanswered
from streams.numbers.dno_follower import DnoView
from streams.redis.lists import ListsView
from streams.redis.trunk_shares import TrunkView

TRUNKS_LATE_S = 15.0
"""A start or a take-over needs seconds to read what others counted; after that something is wrong."""

LISTS_UNKNOWN = "lists_unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `/health` answers.

    `status` is `ok`, `standby`, `degraded`, `lists_unknown` (every call passes), `joining`, `restoring`, `warming` (up,
    without a snapshot) or `stalled`. All but the first four are red. `clock_ahead_s` is how far our clock is ahead of
    the brokers' where that matters, less than 0 where it is behind, else 0.
    """

    status: str
    partitions: int
    lag: int
    stalled: tuple[str, ...] = ()
    leaderless: tuple[str, ...] = ()
    clock_ahead_s: float = 0.0
    lists: ListsView | None = None
    trunks: TrunkView | None = None
    unwritable: tuple[str, ...] | None = None
    enforcement: "Enforcement | None" = None
    dno: DnoView | None = None

    @property
    def is_healthy(self) -> bool:
        """Green: traffic is handled, or would be, as far as this worker can help it: a restart would do no good."""
        return self.status in {"ok", "standby", "degraded", LISTS_UNKNOWN}

    def with_unwritable(self, partitions: Sequence[str]) -> "Verdict":
        """Name partitions of `call-decisions` that take nothing, if there are any. Green stays green, as above."""
        if not partitions:
            return self
        status = "degraded" if self.status in {"ok", "standby"} else self.status
        return replace(self, status=status, unwritable=tuple(partitions))

    def with_lists(self, lists: ListsView) -> "Verdict":
        """Say which lists are in force, if anybody keeps any. Green stays green: a restart would not find them."""
        if lists.source == "none":
            return self
        passes_all = lists.source == "unknown" and self.is_healthy
        return replace(self, status=LISTS_UNKNOWN if passes_all else self.status, lists=lists)

    def with_dno(self, dno: DnoView) -> "Verdict":
        """Say which do-not-originate lists of others are in force. It changes no status: without them calls pass."""
        return replace(self, dno=dno)

    def with_enforcement(self, force: InForce, now_ms: int) -> "Verdict":
        """Say what the model's step goes by. It changes no status: a worker that enforces nothing does its work."""
        return replace(self, enforcement=Enforcement.of(force, now_ms))


@dataclass(frozen=True, slots=True)
class Enforcement:
    """What the model's step goes by.

    `state` is `measured`, `labels` (the measure is old, or the traffic has drifted), `absolute` (the policy's
    thresholds, by somebody's order) or `tried` (nothing is labelled or blocked).
    Margins are log-odds, null where nothing is hit.
    """

    state: str
    said: str
    measured_ms: int | None = None
    calls: int | None = None
    label_margin: float | None = None
    block_margin: float | None = None

    @classmethod
    def of(cls, force: InForce, now_ms: int) -> "Enforcement":
        """Describe what is in force at an instant, epoch milliseconds."""
        state, said, measured = force.state(now_ms), force.said(now_ms), force.measured
        if measured is None:
            return cls(state, said)
        margins = [None if cut is None else cut.margin for cut in (measured.label, measured.block)]
        return cls(state, said, measured.measured_ms, measured.calls, *margins)


class Health:
    """Watches offsets move. Used on the event loop alone; no method blocks or raises.

    Args:
        stall_s: unread records and no movement for this long mean stalled, seconds.
        clock_s: so far our clock may be from the brokers', seconds.
    """

    __slots__ = ("_clock_s", "_has_joined", "_moved", "_stall_s", "_whole_s")

    def __init__(self, stall_s: float, clock_s: float) -> None:
        self._stall_s = stall_s
        self._clock_s = clock_s
        self._moved: dict[Hashable, tuple[int | None, float]] = {}
        self._has_joined = False
        self._whole_s = math.inf
        """When the trunk totals of others were last known."""

    def joined(self) -> None:
        """Note that the group gave this worker its share, even an empty one."""
        self._has_joined = True

    def left(self) -> None:
        """Note that the share was taken back."""
        self._has_joined = False

    def observe(
        self,
        progress: Progress,
        now_s: float,
        unready: Collection[str] = (),
        leaderless: Collection[Any] = (),
        clock_ahead_s: float = 0.0,
        trunks: TrunkView | None = None,
    ) -> Verdict:
        """Judge; call every second or so, since a stall is measured from the first look that saw the offset.

        Args:
            progress: of every partition that is assigned.
            now_s: monotonic seconds.
            unready: what is being done about each partition that is not read yet: `restoring` or `warming`.
            leaderless: partitions that no broker leads; they are not expected to move, nor to be restored.
            clock_ahead_s: how far our clock is ahead of the brokers'.
            trunks: what is known of the trunk totals of others; `partial` for longer than a take-over is `degraded`.

        Returns:
            What `/health` answers. `stalled` wins over `degraded` and `ok`: a partition that is being restored is not
            expected to move.
        """
        moved: dict[Hashable, tuple[int | None, float]] = {}
        stalled = []
        for partition, (reached, end) in progress.items():
            before, since = self._moved.get(partition, (reached, now_s))
            moved[partition] = (reached, now_s if reached != before or not unanswered(reached, end) else since)
            if now_s - moved[partition][1] >= self._stall_s and partition not in leaderless:
                stalled.append(_name(partition))
        self._moved = moved
        lag = sum(unanswered(reached, end) for reached, end in progress.values())
        clock_s = round(clock_ahead_s, 3) if abs(clock_ahead_s) > self._clock_s else 0.0
        if trunks is None or trunks.view != "partial" or now_s < self._whole_s:
            self._whole_s = now_s
        is_degraded = bool(leaderless or clock_s) or now_s - self._whole_s >= TRUNKS_LATE_S
        status, names = self._status(progress, stalled, unready, is_degraded=is_degraded), tuple(map(_name, leaderless))
        return Verdict(status, len(progress), lag, tuple(stalled), names, clock_s, trunks=trunks)

    def _status(self, progress: Progress, stalled: list[str], unready: Collection[str], *, is_degraded: bool) -> str:
        if not self._has_joined:
            return "joining"
        if unready:
            return max(unready)  # `warming` says more than `restoring`
        if stalled:
            return "stalled"
        if is_degraded:
            return "degraded"
        return "ok" if progress else "standby"


def _name(partition: Any) -> str:
    """`topic/3` of what has a topic and a number."""
    return "/".join(map(str, partition)) if isinstance(partition, tuple) else str(partition)
