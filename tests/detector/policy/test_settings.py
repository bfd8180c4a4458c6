"""A policy can only be built valid, and its version names its content."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from detector.contract.decisions import Action, Mode
from detector.contract.errors import SettingInvalid
from detector.contract.sip import DnoStatus, Redress
from detector.policy.settings import (
    Category,
    Condition,
    DoNotOriginate,
    MinimumSample,
    Override,
    Policy,
    Rule,
    StandingBlocks,
    Thresholds,
    with_mode,
)

FEATURE = "number_attempts_1h"
BUSY = Condition(FEATURE, at_least=10)
OTHER = Category("survey_call", "Maybe a survey")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Condition("no_such_feature", at_least=1), "unknown feature 'no_such_feature'"),
        (lambda: Condition(FEATURE), "at_least, at_most or both"),
        (lambda: Condition(FEATURE, at_least=math.nan), "finite"),
        (lambda: Condition(FEATURE, at_most=math.inf), "finite"),
        (lambda: MinimumSample("no_such_feature", 1), "unknown feature"),
        (lambda: MinimumSample(FEATURE, 0), "count must be above 0"),
        (lambda: Thresholds(label_clear=0.0), "0 < label_clear"),
        (lambda: Thresholds(label_clear=0.995), "label_clear <= label_at"),
        (lambda: Thresholds(block_at=0.8, block_clear=0.8), "label_at <= block_at"),
        (lambda: Thresholds(block_at=1.1), "block_at <= 1"),
        (lambda: Thresholds(block_at=math.nan), "block_at <= 1"),
        (lambda: Thresholds(block_clear=0.999), "block_clear <= block_at"),
        (lambda: Thresholds(block_clear=0.7), "label_clear <= block_clear"),
        (lambda: Category("", "text"), "name ''"),
        (lambda: Category("a b", "text"), "letters, digits and _"),
        (lambda: Category("_", "text"), "letters, digits and _"),
        (lambda: Category("a" * 65, "text"), "1 to 64"),
        (lambda: Category("a", ""), "label_text has 0 characters"),
        (lambda: Category("a", "x" * 16), "label_text has 16 characters, displays show 1 to 15"),
        (lambda: Category("a", "x", label_long_text=""), "label_long_text must have 1 to 64 characters"),
        (lambda: Category("a", "x", label_long_text="x" * 65), "label_long_text must have 1 to 64 characters"),
        (lambda: Category("a", "x\r\ny"), "printable"),
        (lambda: Category("a", "x", highest_action=Action.ALLOW), "label or block"),
        (lambda: Rule("r", (), Action.BLOCK, "automated_call"), "at least one condition"),
        (lambda: Rule("r!", (BUSY,), Action.BLOCK, "automated_call"), "name 'r!'"),
        (lambda: StandingBlocks(after_blocks=1), "after_blocks must be 2 to 1000"),
        (lambda: StandingBlocks(within_s=0), "within_s"),
        (lambda: StandingBlocks(block_s=604_801), "7 days"),
        (lambda: Override(mode=Mode.ENFORCE), "trunk_group_id or switch_id"),
        (lambda: Override("t", "s", Mode.ENFORCE), "not both"),
        (lambda: Override("t"), "mode, enforce_percent or thresholds"),
        (lambda: Override("t", enforce_percent=0.0), "0.01 to 100"),
        (lambda: Override("t", enforce_percent=math.nan), "0.01 to 100"),
        (lambda: Policy(enforce_percent=100.5), "0.01 to 100"),
        (lambda: Policy(enforce_percent=0.125), "in steps of 0.01"),
        (lambda: Policy(emergency_numbers=("911", "988")), "911, 933 and 988"),
        (lambda: Policy(emergency_numbers=("911", "933", "988", "x")), "digits only"),
        (lambda: Policy(hold_s=0), "hold_s"),
        (lambda: Policy(categories=()), "must have no `when`"),
        (lambda: Policy(categories=(replace(OTHER, when=(BUSY,)),)), "must have no `when`"),
        (lambda: Policy(categories=(OTHER, OTHER)), "each name may stand once"),
        (lambda: Policy(rules=(Rule("r", (BUSY,), Action.BLOCK, "nothing"),)), "'nothing' is not among categories"),
        (
            lambda: Policy(overrides=(Override("t", mode=Mode.SHADOW), Override("t", mode=Mode.ENFORCE))),
            "each trunk group",
        ),
    ],
)
def test_a_setting_that_breaks_a_rule_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        build()

    assert message in str(refused.value)


def test_a_fresh_policy_judges_in_shadow_and_warns_of_its_placeholder() -> None:
    policy = Policy()

    assert policy.mode is Mode.SHADOW
    assert policy.warnings() == ["redress.url is the placeholder: set your own contact before you enforce"]
    assert Policy(redress=Redress(tel="+18005550123")).warnings() == []
    (warning,) = Policy(redress=Redress(url="https://redress.invalid/")).warnings()
    assert "https://redress.invalid/, which nobody outside reaches" in warning


def test_the_version_names_the_content() -> None:
    """Equal content has an equal version, any change another."""
    changed = [
        Policy(mode=Mode.ENFORCE),
        Policy(hold_s=60),
        Policy(enforce_percent=10.0),
        Policy(dno=DoNotOriginate(DnoStatus.NOT_FOUND)),
        Policy(categories=(OTHER,)),
    ]
    versions = {policy.version for policy in [Policy(), Policy(), *changed]}

    assert len(versions) == 1 + len(changed)
    assert all(version.startswith("p1-") and len(version) == 15 for version in versions)


def test_with_mode_is_for_every_call() -> None:
    """Overrides keep their thresholds and shares, and lose their mode."""
    policy = Policy(
        overrides=(
            Override("t-1", mode=Mode.ENFORCE),
            Override("t-2", mode=Mode.ENFORCE, thresholds=Thresholds(label_at=0.97)),
            Override("t-3", mode=Mode.ENFORCE, enforce_percent=10.0),
        ),
        enforce_percent=20.0,
    )

    shadow = with_mode(policy, Mode.SHADOW)

    assert shadow.mode is Mode.SHADOW
    assert shadow.overrides == (
        Override("t-2", thresholds=Thresholds(label_at=0.97)),
        Override("t-3", enforce_percent=10.0),
    )
    assert shadow.enforce_percent == 20.0
    assert shadow.version != policy.version


def test_which_calls_are_enforced_is_said_for_people() -> None:
    """Where nothing is enforced no share is said."""
    trunks = (
        Override("t-1", mode=Mode.ENFORCE),
        Override(switch_id="s", enforce_percent=100.0),
        Override("t-2", mode=Mode.ENFORCE, enforce_percent=2.5),
    )
    policy = Policy(enforce_percent=10.0, overrides=trunks)

    assert [policy.treats(), *map(policy.treats, trunks)] == [
        "shadow",
        "enforce for 10 % of callers",
        "shadow",
        "enforce for 2.5 % of callers",
    ]
    assert replace(policy, mode=Mode.ENFORCE).treats(trunks[1]) == "enforce"
    assert [one.subject for one in trunks] == ["trunk group t-1", "switch s", "trunk group t-2"]
    assert [one.is_of_mode for one in (*trunks, Override("t", thresholds=Thresholds()))] == [True, True, True, False]
