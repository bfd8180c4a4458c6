"""The worlds that a model is judged in."""

from models.report_quality import LEARNT_SEED, SEED
from models.report_worlds import families
from models.traffic.world import Family
from models.worlds import HELD_OUT_SEED, NATURAL_SHARE
from streams.labelled import EVALUATION_SEED


def test_worlds_are_judged_in_three_families() -> None:
    """The same worlds every time, of seeds that nothing is trained or gated with, at the natural share of robocalls."""
    found = families(4, 1_000, SEED)

    assert [spec.world.family for spec in found["central"]] == [Family.CENTRAL] * 2
    assert [spec.world.family for spec in found["training ranges"]] == [Family.TRAINING] * 2
    assert [spec.world.family for spec in found["held out"]] == [Family.HELD_OUT] * 4
    assert {spec.robocall_share for specs in found.values() for spec in specs} == {NATURAL_SHARE}
    assert found == families(4, 1_000, SEED)
    assert not set(found["held out"]) & set(families(4, 1_000, seed=5)["held out"])
    assert len({SEED, LEARNT_SEED, HELD_OUT_SEED, EVALUATION_SEED}) == 4
