"""Worlds: every figure of the generator that may be another elsewhere, and the ranges that it is drawn from.

The central world has the figures that are calibrated on published ones. A world of the training family draws each
figure from a wide range around it; a world of the held-out family draws each from bands that lie wholly outside that
range, below it or above it. So what is learnt in the first can be judged in the second, where no figure was ever seen.
"""

import zlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

Band = tuple[float, float]


class Family(StrEnum):
    """Where a world's figures come from."""

    CENTRAL = "central"
    TRAINING = "training"
    HELD_OUT = "held-out"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the generator.

    Attributes:
        central: Its value in the central world.
        training: Lowest and highest value in worlds to train on; it holds `central`.
        below: Band of the held-out worlds under `training`, or none.
        above: Band of the held-out worlds over `training`, or none.
        doc: What it is, with its unit.
        linear: Drawn evenly; else evenly in the logarithm, as fits factors.
    """

    central: float
    training: Band
    below: Band | None
    above: Band | None
    doc: str
    linear: bool = False

    @property
    def held_out(self) -> tuple[Band, ...]:
        """The bands of the held-out worlds."""
        return tuple(band for band in (self.below, self.above) if band is not None)


_F = Figure
FIGURES: dict[str, Figure] = {
    # The span: set by `models.worlds`, which sizes worlds.
    "robocall_share": _F(0.08, (0.03, 0.16), (0.010, 0.020), (0.22, 0.32), "share of robocalls among all calls"),
    "trunks": _F(24, (10, 60), (5, 7), (90, 180), "trunk groups"),
    "campaigns_per_hour": _F(2.0, (0.8, 5.0), (0.3, 0.5), (8.0, 12.0), "campaigns of each kind that start in an hour"),
    "hours": _F(1.0, (0.3, 6.0), (0.12, 0.2), (9.0, 14.0), "length of the span, hours"),
    # Subscribers.
    "calls_per_person": _F(4.0, (2.5, 7.0), (1.2, 1.9), (9.0, 14.0), "calls that a person makes in a day"),
    "blocks_per_area": _F(24, (12, 60), (4, 8), (90, 160), "number blocks in use for each area code"),
    "stranger_share": _F(0.12, (0.06, 0.25), (0.02, 0.04), (0.32, 0.45), "share of a person's calls to no contact"),
    "returned_share": _F(0.17, (0.08, 0.30), (0.02, 0.05), (0.38, 0.50), "share of persons' calls that return one"),
    "caller_skew": _F(1.6, (1.2, 2.2), (1.0, 1.1), (2.6, 3.2), "how much the busiest persons call, 1 = all alike"),
    "withheld_share": _F(0.02, (0.006, 0.05), (0.001, 0.003), (0.08, 0.14), "share of persons' calls without number"),
    "abroad_share": _F(0.012, (0.004, 0.03), (0.0005, 0.002), (0.05, 0.10), "share of persons who call from abroad"),
    # Carriers.
    "providers": _F(30, (12, 70), (5, 8), (110, 180), "providers that sign"),
    "shared_origins": _F(60, (20, 160), (6, 12), (260, 400), "origin ids that small customers share"),
    "individuality": _F(0.22, (0.15, 0.36), (0.05, 0.10), (0.50, 0.65), "how callers of a kind differ, sigma"),
    "attest_consistency": _F(4.0, (1.5, 10.0), (0.4, 0.8), (25.0, 60.0), "how much callers of a kind are signed alike"),
    "tdm_share": _F(0.25, (0.12, 0.45), (0.0, 0.05), (0.65, 0.85), "share of trunks that are TDM", True),
    # Rhythm.
    "utc_offset_h": _F(-5, (-8, -4), (-11, -9), (0, 3), "local time against UTC, hours", True),
    "rhythm_depth": _F(1.0, (0.75, 1.3), (0.3, 0.55), (1.7, 2.2), "exponent of the hour curves"),
    "office_shift_h": _F(0.0, (-1.0, 1.0), (-3.0, -2.0), (2.0, 3.0), "how much later offices and diallers work", True),
    # Lawful callers; drawn for each kind.
    "lawful_share": _F(1.0, (0.45, 2.2), (0.12, 0.3), (3.0, 5.0), "factor of a kind's share of lawful calls"),
    "lawful_callers": _F(1.0, (0.5, 2.0), (0.15, 0.3), (3.0, 5.0), "factor of the number of callers of a kind"),
    "lawful_book": _F(1.0, (0.5, 2.0), (0.15, 0.3), (3.0, 6.0), "factor of the length of address books"),
    "lawful_minutes": _F(1.0, (0.6, 1.8), (0.25, 0.45), (2.5, 4.0), "factor of the length of lawful bursts"),
    "lawful_bursts": _F(1.0, (0.6, 1.8), (0.25, 0.45), (2.5, 4.0), "factor of the number of lawful bursts"),
    "lawful_numbers": _F(1.0, (0.5, 2.0), (0.2, 0.35), (3.0, 5.0), "factor of the numbers that a lawful burst uses"),
    "lawful_answer": _F(1.0, (0.65, 1.5), (0.3, 0.5), (2.0, 3.0), "factor of the odds that a lawful call is answered"),
    "lawful_talk": _F(1.0, (0.7, 1.45), (0.35, 0.55), (1.9, 2.6), "factor of lawful talk times"),
    "lawful_bad_list": _F(1.0, (0.5, 2.0), (0.2, 0.35), (3.0, 4.5), "factor of the odds that a list entry is dead"),
    "lawful_signed": _F(1.0, (0.5, 3.0), (0.12, 0.30), (5.0, 9.0), "factor of the odds that lawful calls are signed"),
    "lawful_level_a": _F(1.0, (0.5, 3.0), (0.15, 0.35), (5.0, 9.0), "factor of the odds of A among the signed"),
    # Campaigns; drawn for each kind.
    "campaign_share": _F(1.0, (0.4, 2.5), (0.12, 0.25), (4.0, 6.0), "factor of a kind's share of robocalls"),
    "campaign_minutes": _F(1.0, (0.5, 2.2), (0.2, 0.35), (3.0, 5.0), "factor of the length of a campaign"),
    "campaign_numbers": _F(1.0, (0.5, 2.0), (0.2, 0.35), (3.0, 5.0), "factor of the numbers that a campaign uses"),
    "campaign_answer": _F(1.0, (0.6, 1.7), (0.3, 0.45), (2.2, 3.0), "factor of the odds that a robocall is answered"),
    "campaign_talk": _F(1.0, (0.65, 1.7), (0.3, 0.5), (2.2, 3.0), "factor of talk times of robocalls"),
    "campaign_bad_list": _F(1.0, (0.5, 2.0), (0.2, 0.35), (3.0, 4.5), "factor of the odds that a list entry is dead"),
    "campaign_signed": _F(1.0, (0.5, 2.2), (0.15, 0.3), (3.5, 6.0), "factor of the odds that robocalls are signed"),
    "campaign_level_a": _F(1.0, (0.4, 3.0), (0.1, 0.25), (5.0, 9.0), "factor of the odds of A among the signed"),
    "campaign_own_origin": _F(1.0, (0.4, 2.5), (0.1, 0.2), (4.0, 8.0), "factor of the odds of an origin of its own"),
    "campaign_wholesale": _F(0.5, (0.3, 0.8), (0.05, 0.2), (0.9, 1.0), "share of campaigns' trunks that are wholesale"),
    "campaign_toll_free": _F(0.20, (0.10, 0.30), (0.01, 0.05), (0.40, 0.55), "share of toll-free number pools"),
    "neighbour_block": _F(0.6, (0.3, 0.85), (0.05, 0.2), (0.93, 1.0), "share of neighbour spoofing within NPA-NXX"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """One set of figures. The same family and number always give the same.

    Attributes:
        family: Which ranges the figures come from.
        number: Which draw from them, >= 0; of no meaning in the central family.
    """

    family: Family = Family.CENTRAL
    number: int = 0

    def value(self, name: str, kind: str = "") -> float:
        """Give a figure of `FIGURES`; with `kind`, that kind of caller's own draw of it."""
        figure = FIGURES[name]
        if self.family is Family.CENTRAL:
            return figure.central
        rng = np.random.default_rng([self.number, zlib.crc32(f"{self.family}/{name}/{kind}".encode())])
        bands = (figure.training,) if self.family is Family.TRAINING else figure.held_out
        low, high = bands[int(rng.integers(len(bands)))]
        if figure.linear:
            return float(rng.uniform(low, high))
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def count(self, name: str, kind: str = "") -> int:
        """Give a figure that is a number of things, at least 1."""
        return max(1, round(self.value(name, kind)))

    def __str__(self) -> str:
        """Name the world, like `held-out-3`."""
        return f"{self.family}-{self.number}"


CENTRAL_WORLD = World()


def with_odds(share: float, factor: float) -> float:
    """Multiply the odds of a share in [0, 1]."""
    return share * factor / (1.0 - share + share * factor)
