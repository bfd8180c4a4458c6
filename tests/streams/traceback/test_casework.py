"""Tracebacks in cases: read back as they were, closed once the entry is reached, bounded."""

from dataclasses import replace

import pytest

from streams.cases.changes import CLOSED, OPEN, CaseRefused, new_entry, opened
from streams.traceback.casework import answer_details, answers_due_ms, answers_in, case_of, traceback_in, with_hops
from streams.traceback.records import MOST_HOPS, Answer, Hop, Provider, Status
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


def test_it_stays_open_and_opens_again_where_what_is_said_contradicts_the_entry() -> None:
    case = case_of(traced(hop("us", "origin", time_ms=NOON_MS)), ENTRY)
    late = with_hops(case, [hop("origin", status=Status.END_CUSTOMER, time_ms=NOON_MS + 400_000)])
    assert late.state == OPEN
    done = with_hops(case, [hop("origin", status=Status.END_CUSTOMER)])
    again = with_hops(done, [hop("origin", status=Status.NOT_FOUND)])
    assert (done.state, again.state) == (CLOSED, OPEN)


def test_a_correction_replaces_what_its_provider_said_before_and_nothing_else() -> None:
    case = case_of(traced(hop("us", "transit")), ENTRY)
    wrong = with_hops(case, [hop("transit", status=Status.NOT_FOUND), hop("other", status=Status.NOT_FOUND)])
    found = traceback_in(with_hops(wrong, [hop("transit", "origin"), hop("us", "x")], corrects=True))
    assert found is not None
    said = [(one.provider.name, one.status.value) for one in found.hops]
    assert said == [("us", "found"), ("other", "not_found"), ("transit", "found"), ("us", "found")]


def test_a_file_of_one_provider_speaks_for_no_other() -> None:
    """By whatever it is called; a code of somebody else under its own name does not help."""
    west, east = Provider(name="West Voice", ocn="2000"), Provider(name="East", ocn="3000")
    ours = Hop(provider=Provider(name="us"), status=Status.FOUND, received_from=west)
    case = case_of(traced(ours, Hop(provider=west, status=Status.FOUND, received_from=east)), ENTRY)

    def answer(provider: Provider) -> list[Hop]:
        return [Hop(provider=provider, status=Status.END_CUSTOMER)]

    for whose in ("West Voice", "2000", "west-voice"):
        with_hops(case, answer(Provider(name="West Voice")), whose=whose)
        with_hops(case, answer(west), whose=whose)
    for other in (east, Provider(name="West Voice", ocn="3000"), Provider(ocn="3000"), Provider(name="Else")):
        with pytest.raises(CaseRefused, match="not one of West Voice: nothing is added"):
            with_hops(case, answer(other), whose="West Voice")
    with_hops(case, answer(Provider(name="Else")), whose="else")


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
    with pytest.raises(CaseRefused, match="takes no more"):
        with_hops(case, [hop("transit")] * MOST_HOPS)
