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


_NEAREST, _FARTHEST = 1.2, 2.0


def _factor(low: float, high: float, doc: str) -> Figure:
    """A factor on what is published: held out are worlds 1.2 to 2 times beyond either end of the training range."""
    below, above = (low / _FARTHEST, low / _NEAREST), (high * _NEAREST, high * _FARTHEST)
    return Figure(1.0, (low, high), below, above, doc)


_F = Figure
FIGURES: dict[str, Figure] = {
    # The span, for `models.traffic.worlds`.
    "robocall_share": _F(0.08, (0.04, 0.16), (0.020, 0.033), (0.20, 0.30), "share of robocalls among all calls"),
    "trunks": _F(24, (10, 60), (5, 8), (75, 120), "trunk groups"),
    "hours": _F(1.0, (0.8, 6.0), (0.2, 0.6), (7.5, 12.0), "hours that are learnt or judged"),
    "history_hours": _F(8.0, (4.0, 16.0), (1.5, 3.0), (20.0, 30.0), "hours seen before, where any are"),
    "bursts_per_hour": _F(2.0, (0.8, 4.0), (0.4, 0.65), (5.0, 8.0), "alerts and surveys that start in an hour, each"),
    "campaign_kinds": _F(16, (4, 16), (2, 3), None, "kinds of campaign on air, at most all 16"),
    "campaign_calls": _F(
        1_200,
        (250, 6_000),
        (100, 200),
        (7_500, 12_000),
        "mean calls of a campaign that pass here, if the world has so many robocalls",
    ),
    # Subscribers.
    "calls_per_person": _F(4.0, (2.5, 7.0), (1.3, 2.1), (8.5, 14.0), "calls that a person makes in a day"),
    "blocks_per_area": _F(24, (12, 60), (6, 10), (72, 120), "number blocks in use for each area code"),
    "stranger_share": _F(0.12, (0.06, 0.25), (0.03, 0.05), (0.30, 0.45), "share of a person's calls to no contact"),
    "returned_share": _F(0.17, (0.08, 0.30), (0.03, 0.06), (0.36, 0.50), "share of persons' calls that return one"),
    "caller_skew": _F(1.6, (1.3, 2.0), (1.0, 1.15), (2.3, 3.0), "how much the busiest persons call, 1 = all alike"),
    "withheld_share": _F(0.02, (0.006, 0.05), (0.002, 0.005), (0.06, 0.10), "share of persons' calls without number"),
    "abroad_share": _F(0.012, (0.004, 0.03), (0.001, 0.003), (0.04, 0.07), "share of persons who call from abroad"),
    # Carriers.
    "providers": _F(30, (12, 70), (6, 10), (85, 140), "providers that sign"),
    "shared_origins": _F(60, (20, 160), (8, 16), (200, 320), "origin ids that small customers share"),
    "individuality": _F(0.22, (0.15, 0.34), (0.07, 0.12), (0.40, 0.50), "how callers of a kind differ, sigma"),
    "attest_consistency": _F(4.0, (1.5, 10.0), (0.7, 1.2), (12.0, 24.0), "how much callers of a kind are signed alike"),
    "tdm_share": _F(0.25, (0.12, 0.45), (0.0, 0.08), (0.55, 0.8), "share of trunks that are TDM", True),
    # Rhythm.
    "utc_offset_h": _F(-5, (-8, -4), (-11, -9), (-2, 3), "local time against UTC, hours", True),
    "rhythm_depth": _F(1.0, (0.75, 1.3), (0.35, 0.6), (1.6, 2.2), "exponent of the hour curves"),
    "office_shift_h": _F(0.0, (-1.0, 1.0), (-3.0, -1.5), (1.5, 3.0), "how much later offices and diallers work", True),
    # Lawful callers; drawn for each kind.
    "lawful_share": _factor(0.45, 2.2, "factor of a kind's share of lawful calls"),
    "lawful_callers": _factor(0.5, 2.0, "factor of the number of callers of a kind"),
    "lawful_book": _factor(0.5, 2.0, "factor of the length of address books"),
    "lawful_minutes": _factor(0.6, 1.8, "factor of the length of lawful bursts"),
    "lawful_bursts": _factor(0.6, 1.8, "factor of the number of lawful bursts"),
    "lawful_numbers": _factor(0.5, 2.0, "factor of the numbers that a lawful burst uses"),
    "lawful_newcomers": _F(0.15, (0.05, 0.3), (0.0, 0.03), (0.4, 0.6), "share of lawful bursts of new senders", True),
    "lawful_return_h": _F(10.0, (5.0, 20.0), (2.0, 4.0), (25.0, 40.0), "hours after which a lawful sender comes again"),
    "lawful_answer": _factor(0.65, 1.5, "factor of the odds that a lawful call is answered"),
    "lawful_talk": _factor(0.7, 1.45, "factor of lawful talk times"),
    "lawful_bad_list": _factor(0.5, 2.0, "factor of the odds that a list entry is dead"),
    "lawful_signed": _factor(0.5, 3.0, "factor of the odds that lawful calls are signed"),
    "lawful_level_a": _factor(0.5, 3.0, "factor of the odds of A among the signed"),
    # Campaigns; drawn for each kind.
    "campaign_share": _factor(0.4, 2.5, "factor of a kind's share of robocalls"),
    "campaign_minutes": _factor(0.5, 2.0, "factor of the length of a campaign"),
    "campaign_numbers": _factor(0.5, 2.0, "factor of the numbers that a campaign uses"),
    "campaign_answer": _factor(0.6, 1.7, "factor of the odds that a robocall is answered"),
    "campaign_talk": _factor(0.65, 1.7, "factor of talk times of robocalls"),
    "campaign_bad_list": _factor(0.5, 2.0, "factor of the odds that a list entry is dead"),
    "campaign_signed": _factor(0.5, 2.2, "factor of the odds that robocalls are signed"),
    "campaign_level_a": _factor(0.4, 3.0, "factor of the odds of A among the signed"),
    "campaign_own_origin": _factor(0.4, 2.5, "factor of the odds of an origin of its own"),
    "campaign_wholesale": _F(0.85, (0.65, 0.95), (0.4, 0.6), (0.97, 1.0), "share of campaigns' trunks at wholesale"),
    "campaign_reuse": _F(0.15, (0.05, 0.3), (0.0, 0.03), (0.4, 0.6), "share of campaigns that reuse numbers", True),
    "campaign_toll_free": _F(0.20, (0.10, 0.30), (0.03, 0.08), (0.36, 0.5), "share of number pools that are toll-free"),
    "neighbour_block": _F(0.6, (0.3, 0.85), (0.1, 0.25), (0.9, 1.0), "share of neighbour spoofing within NPA-NXX"),
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
        """Give a figure of `FIGURES` in its unit; with `kind`, that kind of caller's own draw of it.

        Raises:
            KeyError: No figure has that name.
        """
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
        """Give a figure that is a number of things, at least 1; see `value`."""
        return max(1, round(self.value(name, kind)))

    def __str__(self) -> str:
        """Name the world, like `held-out-3`."""
        return f"{self.family}-{self.number}"


CENTRAL_WORLD = World()


def with_odds(share: float, factor: float) -> float:
    """Multiply the odds of a share in [0, 1] by a factor of at least 0; gives the share of these odds."""
    return share * factor / (1.0 - share + share * factor)
