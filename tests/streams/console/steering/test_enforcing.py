"""From shadow to enforce by a form: the policy says that of the calls that are meant, and the rest of it stays."""

from dataclasses import replace

import pytest

from detector.contract.decisions import Mode
from detector.contract.errors import PolicyInvalid
from streams.console.steering.enforcing import with_enforcement
from streams.screening.policy_file import DEFAULT_POLICY_FILE, parse_policy

DEFAULT = DEFAULT_POLICY_FILE.read_text(encoding="utf-8")
OURS = """# ours
mode: shadow  # until June
overrides:
  - {trunk_group_id: tg-1, enforce_percent: 25}  # the worst
  - switch_id: sw-1
    mode: shadow
"""


@pytest.mark.parametrize("text", ["", OURS, DEFAULT])
def test_all_calls(text: str) -> None:
    before = parse_policy(text.encode())
    after = parse_policy(with_enforcement(text, "", Mode.ENFORCE, 12.5).encode())
    assert after == replace(before, mode=Mode.ENFORCE, enforce_percent=12.5)


def test_back_to_shadow_keeps_the_share_for_another_day() -> None:
    enforced = with_enforcement(OURS, "tg-1", Mode.ENFORCE, 50)
    assert "enforce_percent: 50, mode" not in enforced
    (override, _) = parse_policy(with_enforcement(enforced, "tg-1", Mode.SHADOW, 1).encode()).overrides
    assert (override.mode, override.enforce_percent) == (Mode.SHADOW, 50.0)
    assert "# the worst" in enforced


def test_a_trunk_group_that_has_no_override_gets_one() -> None:
    changed = with_enforcement(OURS, 'tg "2" #', Mode.ENFORCE, 5)
    (new, *old) = parse_policy(changed.encode()).overrides
    assert (new.trunk_group_id, new.mode, new.enforce_percent) == ('tg "2" #', Mode.ENFORCE, 5.0)
    assert tuple(old) == parse_policy(OURS.encode()).overrides
    shadowed = with_enforcement(OURS, "tg-3", Mode.SHADOW, 5)
    assert '- {trunk_group_id: "tg-3", mode: shadow}\n' in shadowed


@pytest.mark.parametrize("percent", [0.0, 100.5, 0.001, float("nan"), float("inf")])
def test_a_share_that_cannot_be_is_refused(percent: float) -> None:
    with pytest.raises(PolicyInvalid):
        with_enforcement(OURS, "", Mode.ENFORCE, percent)


def test_a_text_that_is_no_policy_is_refused() -> None:
    with pytest.raises(PolicyInvalid):
        with_enforcement("mode: [", "", Mode.ENFORCE, 5)
