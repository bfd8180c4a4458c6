"""Tracebacks in cases: read back as they were, closed once the entry is reached, bounded."""

from dataclasses import replace

import pytest

from streams.cases.changes import CLOSED, OPEN, CaseRefused, new_entry, opened
from streams.traceback.casework import answer_details, answers_due_ms, answers_in, case_of, traceback_in, with_hops
from streams.traceback.records import MOST_HOPS, Answer, Status
from streams.wire.cases import CaseKind, read_case
from streams.wire.records import encode
from tests.streams.traceback.traceback_case import NOON_MS, hop, traced

ENTRY = new_entry(who="M. Lee", what="opened", why="complaints", now_ms=NOON_MS)


def test_a_traceback_is_read_back_from_its_record() -> None:
    traceback = traced(hop("us", "transit"), rivals=2)
    case = read_case(encode(case_of(traceback, ENTRY)))
    assert case is not None
    assert (case.case_id, case.kind, case.state) == (traceback.traceback_id, CaseKind.TRACEBACK, OPEN)
    assert traceback_in(case) == traceback
    assert answers_in(case) == []


def test_it_closes_when_the_point_of_entry_is_reached() -> None:
    case = case_of(traced(hop("us", "transit")), ENTRY)
    asked = with_hops(case, [hop("transit", "origin")])
    assert asked.state == OPEN
    done = with_hops(asked, [hop("origin", status=Status.END_CUSTOMER)])
    assert done.state == CLOSED
    found = traceback_in(done)
    assert found is not None
    assert [one.provider.name for one in found.hops] == ["us", "transit", "origin"]


def test_answers_are_waited_for_until_somebody_names_no_one_else() -> None:
    case = case_of(traced(hop("us", "transit")), ENTRY)
    assert answers_due_ms(case) == NOON_MS + 86_400_000
    silent = with_hops(case, [hop("transit", status=Status.NO_RESPONSE)])
    done = with_hops(case, [hop("transit", status=Status.END_CUSTOMER)])
    assert [answers_due_ms(one) for one in (silent, done, replace(case, state=CLOSED))] == [None, None, None]


def test_an_answer_of_ours_is_no_traceback() -> None:
    answer = Answer(traceback_id="ITG-1", hop=hop("us", "transit"), due_ms=NOON_MS)
    details = answer_details([answer], "ITG")
    case = opened(CaseKind.TRACEBACK, ENTRY, subject="request:ITG-1", details=details, state=CLOSED)
    assert case.details["requester"] == "ITG"
    assert answers_in(case) == [answer]
    with pytest.raises(CaseRefused, match="no traceback of ours"):
        with_hops(case, [hop("x")])


def test_answers_are_bounded() -> None:
    case = case_of(traced(hop("us", "transit")), ENTRY)
    with pytest.raises(CaseRefused, match="open another"):
        with_hops(case, [hop("transit")] * MOST_HOPS)
