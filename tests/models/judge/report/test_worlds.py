"""The worlds that a model is judged in."""

from itertools import chain, pairwise

from models.judge.report.quality import LEARNT_SEED, SEED
from models.judge.report.worlds import families
from models.learn.many_worlds import by_turns
from models.traffic.authors import Traffic
from models.traffic.first.spec import TrafficSpec
from models.traffic.first.world import Family
from models.traffic.second.generate import SecondTraffic
from models.traffic.third.generate import ThirdTraffic
from models.traffic.worlds import HELD_OUT_SEED, NATURAL_SHARE, SLOT_MS
from streams.commands.shared.labelled import EVALUATION_SEED


def _drawn_from(specs: list[Traffic]) -> list[Family | type]:
    return [spec.world.family if isinstance(spec, TrafficSpec) else type(spec) for spec in specs]


def test_worlds_are_judged_in_five_families() -> None:
    """The same worlds every time, of seeds that nothing is trained or gated with, at the natural share of robocalls."""
    found = families(4, 1_000, SEED)

    assert _drawn_from(found["central"]) == [Family.CENTRAL] * 2
    assert _drawn_from(found["training ranges"]) == [Family.TRAINING] * 2
    assert _drawn_from(found["held out"]) == [Family.HELD_OUT] * 4
    assert _drawn_from(found["second author"]) == [SecondTraffic] * 2
    assert _drawn_from(found["third author"]) == [ThirdTraffic] * 2
    assert {spec.robocall_share for specs in found.values() for spec in specs} == {NATURAL_SHARE}
    assert found == families(4, 1_000, SEED)
    assert not set(found["held out"]) & set(families(4, 1_000, seed=5)["held out"])
    assert len({SEED, LEARNT_SEED, HELD_OUT_SEED, EVALUATION_SEED}) == 4


def test_each_world_has_a_time_and_a_seed_of_its_own() -> None:
    """Those of other authors too, and none of them is one that what the model is compared with learns from."""
    found = families(8, 1_000, SEED)

    for name in ("second author", "third author"):
        starts = [spec.start_ms for spec in found[name]]
        assert [after - before for before, after in pairwise(starts)] == [SLOT_MS] * 3
    judged = [spec.seed for spec in chain(found["second author"], found["third author"])]
    assert len(set(found["second author"])) == len(set(found["third author"])) == 4
    assert not set(judged) & {spec.seed for spec in by_turns(45, LEARNT_SEED)}
