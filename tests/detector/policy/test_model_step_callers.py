"""Whom calls are held against: the number where a signature vouches for it, else the number by its trunk group."""

from dataclasses import replace
from typing import Any

import pytest

from detector.columns.windows_port import Windows
from detector.contract.decisions import Action, Mode, Step
from detector.contract.events import Attestation, CallSetup
from detector.policy.screening import Screener
from detector.policy.settings import Override, Policy, StandingBlocks, with_mode
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.testing import BY_ORDER, CALLER, START_MS, PreparedWindows, call_setup, make_screener, outcome
from tests.detector.policy_case import CATEGORIES, SCORE

ALLOW, LABEL, BLOCK = Action.ALLOW, Action.LABEL, Action.BLOCK
POLICY = Policy(
    mode=Mode.ENFORCE,
    budgets=BY_ORDER,
    minimum_samples=(),
    standing_blocks=StandingBlocks(after_blocks=3, within_s=60, block_s=600),
    categories=CATEGORIES,
)
SIGNED = {"verstat": "TN-Validation-Passed", "attestation": Attestation.A}


class Line:
    """Calls of one screener, a second apart, each in its own batch."""

    def __init__(self, policy: Policy = POLICY, standing: StandingDecisions | None = None) -> None:
        self.screener: Screener[Windows] = make_screener(policy, standing=standing)
        self.calls = 0

    def call(self, score: float, **fields: Any) -> tuple[Action, Step]:
        """What is made of a call with this score."""
        self.calls += 1
        setup: CallSetup = call_setup(f"c{self.calls}", setup_time_ms=START_MS + self.calls * 1_000, **fields)
        self.screener.engine = PreparedWindows({setup.call_id: {SCORE: score}})
        decided = outcome(self.screener, setup)
        return decided.action, decided.decided_by

    def block(self, **fields: Any) -> None:
        """Bring a standing block about."""
        for _ in range(POLICY.standing_blocks.after_blocks):
            assert self.call(0.99, **fields) == (BLOCK, Step.MODEL)


@pytest.mark.parametrize("number", ["anonymous", "Restricted", "", "12345", "+1202555", "sip:alice@example.com"])
def test_withheld_and_malformed_callers_are_not_one_caller(number: str) -> None:
    """Each of their calls is judged for itself: none is held against the next one."""
    line = Line(replace(POLICY, dno=replace(POLICY.dno, impossible=())))
    line.block(calling_number=number)

    assert line.call(0.96, calling_number=number) == (LABEL, Step.MODEL)
    assert line.call(0.1, calling_number=number) == (ALLOW, Step.ALLOW)
    assert len(line.screener.standing) == len(line.screener.standing.held) == 0


def test_a_standing_decision_on_no_number_is_not_applied() -> None:
    """Whoever set it: it would be about everybody who withholds a number."""
    standing = StandingDecisions()
    standing.set(StandingDecision("number:anonymous", BLOCK, "automated_call", 0, START_MS * 2, "analyst"))

    assert Line(standing=standing).call(0.1, calling_number="anonymous") == (ALLOW, Step.ALLOW)


def test_the_verified_calls_of_a_spoofed_victim_pass() -> None:
    """Unsigned calls with its number brought a standing block about; its own calls are signed."""
    line = Line()
    line.block()

    assert line.call(0.1) == (BLOCK, Step.ENTITY_BLOCK)
    assert line.call(0.1, **SIGNED) == (ALLOW, Step.ALLOW)
    assert line.call(0.96, **SIGNED) == (LABEL, Step.MODEL), "hysteresis of the spoofer is not the victim's"


@pytest.mark.parametrize(
    "signature",
    [
        {"attestation": Attestation.A},
        {"verstat": "TN-Validation-Failed", "attestation": Attestation.A},
        {"verstat": "TN-Validation-Passed", "attestation": Attestation.B},
        {"verstat": "TN-Validation-Passed-C", "attestation": Attestation.C},
    ],
)
def test_a_signature_that_does_not_vouch_changes_nothing(signature: dict[str, Any]) -> None:
    """Or a header would lead out of every block."""
    line = Line()
    line.block()

    assert line.call(0.1, **signature) == (BLOCK, Step.ENTITY_BLOCK)


def test_a_block_that_verified_calls_brought_about_holds_for_them_by_any_trunk() -> None:
    """Whoever owns the number robocalls; calls that only claim it by other trunks are another caller's."""
    line = Line()
    line.block(**SIGNED)

    assert line.call(0.1, trunk_group_id="t-2", **SIGNED) == (BLOCK, Step.ENTITY_BLOCK)
    assert line.call(0.1, trunk_group_id="t-2") == (ALLOW, Step.ALLOW)


def test_unsigned_calls_by_another_trunk_are_another_caller() -> None:
    """A block joins the callers that were found, so that one entity says all that is known of a number."""
    line = Line()
    line.block()
    assert line.call(0.1, trunk_group_id="t-2") == (ALLOW, Step.ALLOW)
    line.block(trunk_group_id="t-2")

    assert [line.call(0.1, trunk_group_id=trunk)[0] for trunk in ("t-1", "t-2", "t-3")] == [BLOCK, BLOCK, ALLOW]
    (standing,) = line.screener.standing
    assert (standing.entity, standing.trunk_group_ids, standing.is_vouched) == (
        f"number:{CALLER}",
        ("t-1", "t-2"),
        False,
    )


def test_a_decision_of_a_person_holds_for_all_calls_of_a_number() -> None:
    """It names no caller."""
    standing = StandingDecisions()
    standing.set(StandingDecision(f"number:{CALLER}", BLOCK, "automated_call", 0, START_MS * 2, "analyst"))
    line = Line(standing=standing)

    assert line.call(0.1, **SIGNED) == line.call(0.1, trunk_group_id="t-9") == (BLOCK, Step.ENTITY_BLOCK)


def test_what_is_tried_in_shadow_takes_no_enforced_block_away() -> None:
    """Another trunk group of the same number is still in shadow."""
    policy = replace(with_mode(POLICY, Mode.SHADOW), overrides=(Override("t-1", mode=Mode.ENFORCE),))
    line = Line(policy)
    line.block()
    line.block(trunk_group_id="t-2")

    assert line.call(0.1) == (BLOCK, Step.ENTITY_BLOCK)


def test_a_release_is_of_all_callers_with_the_number() -> None:
    """And of what is counted against them."""
    line = Line()
    line.block()
    line.block(**SIGNED)
    line.call(0.99, trunk_group_id="t-2")

    line.screener.standing.remove(f"number:{CALLER}")

    assert len(line.screener.standing) == len(line.screener.standing.held) == 0
    assert line.call(0.96) == (LABEL, Step.MODEL)
