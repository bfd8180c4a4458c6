"""What traffic to generate. A frozen description: the same one always gives the same bytes."""

from dataclasses import dataclass

from models.traffic.first.world import CENTRAL_WORLD, World

HOUR_MS = 3_600_000
DEFAULT_START_MS = 1_773_147_600_000  # Tuesday 2026-03-10T13:00:00Z, nine in the morning in New York

LAWFUL_DOC: dict[str, str] = {
    "person": "persons, who mostly call whom they know, and return some of the calls",
    "business": "offices and shops with some numbers and customers of their own",
    "inbound_call_centre": "hotlines that persons call; at times, after an outage say, everybody calls one of them",
    "outbound_call_centre": "agents who call lists, all day or for an hour or two",
    "reminder": "a clinic's or a garage's reminders: a message to each of its customers within minutes",
    "mass_alert": "a school or a utility that calls everybody at once, for two to six minutes",
    "passcode": "codes read out to whoever signs in somewhere",
    "delivery": "drivers who call the households of their round",
    "debt_collection": "collectors with many local numbers, whom few answer",
    "survey": "pollsters with many local numbers, whom few answer",
    "ride_proxy": "numbers of a service through which drivers and passengers call each other",
    "conference": "dial-in numbers, with calls of half an hour",
    "spoofed_callback": "persons who call back the one whose number a robocaller showed",
    "new_number": "subscribers whose number has not called before",
    "political": "calls before an election, from local numbers",
    "flash_call": "sign-in by a missed call whose last digits are the code: it rings once, like wangiri",
}
"""Lawful kinds, and what each is."""
CAMPAIGN_DOC: dict[str, str] = {
    "flood": "one to three numbers that call thousands within an hour",
    "snowshoe": "spread over hundreds of numbers, so that each calls little",
    "one_number_per_call": "another calling number for each call",
    "neighbour_spoofing": "calling numbers near the called one: of its NPA-NXX, or of its area",
    "sequential_dialling": "dials line after line, whether in service or not",
    "low_and_slow": "some numbers that call little, for hours",
    "hijacked_number": "shows the number of a person, who is then called back",
    "wangiri": "numbers abroad that ring once, to be called back",
    "telephony_dos": "many numbers call one victim, to keep the line busy",
    "invalid_numbers": "calling numbers that nobody can have",
    "a_attested_rotation": "hundreds of rented numbers, nearly all calls signed at level A",
    "padded_durations": "keeps calls up, so that few are short",
    "trunk_hopping": "each call by another of many trunks and providers",
    "stop_and_return": "pauses, and comes back with new numbers",
    "poor_list": "an old list, of which every second number is not in service",
    "do_not_originate": "shows the hotline of a bank or an office, which never calls",
}
"""Kinds of campaign, and what each is."""
LAWFUL_KINDS = tuple(LAWFUL_DOC)
CAMPAIGN_KINDS = tuple(CAMPAIGN_DOC)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSpec:
    """One span of traffic.

    The population (persons, businesses, trunks, providers) follows from `seed` and the rate; campaigns and bursts from
    `seed` and the hour they start in, so that a later `start_ms` meets the same subscribers with campaigns never
    seen before.

    Attributes:
        start_ms: First instant, epoch milliseconds UTC.
        hours: Length of the span; setups fall in `[start_ms, start_ms + hours)`, ends may come later.
        history_hours: The first part of the span that only fills windows: its calls are neither learnt nor judged.
        seed: Seed of everything, >= 0.
        calls_per_second: Mean rate of lawful calls over the span.
        robocall_share: Share of robocalls among all calls; 7 to 8 % is published (TransNexus, 2022).
        scenarios: Campaign kinds to run, of `CAMPAIGN_KINDS`.
        trunks: Number of trunk groups, 4..999.
        campaigns_per_hour: Campaigns of each kind that start in an hour, mean; the robocalls of an hour are shared
            among those that do. Every kind starts one in the first hour.
        bursts_per_hour: Lawful bursts that start in an hour, mean; of some kinds several times as many.
        rhythm: Whether the rate follows the hours of the day; without it the rate is flat.
        warm: Whether campaigns are running and calls in progress when the span starts, as in traffic seen live. The
            ends of those calls then come without a setup.
        slice_ms: Calls are drawn slice by slice; memory and first output grow with it.
        world: Whose figures to use, all but those that stand here; see `models.traffic.worlds` for specifications of
        worlds.
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

    @property
    def judged_ms(self) -> int:
        """First instant whose calls are learnt or judged."""
        return self.start_ms + round(self.history_hours * HOUR_MS)

    @property
    def end_ms(self) -> int:
        """First instant after the span."""
        return self.start_ms + round(self.hours * HOUR_MS)
