"""How callers of a kind behave in a world: the profiles, moved by the world's own figures."""

from dataclasses import replace

from models.traffic.first.profiles import Attest, JobKind, Outcome
from models.traffic.first.world import World, with_odds

_FEWEST_MINUTES = 1.0
_MOST_MINUTES = 240.0


def outcome_of(world: World, kind: str, outcome: Outcome, *, group: str) -> Outcome:
    """Move answer rate and talk times.

    Args:
        world: Where.
        kind: Whose.
        outcome: In the central world.
        group: `lawful` or `campaign`.
    """
    answer = with_odds(outcome.answer, world.value(f"{group}_answer", kind))
    rest = (1.0 - answer) / (1.0 - outcome.answer)
    talk = world.value(f"{group}_talk", kind)
    return outcome._replace(
        answer=answer,
        busy=outcome.busy * rest,
        cancel=outcome.cancel * rest,
        reject=outcome.reject * rest,
        fail=outcome.fail * rest,
        short_s=outcome.short_s * talk,
        long_s=outcome.long_s * talk,
    )


def attest_of(world: World, kind: str, attest: Attest, *, group: str) -> Attest:
    """Move the share of signed calls, and of A among them; see `outcome_of` for the arguments."""
    before = sum(attest)
    signed = with_odds(before, world.value(f"{group}_signed", kind))
    a = with_odds(attest.a / before, world.value(f"{group}_level_a", kind))
    others = before - attest.a
    scale = signed * (1.0 - a) / others if others else 0.0
    return Attest(signed * a, attest.b * scale, attest.c * scale, attest.failed * scale)


def job_of(world: World, kind: JobKind, *, group: str) -> JobKind:
    """Move everything of a campaign or of a lawful burst; see `outcome_of` for the arguments."""
    dead = world.value(f"{group}_bad_list", kind.name)
    minutes = world.value(f"{group}_minutes", kind.name)
    numbers = world.value(f"{group}_numbers", kind.name)
    lawful = group == "lawful"
    return replace(
        kind,
        weight=kind.weight * world.value(f"{group}_share", kind.name),
        outcome=outcome_of(world, kind.name, kind.outcome, group=group),
        attest=attest_of(world, kind.name, kind.attest, group=group),
        per_hour=kind.per_hour * (world.value("lawful_bursts", kind.name) if lawful else 1.0),
        minutes=_pair(kind.minutes, minutes, _FEWEST_MINUTES, _MOST_MINUTES),
        pool=(max(1, round(kind.pool[0] * numbers)), max(1, round(kind.pool[1] * numbers))),
        valid=(1.0 - with_odds(1.0 - kind.valid[0], dead), 1.0 - with_odds(1.0 - kind.valid[1], dead)),
        own_origin=kind.own_origin
        if lawful
        else with_odds(kind.own_origin, world.value("campaign_own_origin", kind.name)),
    )


def _pair(pair: tuple[float, float], factor: float, lowest: float, highest: float) -> tuple[float, float]:
    low, high = (min(max(part * factor, lowest), highest) for part in pair)
    return low, high
