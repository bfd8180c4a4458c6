"""Reasons: the features that raised a score most, in words and numbers, and who is calling."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.campaigns.calls import Cell
from detector.campaigns.names import CampaignNames
from detector.columns.batch_columns import BatchColumns
from detector.contract.decisions import PLAIN_ALLOW, Action, Mode, Outcome, Reason
from detector.contract.events import NAMES_LIMIT, CallSetup
from detector.features.table import INDEX, N_FEATURES
from detector.policy import reasons
from detector.policy.entries import EntryAction
from detector.policy.lists import Lists
from detector.policy.reasons import MODEL_FEATURES, Level, late, leading, of_features, of_model, overload
from detector.policy.settings import Policy
from detector.policy.signers import Signer
from detector.policy.unjudged import FAILED_OPEN
from detector.testing import BY_ORDER, CALLEE, CALLER, TRUNK_GROUP, batch_of, call_setup, make_screener, screen
from tests.detector.policy_case import CATEGORIES, SCORE

ENFORCE = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=(), categories=CATEGORIES)
NAMED: dict[str, Any] = {"own_verstat": "TN-Validation-Passed", "own_names": ["Acme Dental", "Dr. M. Lee"]}
SAID = 'The caller\'s name, as it was signed: "Acme Dental", "Dr. M. Lee"'
WHY = "Your appointment on Monday"
UNDECIDED = Lists()


@given(st.integers(0, 5).flatmap(lambda n: st.lists(st.lists(st.integers(-2, 3), min_size=9, max_size=9), max_size=n)))
def test_leading_features_are_the_first_of_a_stable_sort(rows: list[list[int]]) -> None:
    """Most first, of equal ones the first in the table, only positive ones."""
    credit = np.array(rows, np.float64).reshape(len(rows), 9)

    found = leading(credit)

    for row, columns in zip(credit, found.tolist(), strict=True):
        order = np.argsort(-row, kind="stable")[:MODEL_FEATURES]
        assert [column for column in columns if column >= 0] == [c for c in order.tolist() if row[c] > 0]


def test_a_score_is_explained_by_its_threshold_and_then_by_features() -> None:
    """-1 is not enough data: the words say so, and there is no value."""
    row = np.zeros(N_FEATURES, np.float32)
    row[INDEX["number_attempts_1m"]], row[INDEX["number_asr_24h"]] = 75, -1
    named = [INDEX["number_attempts_1m"], INDEX["number_asr_24h"], -1]

    (score,) = of_model(Action.BLOCK, Level(0.99812, 6.27, 0.99812), 0.997)
    attempts, asr = of_features(named, row)

    assert (score.code, score.value, score.threshold) == ("model", 0.99812, 0.997)
    assert score.text == "Score 0.998 is at or above 0.997, the threshold for blocking"
    assert (attempts.code, attempts.value) == ("number_attempts_1m", 75.0)
    assert (asr.code, asr.value) == ("number_asr_24h", None)
    assert asr.text.endswith("not enough data.")


def test_a_call_that_waited_too_long_says_how_long() -> None:
    """Value and threshold are milliseconds, for programs; the words hold both for people."""
    assert (late(410, 300).value, late(410, 300).threshold) == (410.0, 300.0)
    assert "410 ms" in overload(410, 300).text
    assert "300 ms" in overload(410, 300).text


def decided(lists: Lists, policy: Policy = ENFORCE, score: float = 0.0, **fields: Any) -> Outcome:
    """What is made of one call with names."""
    screener = make_screener(policy, {"call-1": {SCORE: score}}, lists=lists)
    return screen(screener, call_setup(**{**NAMED, **fields})).outcome(0)


@pytest.mark.parametrize(
    ("lists", "score", "fields"),
    [
        (UNDECIDED, 0.9, {}),
        (UNDECIDED, 1.0, {}),
        (UNDECIDED, 0.0, {"called_number": "911"}),
        (Lists(dno=frozenset([CALLER[2:]])), 0.0, {}),
        (Lists(block=frozenset([CALLER])), 0.0, {}),
        (Lists(opt_out=frozenset([CALLEE])), 0.0, {}),
    ],
)
def test_what_was_decided_says_last_who_is_calling(lists: Lists, score: float, fields: dict[str, Any]) -> None:
    """All else stays as it is without the names."""
    without: dict[str, Any] = {**fields, "own_names": None}
    found, nameless = (decided(lists, score=score, **each) for each in (fields, without))

    assert nameless.reasons
    assert found.reasons == (*nameless.reasons, Reason(reasons.CALLER_NAME, SAID))
    assert (found.action, found.decided_by, found.sip, found.label) == (
        nameless.action, nameless.decided_by, nameless.sip, nameless.label,
    )  # fmt: skip


def test_what_was_decided_says_why_the_caller_calls_beside_the_name() -> None:
    blocked = Lists(block=frozenset([CALLER]))

    found, nameless = (decided(blocked, own_names=names, own_call_reason=WHY) for names in (["Acme"], None))

    assert found.reasons[-2:] == (
        Reason("caller_name", 'The caller\'s name, as it was signed: "Acme"'),
        Reason("call_reason", f'Why it calls, as it was signed: "{WHY}"'),
    )
    assert [one.code for one in nameless.reasons] == ["block_list"]


def test_a_report_of_its_signer_says_who_is_calling() -> None:
    policy = Policy(mode=Mode.ENFORCE, signers=(Signer("123A", action=EntryAction.REPORT, reason="under watch"),))

    found = decided(UNDECIDED, policy, own_signer_spc="123A")

    assert [one.code for one in found.reasons] == ["signer", "caller_name"]


def test_a_call_that_is_simply_allowed_stays_with_the_others() -> None:
    """A name is no reason to do anything, and such calls are answered all at once."""
    screening = screen(make_screener(ENFORCE), call_setup(**NAMED))

    assert screening.decided == {}
    assert screening.outcome(0) is PLAIN_ALLOW


@pytest.mark.parametrize("own_verstat", ["TN-Validation-Failed", "No-TN-Validation", None])
def test_a_name_without_a_verdict_that_passed_is_nobodys(own_verstat: str | None) -> None:
    found = decided(Lists(block=frozenset([CALLER])), own_verstat=own_verstat, own_call_reason=WHY)

    assert [one.code for one in found.reasons] == ["block_list"]


def test_a_call_that_nobody_judged_is_not_looked_at() -> None:
    batch = BatchColumns.of(batch_of([call_setup(**NAMED), call_setup("call-2")]))

    assert make_screener(ENFORCE).screen(batch, {0: FAILED_OPEN}).outcome(0) is FAILED_OPEN


@given(st.lists(st.text(max_size=300), max_size=2 * NAMES_LIMIT), st.none() | st.text(max_size=300))
def test_names_and_call_reasons_are_bounded_and_show_no_control_characters(names: list[str], why: str | None) -> None:
    """Whoever signs may write anything: ends of lines, and what turns the direction of writing."""
    found = reasons.named(names, why)

    if not found:
        assert not "".join("".join(filter(str.isprintable, name)).strip() for name in names[:NAMES_LIMIT])
    else:
        assert all(one.text.isprintable() for one in found)
        assert len(found[0].text) <= 40 + NAMES_LIMIT * (reasons.NAME_SHOWN + 4)
        assert all(len(one.text) <= 40 + reasons.CALL_REASON_SHOWN for one in found[1:])


def test_a_name_and_a_call_reason_keep_their_letters() -> None:
    said, why = reasons.named(
        ["\u202eCaf\u00e9\r\n \x00\U0001f600", "\n", "x" * 99], f"\r\n\u202eR\u00e9{'y' * 200}\x00"
    )

    assert said.text.endswith(f'signed: "Caf\u00e9 \U0001f600", "{"x" * 64}"')
    assert why.text == f'Why it calls, as it was signed: "R\u00e9{"y" * 126}"'


class _Broken(CampaignNames):
    def find(self, setup: CallSetup) -> str:
        raise RuntimeError(setup.call_id)


def _of_campaign(lists: Lists, score: float, names: CampaignNames | None = None) -> tuple[Outcome, int]:
    """What becomes of a call by the trunk group of campaign c1, and how many faults there were."""
    screener = make_screener(ENFORCE, {"call-1": {SCORE: score}}, lists=lists)
    if names is not None:
        names.take("c1", [Cell(TRUNK_GROUP, "", "", "domestic")])
        screener.campaigns = names
    screening = screen(screener, call_setup())
    return screening.outcome(0), len(screening.failures)


@pytest.mark.parametrize(
    ("lists", "score"), [(Lists(block=frozenset([CALLER])), 0.0), (UNDECIDED, 0.9), (UNDECIDED, 1.0)]
)
def test_what_is_labelled_or_blocked_says_last_of_which_campaign_it_is(lists: Lists, score: float) -> None:
    named, _ = _of_campaign(lists, score, CampaignNames())
    plain, _ = _of_campaign(lists, score)

    assert plain.action is not Action.ALLOW
    assert named.reasons == (*plain.reasons, Reason(reasons.CAMPAIGN, "campaign c1"))
    assert (named.action, named.decided_by, named.sip, named.label) == (
        plain.action, plain.decided_by, plain.sip, plain.label,
    )  # fmt: skip


@pytest.mark.parametrize(("lists", "score"), [(Lists(allow=frozenset([CALLER])), 1.0), (UNDECIDED, 0.0)])
def test_what_is_allowed_names_no_campaign(lists: Lists, score: float) -> None:
    assert _of_campaign(lists, score, CampaignNames()) == _of_campaign(lists, score)


def test_a_fault_in_naming_a_campaign_changes_no_decision() -> None:
    lists = Lists(block=frozenset([CALLER]))
    assert _of_campaign(lists, 0.0, _Broken()) == (_of_campaign(lists, 0.0)[0], 1)
