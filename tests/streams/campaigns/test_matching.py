"""Decisions and events of a call are joined, whichever comes first."""

import time

import pytest

from detector.campaigns.calls import SuspectCall
from streams.campaigns import matching
from streams.campaigns.matching import Ended, Matching
from streams.wire.repairs import as_decided
from tests.streams.campaigns.campaign_case import end, pair


def test_a_suspect_call_is_told_by_whichever_comes_last() -> None:
    setup, decision = pair(1, signer_spc="123A", origid="o-1")
    first, then = Matching(0.9), Matching(0.9)
    assert first.event(setup) is None
    assert then.decision(decision, (0, 7)) is None
    found = first.decision(decision, (0, 7))
    assert found == then.event(setup)
    assert found is not None
    call, place = found
    assert isinstance(call, SuspectCall)
    assert (call.call_id, call.decision_id, call.signer_spc, call.score, place) == (
        "call-1", "decision-1", "123A", 0.97, (0, 7),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("score", "action", "is_suspect"),
    [(0.97, "allow", True), (0.5, "allow", False), (0.5, "label", True), (None, "block", True), (None, "allow", False)],
)
def test_suspect_is_what_is_acted_on_or_scores_high(score: float | None, action: str, *, is_suspect: bool) -> None:
    setup, decision = pair(1, score=score, action=action)
    joined = Matching(0.9)
    joined.event(setup)
    assert (joined.decision(decision, None) is not None) is is_suspect


def test_what_a_shadow_would_have_done_counts() -> None:
    setup, decision = pair(1, score=0.5, action="allow")
    joined = Matching(0.9)
    joined.event(setup)
    assert joined.decision(decision.replace(b'"would_be": null', b'"would_be": "block"'), None) is not None


def test_numbers_and_long_call_ids_are_those_of_the_decision() -> None:
    long = "x" * 200
    setup, decision = pair(1, call_id=long, calling_number="tel:+1-212-555-0001")
    joined = Matching(0.9)
    joined.event(setup)
    (short,) = as_decided(long)
    found = joined.decision(decision.replace(long.encode(), short.encode()), None)
    assert found is not None
    assert (found[0].call_id, found[0].calling_number) == (short, "+12125550001")


@pytest.mark.parametrize("decisions_first", [True, False])
def test_calls_of_one_id_are_each_joined_with_their_own_decision(*, decisions_first: bool) -> None:
    """A caller chooses its Call-ID: with the same one for all calls it must not stay out of every campaign."""
    pairs = [pair(number, call_id="the same") for number in range(20)]
    joined = Matching(0.9, keeps_setups=not decisions_first)
    found = []
    for number in (1, 0) if decisions_first else (0, 1):
        for both in pairs:
            one = joined.event(both[0]) if number == 0 else joined.decision(both[1], None)
            found += [] if one is None or isinstance(one, Ended) else [one[0]]

    assert [(one.decision_id, one.calling_number) for one in found] == [
        (f"decision-{number}", call.calling_number) for number, call in enumerate(found)
    ]
    assert len({one.called_number for one in found}) == len(pairs)


def test_ends_say_how_long_a_call_lasted_from_its_answer_on() -> None:
    joined = Matching(0.9)
    assert joined.event(end(1, talk_ms=8_000)) == Ended("call-1", 8_000)
    assert joined.event(end(1, talk_ms=None)) == Ended("call-1", None)


@pytest.mark.parametrize("times", [(0, 1_760_000_000_000), (1_760_000_000_000, "9" * 400), ("-" + "9" * 20, 1)])
def test_an_end_that_breaks_the_contract_is_left_out(times: tuple[object, object]) -> None:
    """Its duration would be beyond what a figure can be, and the campaign's record could not be made any more."""
    answered, ended = times
    value = (
        '{"type":"call_end","call_id":"call-1","called_number":"+13105550001",'
        f'"answer_time_ms":{answered},"end_time_ms":{ended}}}'
    )

    assert Matching(0.9).event(value.encode()) is None


def test_a_call_that_is_dated_ahead_is_of_the_time_of_its_decision() -> None:
    """One that is dated 2099 would else make all that is remembered too old to be joined."""
    now_ms = time.time_ns() // 1_000_000
    joined = Matching(0.9)
    found = {}
    for number, at_ms in ((1, 4_102_444_799_000), (2, now_ms - 1_000)):
        setup, decision = pair(number, setup_time_ms=at_ms)
        joined.event(setup)
        call = joined.decision(decision, None)
        assert call is not None
        found[number] = call[0].at_ms

    assert now_ms <= found[1] <= time.time_ns() // 1_000_000
    assert found[2] == now_ms - 1_000


@pytest.mark.parametrize("value", [None, b"", b"junk", b"[]", b'{"call_id":1}', b"\xff", b'{"type":"call_setup"}'])
def test_what_nobody_can_read_is_left_out(value: bytes | None) -> None:
    joined = Matching(0.9)
    assert joined.event(value) is None
    assert joined.decision(value, None) is None


def test_a_set_up_that_breaks_the_contract_is_left_out() -> None:
    setup, decision = pair(1, called_number=5)
    joined = Matching(0.9)
    joined.event(setup)
    assert joined.decision(decision, None) is None


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST_SETUPS", 10)
    monkeypatch.setattr(matching, "MOST_DECISIONS", 10)
    joined, pairs = Matching(0.9), [pair(number) for number in range(30)]
    for setup, _ in pairs:
        joined.event(setup)
    assert joined.is_ahead
    for number in range(100, 130):
        joined.decision(pair(number)[1], None)
    assert joined.missed == 20
    assert joined.decision(pairs[0][1], None) is None
    assert joined.decision(pairs[29][1], None) is not None


def test_large_setups_take_no_more_memory_than_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go; what was decided, or came once more, takes nothing twice."""
    pairs = [pair(number, user_agent="x" * 100) for number in range(4)]
    monkeypatch.setattr(matching, "MOST_SETUP_BYTES", 2 * len(pairs[0][0]))
    joined = Matching(0.9)
    for setup, _ in [pairs[0], *pairs]:
        joined.event(setup)

    found = [joined.decision(decision, None) is not None for _, decision in pairs]

    assert found == [False, False, True, True]
    assert joined.event(pairs[3][0]) is None
    assert joined.decision(pairs[3][1], None) is not None
