"""Specifications of traffic in many worlds: those to train on, and those that training must not see.

Each world of a list has days of its own, so that a cut in time is a cut between worlds, and a seed of its own, so that
no two worlds share a subscriber, a trunk's habits or a campaign.
"""

import zlib
from dataclasses import replace

import numpy as np

from models.traffic.first.spec import TrafficSpec
from models.traffic.first.world import CENTRAL_WORLD, Family, World
from models.traffic.kinds import CAMPAIGN_KINDS
from models.traffic.span import DEFAULT_START_MS, HOUR_MS

SLOT_MS = 4 * 24 * HOUR_MS
"""Time that a world has to itself; the longest span and the ends of its calls fit in."""
CALLS_PER_WORLD = 30_000
FEWEST_WORLDS = 6
"""To train on: some to learn from and some to calibrate on."""
NATURAL_SHARE = 0.075
"""Share of robocalls among all calls: 7 to 8 % is published for the US (TransNexus, 2022)."""
HELD_OUT_SEED = 2_000_003
"""Of the held-out worlds that models are judged in. Models are not to be trained with it."""
_HALF_HOUR_MS = HOUR_MS // 2
_NEXT_KINDS = 3
_COLD = 0.25  # of worlds: seen from a cold start, as after the loss of all windows
_MOST_HISTORY = 5.0  # times what is judged: more would take long to generate
_WATCHED_LIVE = 0.5  # of those: from the middle of their traffic on, not from its start


def training_worlds(n: int, seed: int, *, calls: int = CALLS_PER_WORLD) -> list[TrafficSpec]:
    """Draw worlds to train on, in order of time.

    Args:
        n: How many, in slots of `SLOT_MS` from the first instant of generated traffic on; none overlap.
        seed: At least 0. Another seed gives other worlds of the same ranges.
        calls: Calls of each world, about; a short span is a busy one.
    """
    return [_world(Family.TRAINING, seed, slot, calls) for slot in range(n)]


def held_out_worlds(n: int = 16, seed: int = HELD_OUT_SEED, *, calls: int = CALLS_PER_WORLD) -> list[TrafficSpec]:
    """Draw worlds whose every figure lies outside the ranges of `training_worlds`; see there for the arguments.

    But for the size that campaigns come to: the robocalls of a world may be too few for what is drawn.
    """
    return [_world(Family.HELD_OUT, seed, slot, calls) for slot in range(n)]


def central_worlds(n: int, seed: int, *, calls: int = CALLS_PER_WORLD) -> list[TrafficSpec]:
    """Worlds of the published figures, with subscribers and campaigns of their own; arguments as `training_worlds`."""
    return [_world(Family.CENTRAL, seed, slot, calls) for slot in range(n)]


def natural(spec: TrafficSpec, share: float = NATURAL_SHARE) -> TrafficSpec:
    """Give the same lawful traffic with the published share of robocalls, in fewer campaigns or smaller ones.

    Args:
        spec: Traffic with robocalls; how many campaigns start in an hour follows from the share. As every kind on air
            has a campaign, a lower share also makes campaigns smaller where they are few.
        share: Of robocalls among all calls, in (0, 1).

    Raises:
        ZeroDivisionError: There are no robocalls in `spec`.
    """
    more = share / (1 - share) / (spec.robocall_share / (1 - spec.robocall_share))
    return replace(spec, robocall_share=share, campaigns_per_hour=spec.campaigns_per_hour * more)


def after(specs: list[TrafficSpec], slots: int) -> list[TrafficSpec]:
    """Move worlds behind `slots` others in time, each `SLOT_MS` long."""
    return [replace(spec, start_ms=spec.start_ms + slots * SLOT_MS) for spec in specs]


def _world(family: Family, seed: int, slot: int, calls: int) -> TrafficSpec:
    rng = np.random.default_rng([seed, slot, zlib.crc32(family.encode())])
    number = int(rng.integers(1 << 31))
    world = CENTRAL_WORLD if family is Family.CENTRAL else World(family, number)
    hours, share = world.value("hours"), world.value("robocall_share")
    is_cold = rng.random() < _COLD
    history = 0.0 if is_cold else min(world.value("history_hours"), _MOST_HISTORY * hours)
    on_air = min(world.count("campaign_kinds"), len(CAMPAIGN_KINDS))
    # Not drawn for each world, but one after the other from a shuffled round: so all kinds are somewhere.
    around = np.random.default_rng(seed).permutation(len(CAMPAIGN_KINDS))
    chosen = sorted(around[(slot * _NEXT_KINDS + np.arange(on_air)) % len(CAMPAIGN_KINDS)].tolist())
    return TrafficSpec(
        start_ms=DEFAULT_START_MS + slot * SLOT_MS + int(rng.integers(48)) * _HALF_HOUR_MS,
        hours=history + hours,
        history_hours=history,
        seed=int(rng.integers(1 << 31)),
        calls_per_second=calls * (1 - share) / (hours * HOUR_MS / 1_000),
        robocall_share=share,
        scenarios=tuple(CAMPAIGN_KINDS[index] for index in chosen),
        bursts_per_hour=world.value("bursts_per_hour"),
        trunks=world.count("trunks"),
        campaigns_per_hour=calls * share / world.value("campaign_calls") / on_air / hours,
        warm=bool(is_cold and rng.random() < _WATCHED_LIVE),
        world=world,
    )
