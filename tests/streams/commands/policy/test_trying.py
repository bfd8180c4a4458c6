"""Two policies on the same calls, worked out by hand."""

import numpy as np

from detector.columns.setups import calls_of
from detector.contract.decisions import Action, Outcome, Reason, Step, Versions
from detector.contract.events import CallSetup
from detector.policy.screening import Screening
from streams.commands.policy.trying import MOST_EXAMPLES, Trial

RULE = Outcome(Action.BLOCK, Step.RULE, (Reason("rule", "Rule flood applies"),))
LABEL = Outcome(Action.LABEL, Step.MODEL, (Reason("model", "The score is high", 0.99, 0.9),))
VERSIONS = Versions("m", "p", "f")


def setups(count: int, numbers: int) -> list[CallSetup]:
    """Calls a second apart, of so many calling numbers in turn."""
    return [
        CallSetup(
            call_id=f"c-{n}",
            setup_time_ms=1_000_000 + 1_000 * n,
            calling_number=f"+1202555{n % numbers:04d}",
            called_number="+13125550142",
            trunk_group_id=f"tg-{n % 2}",
        )
        for n in range(count)
    ]


def screened(
    calls: list[CallSetup],
    decided: dict[int, Outcome],
    shadow: set[int] | None = None,
    repeats: frozenset[int] = frozenset(),
) -> Screening:
    is_shadow = np.isin(np.arange(len(calls)), list(shadow or ()))
    scores = np.full(len(calls), 0.5)
    return Screening(
        calls_of(calls), decided, is_shadow, scores, np.zeros((0, 1), np.float32), VERSIONS, repeats=repeats
    )


def test_calls_are_counted_by_treatment_step_and_cause() -> None:
    """Call 0 is blocked by both, 1 is labelled no more, 2 is blocked anew, 3 only tried by both, and 4 came before."""
    calls = setups(6, 6)
    now = screened(calls, {0: RULE, 1: LABEL, 3: LABEL, 4: RULE}, shadow={3}, repeats=frozenset({4}))
    then = screened(calls, {0: RULE, 2: RULE, 3: LABEL, 4: LABEL}, shadow={3}, repeats=frozenset({4}))
    trial = Trial()

    trial.add(now, then)
    found = trial.plain()

    assert (found["calls"], found["begin_ms"], found["end_ms"]) == (5, 1_000_000, 1_005_000)
    assert [(row["treatment"], row["decided_by"], row["cause"], row["now"], row["then"]) for row in found["rows"]] == [
        ("block", "rule", "Rule flood applies", 1, 2),
        ("label", "model", "model", 1, 0),
        ("only tried: label", "model", "model", 1, 1),
    ]
    assert {(one["now"], one["then"]): one["calls"] for one in found["changes"]} == {
        ("allow", "block"): 1,
        ("label", "allow"): 1,
    }


def test_from_tried_to_enforced_is_a_change_with_examples() -> None:
    """An example says why: by the policy that objects."""
    calls = setups(2, 1)
    trial = Trial()

    trial.add(screened(calls, {0: RULE, 1: LABEL}, shadow={0}), screened(calls, {0: RULE}))
    tried, labelled = sorted(trial.plain()["changes"], key=lambda one: one["now"], reverse=True)

    assert (tried["now"], tried["then"], tried["numbers"]) == ("only tried: block", "block", 1)
    assert tried["trunks"] == [("tg-0", 1)]
    assert tried["examples"] == [
        {
            "calling_number": "+12025550000",
            "called_number": "+13125550142",
            "trunk_group_id": "tg-0",
            "setup_time_ms": 1_000_000,
            "score": 0.5,
            "decided_by": "rule",
            "cause": "Rule flood applies",
        }
    ]
    assert (labelled["then"], labelled["examples"][0]["decided_by"]) == ("allow", "model")


def test_examples_are_of_different_numbers_and_few() -> None:
    """Three numbers give three, a hundred give `MOST_EXAMPLES`."""
    for numbers, expected in ((3, 3), (100, MOST_EXAMPLES)):
        calls = setups(200, numbers)
        trial = Trial()

        trial.add(screened(calls, {}), screened(calls, dict.fromkeys(range(200), RULE)))
        (change,) = trial.plain()["changes"]

        assert (change["calls"], change["numbers"]) == (200, numbers)
        assert len({one["calling_number"] for one in change["examples"]}) == len(change["examples"]) == expected


def test_nothing_gives_nothing() -> None:
    """A batch without set-ups, too."""
    trial = Trial()

    trial.add(screened([], {}), screened([], {}))

    assert trial.plain() == {"calls": 0, "begin_ms": None, "end_ms": None, "rows": [], "changes": []}
