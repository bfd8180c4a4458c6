"""What was said meets its calls: by hand, and against a slow twin that looks at every verdict for every call."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.events import Feedback, FeedbackSource, Verdict
from models.data.joining import Joining
from models.data.verdicts import DO_NOT_ORIGINATE, Joined, Said, combined
from models.traffic.truth import Truth

MINUTE = 60_000
HOUR = 60 * MINUTE
NOON = 1_780_000_000_000
BANK, PARK, ALICE, BOB = "+12025550101", "+12025550102", "+13125550142", "+13125550143"
near: Any = pytest.approx


@dataclass(frozen=True)
class Call:
    call_id: str
    calling: str
    called: str
    time_ms: int


def told(verdict: str = "robocall", source: str = "analyst", at_ms: int = NOON + HOUR, **more: Any) -> Feedback:
    return Feedback(time_ms=at_ms, verdict=Verdict(verdict), source=FeedbackSource(source), **more)


def labels(calls: Iterable[Call], feedback: Iterable[Feedback], **options: Any) -> dict[str, Truth]:
    joining = Joining(feedback, **options)
    for call in calls:
        joining.take(call.call_id, call.calling, call.called, call.time_ms)
    return dict(joining.labels())


def robocalls(calls: Iterable[Call], feedback: Iterable[Feedback], **options: Any) -> list[str]:
    return [call_id for call_id, truth in labels(calls, feedback, **options).items() if truth.is_robocall]


def at(call_id: str, minutes: float, calling: str = BANK, called: str = ALICE) -> Call:
    return Call(call_id, calling, called, NOON + round(minutes * MINUTE))


def test_who_called_me_at_14_03_is_the_nearest_call_to_that_number() -> None:
    """14:00 = NOON + 0. A call at 14:01, one at 14:04, one to somebody else at 14:03: 14:04 is nearest."""
    calls = [at("a", 1), at("b", 4, PARK), at("c", 3, called=BOB)]
    asked = told(source="subscriber_report", called_number=ALICE, call_time_ms=NOON + 3 * MINUTE)
    assert labels(calls, [asked]) == {"b": Truth(True, "", "unknown", "subscriber_report", near(0.35))}


def test_a_caller_that_is_told_too_is_looked_for() -> None:
    """The nearest call is another's."""
    calls = [at("a", 1), at("b", 4, PARK)]
    assert robocalls(calls, [told(calling_number=BANK, called_number=ALICE, call_time_ms=NOON + 3 * MINUTE)]) == ["a"]


def test_beyond_the_tolerance_nobody_is_meant_and_at_its_end_somebody_is() -> None:
    asked = told(called_number=ALICE, call_time_ms=NOON)
    assert robocalls([at("a", 5)], [asked]) == robocalls([at("a", -5)], [asked]) == ["a"]
    for beyond_ms in (5 * MINUTE + 1, -5 * MINUTE - 1):
        assert robocalls([Call("a", BANK, ALICE, NOON + beyond_ms)], [asked]) == []
    assert robocalls([at("a", 7)], [asked], tolerance_ms=8 * MINUTE) == ["a"]


def test_of_two_equally_near_the_earlier_is_meant() -> None:
    calls = [at("late", 2), at("early", -2)]
    assert robocalls(calls, [told(called_number=ALICE, call_time_ms=NOON)]) == ["early"]


def test_a_verdict_on_a_number_reaches_back_so_many_hours_both_ends_included() -> None:
    said = told(calling_number=BANK, at_ms=NOON)
    calls = [Call(name, BANK, ALICE, NOON + ms) for name, ms in (("a", 1), ("b", 0), ("c", -HOUR), ("d", -HOUR - 1))]
    assert robocalls(calls, [said], reach_ms=HOUR) == ["b", "c"]


def test_a_complaint_that_is_filed_weeks_later_is_about_the_day_of_the_call() -> None:
    """It tells the caller and when it was called: 24 hours up to then and what people are wrong by."""
    said = told(calling_number=BANK, call_time_ms=NOON, at_ms=NOON + 1_000 * HOUR)
    calls = [at("a", 5), at("b", 6), at("c", -23 * 60), at("d", 900 * 60)]
    assert robocalls(calls, [said]) == ["a", "c"]


def test_both_numbers_without_a_time_are_the_calls_between_them_and_weigh_more_than_one_number() -> None:
    said = told(source="subscriber_report", calling_number=BANK, called_number=ALICE)
    found = labels([at("a", 0), at("b", 0, called=BOB), at("c", 0, PARK)], [said])
    assert found == {"a": Truth(True, "", "unknown", "subscriber_report", near(0.35))}


def test_a_call_id_is_enough_and_nothing_else_is_looked_at() -> None:
    said = told(call_id="b", calling_number=BANK)
    assert robocalls([at("a", 0), at("b", 0, PARK)], [said]) == ["b"]


def test_numbers_are_compared_in_their_normal_form() -> None:
    said = told(calling_number="tel:+1-202-555-0101")
    assert robocalls([at("a", 0, "sip:+12025550101@host")], [said]) == ["a"]


@pytest.mark.parametrize("withheld", ["anonymous", ""])
def test_who_withholds_the_number_is_many_callers(withheld: str) -> None:
    """Alone it is joined to nothing; with the called number it is."""
    calls = [at("a", 0, withheld), at("b", 0, withheld, BOB)]
    assert labels(calls, [told(calling_number=withheld)]) == {}
    assert robocalls(calls, [told(calling_number="anonymous", called_number=ALICE)]) == (["a"] if withheld else [])


def test_a_call_to_a_trap_is_a_robocall_says_a_honeypot() -> None:
    assert labels([at("a", 0), at("b", 0, called=BOB)], [], traps={BOB}) == {
        "b": Truth(True, "", "unknown", "honeypot", near(0.9))
    }


def test_a_rule_hit_is_outweighed_by_anybody_who_knows() -> None:
    """0.3 alone; against redress that names the call, 0.7, it loses."""
    hits = {"a": DO_NOT_ORIGINATE, "b": DO_NOT_ORIGINATE}
    found = labels([at("a", 0), at("b", 0)], [told("legitimate", "redress", call_id="b")], hits=hits)
    assert found["a"] == Truth(True, "", "unknown", DO_NOT_ORIGINATE, near(0.3))
    assert found["b"] == Truth(False, "", "unknown", "redress", near(0.4))


def test_the_same_record_twice_counts_once() -> None:
    """A table that is imported again, or a record that is delivered again, adds no weight."""
    said = told(source="subscriber_report", calling_number=BANK)
    assert labels([at("a", 0)], [said] * 5) == labels([at("a", 0)], [said])


def test_ties_and_verdicts_about_no_call_are_counted() -> None:
    """a: as much for as against. Of the four verdicts the last is about a call that is not here."""
    feedback = [
        told("robocall", "analyst", call_id="a"),
        told("legitimate", "traceback", call_id="a"),
        told(calling_number=PARK),
        told(call_id="elsewhere"),
    ]
    joining = Joining(feedback)
    for call in (at("a", 0), at("b", 0, PARK)):
        joining.take(call.call_id, call.calling, call.called, call.time_ms)
    assert [call_id for call_id, _ in joining.labels()] == ["b"]
    assert (joining.ties, joining.unjoined, joining.verdicts) == (1, 1, 4)


def test_complaints_about_a_number_add_up_to_the_latest_seven() -> None:
    """1 - 0.9 ** 3 = 0.271 and 1 - 0.9 ** 7 = 0.5217; an eighth adds nothing, and turns nothing that came later."""
    feedback = [told(source="subscriber_report", calling_number=BANK, at_ms=NOON + number) for number in range(8)]
    for count, weight in ((3, 0.271), (7, 0.5217), (8, 0.5217)):
        found = labels([at("a", 0)], feedback[:count])
        assert found["a"].weight == pytest.approx(weight, abs=1e-4)
    early = [told("legitimate", "subscriber_report", NOON, calling_number=BANK)]
    assert labels([at("a", 0)], early + feedback[1:]) == labels([at("a", 0)], feedback[1:])


def test_of_many_verdicts_of_one_instant_the_lawful_one_is_not_lost() -> None:
    """Ten lists of one analyst, imported as of one day: it counts, wherever it stood."""
    wrong = [told(calling_number=BANK, campaign=f"list-{number}") for number in range(9)]
    for place in (0, 5, 9):
        feedback = [*wrong[:place], told("legitimate", calling_number=BANK), *wrong[place:]]
        assert robocalls([at("a", 0)], feedback) == []


def test_of_thousands_of_complaints_every_one_that_reaches_a_call_is_joined() -> None:
    """Though no more than the latest can count."""
    feedback = [told(source="subscriber_report", calling_number=BANK, at_ms=NOON + number) for number in range(500)]
    joining = Joining(feedback)
    joining.take("a", BANK, ALICE, NOON)
    assert len(list(joining.labels())) == 1
    assert joining.unjoined == 0


def _is_about(said: Feedback, call: Call, calls: list[Call], reach_ms: int, tolerance_ms: int) -> Said | None:
    """The slow twin's rules, said anew: what this verdict says of this call."""
    verdict, source = said.verdict == "robocall", str(said.source)
    named = said.campaign or "", said.kind or ""
    if said.call_id is not None:
        mine = said.call_id == call.call_id
        return Said(verdict, source, Joined.CALL, said.time_ms, *named) if mine else None
    if said.called_number is not None and said.call_time_ms is not None:
        told_ms = said.call_time_ms
        candidates = [
            one
            for one in calls
            if one.called == said.called_number
            and said.calling_number in (None, one.calling)
            and abs(one.time_ms - told_ms) <= tolerance_ms
        ]
        nearest = min(candidates, key=lambda one: (abs(one.time_ms - told_ms), one.time_ms, one.call_id), default=None)
        return Said(verdict, source, Joined.LINE, said.time_ms, *named) if nearest == call else None
    until_ms = said.time_ms if said.call_time_ms is None else said.call_time_ms + tolerance_ms
    if said.calling_number != call.calling or said.called_number not in (None, call.called):
        return None
    if not until_ms - reach_ms <= call.time_ms <= until_ms:
        return None
    return Said(verdict, source, Joined.NUMBER if said.called_number is None else Joined.LINE, until_ms, *named)


def slowly(calls: list[Call], feedback: list[Feedback], reach_ms: int, tolerance_ms: int) -> dict[str, Truth]:
    """The twin: every verdict is held against every call."""
    found = {}
    for call in calls:
        verdicts = [_is_about(said, call, calls, reach_ms, tolerance_ms) for said in dict.fromkeys(feedback)]
        truth = combined([one for one in verdicts if one is not None]) if any(verdicts) else None
        if truth is not None:
            found[call.call_id] = truth
    return found


TIMES = st.integers(NOON, NOON + 40)
NUMBERS = st.sampled_from([BANK, PARK])
LINES = st.sampled_from([ALICE, BOB])
CALLS = st.lists(st.tuples(NUMBERS, LINES, TIMES), max_size=12).map(
    lambda made: [Call(f"call-{index}", *one) for index, one in enumerate(made)]
)
FEEDBACK = st.lists(
    st.builds(
        Feedback,
        time_ms=TIMES,
        verdict=st.sampled_from(Verdict),
        source=st.just(FeedbackSource.SUBSCRIBER_REPORT) | st.sampled_from(FeedbackSource),
        call_id=st.none() | st.none() | st.sampled_from([f"call-{index}" for index in range(14)]),
        calling_number=st.none() | NUMBERS,
        called_number=st.none() | LINES,
        call_time_ms=st.none() | TIMES,
        campaign=st.none() | st.sampled_from(["a", "b"]),
        kind=st.none() | st.sampled_from(["flood", "person"]),
    ).filter(lambda one: bool(one.call_id or one.calling_number or (one.called_number and one.call_time_ms))),
    max_size=25,
)


@given(CALLS, FEEDBACK, st.integers(0, 40), st.integers(0, 15), st.randoms(use_true_random=False))
def test_the_joining_is_what_its_slow_twin_says(
    calls: list[Call], feedback: list[Feedback], reach_ms: int, tolerance_ms: int, random: Any
) -> None:
    """Whatever was said, in whatever order calls and verdicts come, and though calls come twice."""
    expected = slowly(calls, feedback, reach_ms, tolerance_ms)
    shuffled, told_anew = calls + calls[:3], list(feedback)
    random.shuffle(shuffled)
    random.shuffle(told_anew)

    found = labels(shuffled, told_anew, reach_ms=reach_ms, tolerance_ms=tolerance_ms)

    assert found.keys() == expected.keys()
    for call_id, truth in found.items():
        assert truth.weight == pytest.approx(expected[call_id].weight, abs=1e-9)
        assert (truth.is_robocall, truth.campaign, truth.kind, truth.source) == (
            expected[call_id].is_robocall,
            expected[call_id].campaign,
            expected[call_id].kind,
            expected[call_id].source,
        )
