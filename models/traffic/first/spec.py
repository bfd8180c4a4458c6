"""What traffic of the first author to generate: the same description always gives the same bytes."""

from dataclasses import dataclass

from models.traffic.first.world import CENTRAL_WORLD, World
from models.traffic.kinds import CAMPAIGN_KINDS
from models.traffic.span import DEFAULT_START_MS, after_hours

HISTORY_SLICE_MS = 60_000
"""Nobody waits for a call of the past, and in slices of half a second its draw costs eight times as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSpec:
    """One span of the first author's traffic.

    The population (persons, businesses, trunks, providers) follows from `seed` and the rate; campaigns and bursts from
    `seed` and the hour they start in, so that a later `start_ms` meets the same subscribers with campaigns never
    seen before.

    Attributes:
        start_ms: First instant, epoch milliseconds UTC.
        hours: Length of the span; setups fall in `[start_ms, start_ms + hours)`, ends may come later.
        history_hours: The first part of the span that only fills windows: its calls are neither learnt nor judged, and
            drawn in slices of `HISTORY_SLICE_MS`, or of `slice_ms` if that is more.
        seed: Seed of everything, >= 0.
        calls_per_second: Mean rate of lawful calls over the span.
        robocall_share: Share of robocalls among all calls; 7 to 8 % is published (TransNexus, 2022).
        scenarios: Campaign kinds to run, of `models.traffic.kinds.CAMPAIGN_KINDS`.
        trunks: Number of trunk groups, 4..999.
        campaigns_per_hour: Campaigns of each kind that start in an hour, mean; the robocalls of an hour are shared
            among those that do. Every kind starts one in the first hour.
        bursts_per_hour: Lawful bursts that start in an hour, mean; of some kinds several times as many.
        rhythm: Whether the rate follows the hours of the day; without it the rate is flat.
        warm: Whether campaigns are running and calls in progress when the span starts, as in traffic seen live. The
            ends of those calls then come without a setup.
        slice_ms: Calls are drawn slice by slice; memory and first output grow with it, and a call costs less.
        world: Whose figures to use, all but those that stand here; see `models.traffic.worlds` for specifications of
            worlds.

    Raises:
        ValueError: A figure is out of its bounds; the message names it.
    """

    start_ms: int = DEFAULT_START_MS
    hours: float = 1.0
    history_hours: float = 0.0
    seed: int = 1
    calls_per_second: float = 20.0
    robocall_share: float = 0.08
    scenarios: tuple[str, ...] = CAMPAIGN_KINDS
    trunks: int = 24
    campaigns_per_hour: float = 2.0
    bursts_per_hour: float = 2.0
    rhythm: bool = True
    warm: bool = False
    slice_ms: int = 60_000
    world: World = CENTRAL_WORLD

    def __post_init__(self) -> None:
        """Refuse what cannot be generated."""
        unknown = sorted(set(self.scenarios) - set(CAMPAIGN_KINDS))
        if unknown:
            raise ValueError(f"unknown scenario {', '.join(unknown)}: choose from {', '.join(CAMPAIGN_KINDS)}")
        if not 0.0 <= self.robocall_share < 1.0:
            raise ValueError(f"robocall_share is {self.robocall_share}: give a share of at least 0 and below 1")
        if self.hours <= 0 or self.calls_per_second <= 0 or self.slice_ms <= 0:
            raise ValueError("hours, calls_per_second and slice_ms have to be above 0")
        if not 0.0 <= self.history_hours < self.hours:
            raise ValueError(
                f"history_hours is {self.history_hours}: give at least 0 and less than hours, {self.hours}"
            )
        if not 4 <= self.trunks <= 999:
            raise ValueError(f"trunks is {self.trunks}: give 4 to 999")

    def slice_end_ms(self, start_ms: int) -> int:
        """Where the slice that begins here ends, if no hour ends before; a long one ends with the history."""
        return max(start_ms + self.slice_ms, min(start_ms + HISTORY_SLICE_MS, self.judged_ms))

    @property
    def judged_ms(self) -> int:
        """First instant whose calls are learnt or judged."""
        return after_hours(self.start_ms, self.history_hours)

    @property
    def end_ms(self) -> int:
        """First instant after the span."""
        return after_hours(self.start_ms, self.hours)
