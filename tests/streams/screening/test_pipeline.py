"""The path from bytes to decision bytes, and its written policy: a bug never blocks or loses a call."""

from dataclasses import replace

import msgspec
import pytest

from detector.contract.decisions import Mode
from detector.policy.entries import EntryAction
from detector.policy.signers import Signer
from detector.testing import ids
from streams.wire.record_columns import records_of
from tests.streams.screening.pipeline_case import START_MS, pipeline, setup


def test_every_good_setup_is_answered_and_a_bad_neighbour_changes_nothing() -> None:
    """Decisions come in input order; the bad record is named by its position."""
    failures: list[Exception] = []

    batch = pipeline(0.0, failures).process(records_of([setup(1), b"{", setup(2)]), decided_time_ms=START_MS + 9)

    answers = [msgspec.json.decode(decision) for decision in batch.answers.decisions]
    assert [(a["call_id"], a["action"], a["decided_by"]) for a in answers] == [
        ("call-1", "allow", "allow"),
        ("call-2", "allow", "allow"),
    ]
    assert [a["decided_time_ms"] for a in answers] == [START_MS + 9, START_MS + 9]
    assert [rejected.position for rejected in batch.reading.rejected] == [1]
    assert failures == []


@pytest.mark.parametrize(
    "written",
    [
        "+1-202-555-0123",
        "tel:+12025550123",
        "+12025550123;verstat=TN-Validation-Passed",
        "+18888888888",
        "+12025550123x5",
        "+1-202-555-0123 ext 5",
        "+1\u2011202\u2011555\u20110123",
        "+1/202/555/0123",
        "+12025550123:5060",
        "+12025550123#",
        "+12025550123>",
        "+12025550123\n",
        "+1 anonymous caller",
        "+1 (202) 555-0123 or 0124",
    ],
)
def test_formatting_blocks_nobody(written: str) -> None:
    """A number that can be dialled is not impossible, whatever its switch writes around it."""
    batch = pipeline(0.0, []).process(records_of([setup(1, calling_number=written)]), decided_time_ms=None)

    answer = msgspec.json.decode(batch.answers.decisions[0])
    assert (answer["action"], answer["decided_by"]) == ("allow", "allow")


def test_a_formatted_number_is_counted_with_its_other_calls() -> None:
    """Windows know one number, however it is written."""
    one = pipeline(0.0, [])
    written = ["+12025550123", "+1-202-555-0123", "tel:+12025550123", '"A" <sip:+12025550123@h>', "+12025550123 ext. 5"]

    one.process(records_of([setup(n, calling_number=number) for n, number in enumerate(written)]), decided_time_ms=None)

    counts = one.screener.engine.number_counts("+12025550123", START_MS + 9)
    assert counts["attempts"][-1] == len(written)


def test_decisions_are_keyed_by_switch_and_else_by_call() -> None:
    """The contract's key of `call-decisions`."""
    batch = pipeline(0.0, []).process(records_of([setup(1, switch_id="sw-7"), setup(2)]), decided_time_ms=None)

    assert batch.answers.keys == [b"sw-7", b"call-2"]


def test_an_internal_error_allows_the_calls_and_is_reported() -> None:
    """`fail_open`: no score, reason `internal_error`, same decision id as without the bug."""
    failures: list[Exception] = []

    broken = pipeline(None, failures).process(records_of([setup(1), setup(2)]), decided_time_ms=None)
    whole = pipeline(0.0, []).process(records_of([setup(1), setup(2)]), decided_time_ms=None)

    answers = [msgspec.json.decode(decision) for decision in broken.answers.decisions]
    assert [(a["action"], a["decided_by"], a["score"]) for a in answers] == [("allow", "fail_open", None)] * 2
    assert answers[0]["reasons"][0]["code"] == "internal_error"
    assert ids(broken.screening) == ids(whole.screening)
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


@pytest.mark.parametrize(("mode", "would_be"), [(Mode.ENFORCE, None), (Mode.SHADOW, "allow")])
def test_an_internal_error_is_answered_in_the_mode_of_the_policy(mode: Mode, would_be: str | None) -> None:
    """A shadow deployment never writes a record that says it enforced."""
    batch = pipeline(None, [], mode).process(records_of([setup(1)]), decided_time_ms=None)

    answer = msgspec.json.decode(batch.answers.decisions[0])
    assert (answer["action"], answer["decided_by"]) == ("allow", "fail_open")
    assert (answer["mode"], answer["would_be"]) == (mode.value, would_be)


@pytest.mark.parametrize("size", [1, 7, 200])
def test_decisions_do_not_depend_on_how_events_are_cut_into_batches(size: int) -> None:
    """A poll brings what has arrived; the answer must not depend on that."""
    values = [setup(number) for number in range(400)]
    one, other = pipeline(0.99, []), pipeline(0.99, [])

    in_one_size = [
        decision
        for start in range(0, len(values), size)
        for decision in one.process(records_of(values[start : start + size]), decided_time_ms=None).answers.decisions
    ]
    in_another = [
        decision
        for start in range(0, len(values), 64)
        for decision in other.process(records_of(values[start : start + 64]), decided_time_ms=None).answers.decisions
    ]

    assert in_one_size == in_another


def test_a_signer_is_found_in_a_plain_record_and_in_an_odd_one() -> None:
    """The scan reads the one, the decoder the other; their decisions have the same bytes."""
    signed = {"own_verstat": "TN-Validation-Passed", "own_cause": "passed", "own_signer_spc": "123A"}
    one = pipeline(0.0, [])
    one.screener.policy = replace(
        one.screener.policy, signers=(Signer("123A", action=EntryAction.REPORT, reason="under watch"),)
    )
    plain = setup(1, **signed)
    odd = plain.replace(b'"123A"', b'"12\\u0033A"')

    first, second = (one.process(records_of([record, setup(2)]), decided_time_ms=1) for record in (plain, odd))

    assert first.answers.decisions[0] == second.answers.decisions[0]
    assert [reason["code"] for reason in msgspec.json.decode(first.answers.decisions[0])["reasons"]] == ["signer"]
    assert msgspec.json.decode(first.answers.decisions[1])["reasons"] == []
