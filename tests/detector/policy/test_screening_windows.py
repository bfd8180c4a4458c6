"""Screening on the real windows: what a dialler does is what blocks it."""

from dataclasses import replace

from detector.columns.batch_columns import BatchColumns
from detector.columns.windows_port import Windows
from detector.contract.decisions import Action, Mode, Outcome, Step
from detector.contract.events import CallSetup
from detector.policy.screening import Screener
from detector.policy.settings import Condition, Policy, Rule, StandingBlocks
from detector.testing import (
    BY_ORDER,
    START_MS,
    ScoreFromFeature,
    batch_of,
    call_setup,
    make_screener,
    outcomes,
    small_windows,
)
from detector.windows import WindowEngine


def _dialler(count: int, verstat: str | None = None) -> list[CallSetup]:
    """One number that calls +1 310 555 0000, 0001, 0002..., a call a second."""
    return [
        call_setup(
            f"d{n}",
            setup_time_ms=START_MS + 1_000 * n,
            called_number=f"+1310555{n:04d}",
            trunk_group_id="t-dialler",
            verstat=verstat,
        )
        for n in range(count)
    ]


def _screener(policy: Policy, feature: str) -> Screener[Windows]:
    windows = WindowEngine(small_windows(keys=256))
    return make_screener(policy, windows=windows, classifier=ScoreFromFeature(feature))


def _outcomes(policy: Policy, feature: str, events: list[CallSetup]) -> list[Outcome]:
    return outcomes(_screener(policy, feature).screen(BatchColumns.of(batch_of(events))))


def test_a_rate_rule_fires_at_its_count() -> None:
    """The 10th call within the minute is the first that meets "at least 10"; the call itself counts."""
    rule = Rule("burst", (Condition("number_attempts_1m", at_least=10),), Action.BLOCK, "automated_call")
    policy = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, rules=(rule,))

    outcomes = _outcomes(policy, "call_diverted", _dialler(12))

    assert [decided.decided_by for decided in outcomes] == [Step.ALLOW] * 9 + [Step.RULE] * 3
    assert [reason.value for reason in outcomes[9].reasons] == [None, 10.0]


def test_a_ratio_without_enough_data_meets_no_rule() -> None:
    """Distinct called numbers per call is 1 from the first call on, but says so only from the fifth."""
    rule = Rule("spread", (Condition("number_distinct_called_ratio_1h", at_least=0.9),), Action.LABEL, "automated_call")

    outcomes = _outcomes(Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, rules=(rule,)), "call_diverted", _dialler(6))

    assert [decided.action for decided in outcomes] == [Action.ALLOW] * 4 + [Action.LABEL] * 2


def test_a_dialler_is_blocked_call_by_call_and_then_as_a_number() -> None:
    """The share of calls whose verification failed is the score: not enough data for four calls, then 1.

    The trunk group's 20th call is the first that may be blocked; after 5 blocks the number is.
    """
    policy = replace(Policy(mode=Mode.ENFORCE, budgets=BY_ORDER), standing_blocks=StandingBlocks(after_blocks=5))
    screener = _screener(policy, "number_failed_share_24h")

    screening = screener.screen(BatchColumns.of(batch_of(_dialler(27, "TN-Validation-Failed"))))

    steps = [(decided.action, decided.decided_by) for decided in outcomes(screening)]
    assert steps[:4] == [(Action.ALLOW, Step.ALLOW)] * 4
    assert steps[4:19] == [(Action.LABEL, Step.MODEL)] * 15
    assert steps[19:24] == [(Action.BLOCK, Step.MODEL)] * 5
    assert steps[24:] == [(Action.BLOCK, Step.ENTITY_BLOCK)] * 3
    assert [change.entity for change in screening.entity_changes] == ["number:+12125550123"]
    assert screening.entity_changes[0].expires_ms == START_MS + 23_000 + 3_600_000
