"""An audit by answers: what a slow twin comes to, and how often it is wrong."""

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.budgets import audit
from models.budgets.audit import LAWFUL, ROBOCALL, UNKNOWN, AuditedCalls, Wanted, lots_of
from models.budgets.bounds import Ints

BUDGET, CONFIDENCE = 0.02, 0.95
ANY = Wanted(math.inf)
"""Nothing is reached without answers."""
VERSION = "gbt-0123456789ab"


def calls_of(callers: Ints, is_lawful: NDArray[Any], version: str = VERSION) -> AuditedCalls:
    """Calls with falling margins, answered as they are."""
    n = len(callers)
    answers = np.where(is_lawful, LAWFUL, ROBOCALL).astype(np.int8)
    at_ms = np.arange(n)
    lots = lots_of(np.arange(n), callers, at_ms, version.encode())
    return AuditedCalls(np.arange(n, 0, -1).astype(float), callers, at_ms, lots, answers)


def unanswered(calls: AuditedCalls) -> AuditedCalls:
    return replace(calls, answers=np.full(len(calls.margins), UNKNOWN, np.int8))


def said(calls: AuditedCalls, asked: list[Ints], truth: AuditedCalls) -> AuditedCalls:
    """What is asked is answered by the truth."""
    answers = calls.answers.copy()
    for places in asked:
        answers[places] = truth.answers[places]
    return replace(calls, answers=answers)


def answered_in_full(truth: AuditedCalls, batches: int = 50) -> AuditedCalls:
    """Who is asked about is answered about, batch after batch, as long as anybody is."""
    calls = unanswered(truth)
    for _ in range(batches):
        asked = calls.asked(BUDGET, CONFIDENCE, ANY)
        if not asked:
            break
        calls = said(calls, asked, truth)
    return calls


class Twin:
    """The audit in sets and sums over them, from its definition."""

    def __init__(self, calls: AuditedCalls, confidence: float, guess: int = UNKNOWN) -> None:
        self.guess = guess
        n, self.wanted = len(calls.margins), math.log(1 / (1 - confidence))
        order = sorted(range(n), key=lambda call: -calls.margins[call])
        self.levels = [set(order[: int(multiple * BUDGET * n)]) for multiple in audit.MULTIPLES]
        self.calls, self.most = calls, [spent * BUDGET * n for spent in audit.SPENT]
        self.evidence = [[0.0] for _ in self.levels]
        self.draws: list[list[bool]] = [[] for _ in self.levels]
        self.taken: set[int] = set()
        self.against: set[int] = set()
        self.asked: list[int] = []
        for frame in range(1, len(self.levels)):
            if not self.draw(frame):
                break

    def answer(self, caller: int) -> int:
        """By most of the answers about its calls among the highest."""
        its = [int(self.calls.answers[call]) for call in self.levels[-1] if self.calls.callers[call] == caller]
        known = [one for one in its if one != UNKNOWN]
        if not known:
            return self.guess
        return ROBOCALL if 2 * sum(one == ROBOCALL for one in known) > len(known) else LAWFUL

    def is_shown(self, level: int) -> bool:
        calls = self.levels[level]
        known = [call for call in calls & self.against if self.answer(self.calls.callers.item(call)) == LAWFUL]
        worst = len(calls & self.against) + len(calls - self.taken)
        passed = max(self.evidence[level]) >= self.wanted
        return len(known) <= self.most[level] and (passed or worst <= self.most[level])

    def draw(self, frame: int) -> bool:
        lots = audit._mixed(self.calls.lots + np.uint64(frame))
        turn: list[tuple[int, int]] = []
        for call in sorted(self.levels[frame], key=lots.item):
            caller = self.calls.callers.item(call)
            if call not in self.taken and caller not in [one for one, _ in turn]:
                turn.append((caller, call))
        turn = turn[: audit.MOST_DRAWN]
        for caller, call in turn:
            if self.is_done(frame):
                return True
            is_against = self.answer(caller) != ROBOCALL
            its = {one for one in self.levels[-1] if self.calls.callers[one] == caller}
            for level, calls in enumerate(self.levels):
                if level <= frame and call in calls:
                    self.weigh(level, is_against=is_against)
            self.taken |= its
            self.against |= its if is_against else set()
        if not self.is_done(frame):
            self.asked = [caller for caller, _ in turn if self.answer(caller) == UNKNOWN][: audit.BATCH]
        return self.is_done(frame)

    def is_done(self, frame: int) -> bool:
        return all(self.is_shown(level) for level in range(frame + 1))

    def asks(self) -> list[int]:
        """Nobody where answers of the best kind would show no more than these do."""
        at_best = Twin(self.calls, 1 - math.exp(-self.wanted), ROBOCALL).hit()
        return self.asked if at_best and len(at_best) > len(self.hit() or ()) else []

    def weigh(self, level: int, *, is_against: bool) -> None:
        calls, draws = self.levels[level], self.draws[level]
        limit = (self.most[level] - len(calls & self.against)) / len(calls - self.taken)
        if 0 < limit < 1:
            expected = (audit.EXPECTED * audit.WORTH + sum(draws)) / (audit.WORTH + len(draws))
            expected = min(expected, limit / 2)
            worth = expected / limit if is_against else (1 - expected) / (1 - limit)
            self.evidence[level].append(self.evidence[level][-1] + math.log(worth))
        draws.append(is_against)

    def hit(self) -> set[int] | None:
        """Calls of the largest level that is shown, as all before it are."""
        found = None
        for level, calls in enumerate(self.levels):
            if not self.is_shown(level):
                break
            found = calls or None
        return found


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    large=st.sampled_from([30, 200, 2_000]),
    lawful=st.sampled_from([0.0, 0.05, 0.3]),
    lawful_from=st.sampled_from([0, 40]),
    batches=st.integers(0, 8),
    lost=st.sampled_from([0.0, 0.1, 0.9]),
    confidence=st.sampled_from([0.5, 0.8, 0.95]),
)
def test_it_comes_to_what_the_slow_twin_comes_to(
    seed: int, large: int, lawful: float, lawful_from: int, batches: int, lost: float, confidence: float
) -> None:
    """Callers of many sizes, some of them lawful; some batches were answered, and some answers got lost."""
    random = np.random.default_rng(seed)
    n = 400
    callers = random.integers(0, large, n)
    callers[200:] = np.arange(2_000, 2_200)
    is_lawful = (random.random(2_200) < lawful)[callers]
    is_lawful[:lawful_from] ^= lawful > 0  # there may be more of them among the highest than behind
    truth = calls_of(callers, is_lawful, f"gbt-{seed}")
    calls = unanswered(truth)
    for _ in range(batches):
        calls = said(calls, calls.asked(BUDGET, confidence, ANY), truth)
    calls.answers[random.random(n) < lost] = UNKNOWN

    found, twin = calls.lowest(BUDGET, confidence), Twin(calls, confidence)

    assert (None if found is None else set(np.flatnonzero(calls.margins >= found.margin).tolist())) == twin.hit()
    asked = calls.asked(BUDGET, confidence, ANY)
    assert [calls.callers.item(int(its[0])) for its in asked] == twin.asks()


def test_40_right_answers_let_ten_times_as_many_calls_be_hit() -> None:
    """Each of 10,000 callers calls once, and the highest are robocallers."""
    truth = calls_of(np.arange(10_000), np.arange(10_000) >= 4_000)
    first = unanswered(truth)
    asked = first.asked(BUDGET, CONFIDENCE, ANY)

    assert first.lowest(BUDGET, CONFIDENCE) is None
    assert [len(its) for its in asked] == [1] * audit.BATCH
    second = said(first, asked, truth)
    third = said(second, second.asked(BUDGET, CONFIDENCE, ANY), truth)

    found = third.lowest(BUDGET, CONFIDENCE)
    assert found is not None
    assert np.sum(third.margins >= found.margin) == 10 * BUDGET * 10_000
    assert (found.share, found.most) == (0.0, BUDGET)
    assert 29 <= found.answers <= 40
    assert third.hit_from(found.margin + 1_000, BUDGET, CONFIDENCE).most == BUDGET
    assert third.hit_from(found.margin - 1, BUDGET, CONFIDENCE).most == pytest.approx(10 * BUDGET, rel=1e-2)


def test_a_caller_with_many_calls_is_asked_about_once_and_tells_much() -> None:
    """Ten callers have all of the highest calls: ten answers show thirty times as many calls."""
    callers = np.where(np.arange(10_000) < 7_000, np.arange(10_000) % 10, np.arange(10_000))
    truth = calls_of(callers, np.arange(10_000) >= 7_000)

    asked = unanswered(truth).asked(BUDGET, CONFIDENCE, ANY)

    assert sorted({truth.callers.item(int(its[0])) for its in asked}) == list(range(10))
    found = answered_in_full(truth).lowest(BUDGET, CONFIDENCE)
    assert found is not None
    assert np.sum(truth.margins >= found.margin) == 30 * BUDGET * 10_000


@pytest.mark.parametrize(("lawful", "times"), [(90, 30), (150, 15), (250, 0)])
def test_more_than_fifteen_times_as_many_calls_are_hit_where_half_of_the_budget_is_kept(
    lawful: int, times: int
) -> None:
    """Fifty callers have the highest calls, and one of them is lawful: 200 of its calls may be hit."""
    place = np.arange(10_000)
    callers = np.where(place < 7_000, place % 50, place)
    callers[:lawful] = 50
    truth = calls_of(callers, (callers == 50) | (place >= 7_000))

    found = answered_in_full(truth).lowest(BUDGET, CONFIDENCE)

    assert (0 if found is None else np.sum(truth.margins >= found.margin)) == times * BUDGET * 10_000


@pytest.mark.parametrize(("lawful", "answers"), [(0, 460), (1, 600)])
def test_thirty_times_are_shown_at_a_large_carrier_with_a_lawful_caller_on_the_way(lawful: int, answers: int) -> None:
    """Each of 600,000 callers calls once; one of those who are drawn from twenty times as many calls is lawful."""
    n, budget = 600_000, 0.001
    is_lawful = np.arange(n) >= 30_000
    truth = calls_of(np.arange(n), is_lawful)
    calls, given = unanswered(truth), 0
    for _ in range(60):
        asked = calls.asked(budget, CONFIDENCE, ANY)
        if not asked:
            break
        if lawful and given > 140:  # fifteen times are shown
            is_lawful[asked[0]], lawful = True, 0
            truth = calls_of(np.arange(n), is_lawful)
        calls, given = said(calls, asked, truth), given + len(asked)

    found = calls.lowest(budget, CONFIDENCE)

    assert found is not None
    assert np.sum(calls.margins >= found.margin) == 30 * budget * n
    assert answers - 80 < given <= answers


def test_answers_that_were_given_are_not_taken_for_better_ones() -> None:
    """A lawful caller has 700 of the 2,000 highest calls, 200 may be: its answer is about some of them, and ends it."""
    n, budget = 200_000, 0.001
    callers = np.arange(n)
    large = np.random.default_rng(1).choice(2_000, 700, replace=False)
    callers[large] = n
    truth = calls_of(callers, callers == n)
    calls, given = unanswered(truth), 0
    for _ in range(20):
        asked = calls.asked(budget, CONFIDENCE, ANY)
        if not asked:
            break
        calls, given = said(calls, [places[:50] for places in asked], truth), given + len(asked)

    assert given == audit.BATCH
    assert calls.lowest(budget, CONFIDENCE) is None


def test_who_has_no_answer_counts_as_lawful() -> None:
    truth = calls_of(np.arange(10_000), np.arange(10_000) >= 4_000)
    asked = unanswered(truth).asked(BUDGET, CONFIDENCE, ANY)

    half = said(unanswered(truth), asked[::2], truth)

    assert half.lowest(BUDGET, CONFIDENCE) is None
    again = half.asked(BUDGET, CONFIDENCE, ANY)
    assert [its.tolist() for its in again[:10]] == [its.tolist() for its in asked[1::2]]


def test_the_draw_does_not_depend_on_the_order_of_calls_and_differs_by_model() -> None:
    calls = unanswered(calls_of(np.arange(5_000) % 900, np.zeros(5_000)))
    order = np.random.default_rng(3).permutation(5_000)
    shuffled = AuditedCalls(*(getattr(calls, one.name)[order] for one in fields(calls)))
    other = replace(calls, lots=lots_of(np.arange(5_000), calls.callers, calls.at_ms, b"another"))

    for places in shuffled.asked(BUDGET, CONFIDENCE, ANY):
        assert (np.diff(shuffled.at_ms[places]) > 0).all()
    first, second, third = (
        [one.callers.item(int(its[0])) for its in one.asked(BUDGET, CONFIDENCE, ANY)]
        for one in (calls, shuffled, other)
    )

    assert first == second
    assert first != third


def test_equal_call_ids_do_not_make_equal_lots() -> None:
    """Nor does an id that somebody chose for the lot of another secret."""
    calls, n = np.zeros(3_000, np.int64), np.arange(3_000)

    found = lots_of(calls, n % 3, n // 3, b"secret")

    assert len(np.unique(found)) == 3_000
    assert not np.isin(found, lots_of(calls, n % 3, n // 3, b"another")).any()


def test_what_is_known_to_be_lawful_counts_from_a_margin_on() -> None:
    calls = calls_of(np.arange(1_000), np.arange(1_000) % 2)
    assert calls.lawful_from(901.0) == 0.05
    assert unanswered(calls).lawful_from(901.0) == 0.0
    cut = calls.known_lawful_cut(0.05)
    assert calls.lawful_from(cut) == 0.05
    assert calls.lawful_from(np.nextafter(cut, -np.inf)) > 0.05
    assert unanswered(calls).known_lawful_cut(0.05) == -math.inf


def test_nobody_is_asked_where_that_would_lead_no_lower_or_few_called() -> None:
    calls = unanswered(calls_of(np.arange(10_000), np.zeros(10_000)))
    few = unanswered(calls_of(np.arange(149), np.zeros(149)))

    assert calls.asked(BUDGET, CONFIDENCE, Wanted(4_002.0))
    assert not calls.asked(BUDGET, CONFIDENCE, Wanted(4_000.0))
    assert calls.asked(BUDGET, CONFIDENCE, Wanted(7_002.0), audit.FIRST)
    assert not calls.asked(BUDGET, CONFIDENCE, Wanted(7_000.0), audit.FIRST)
    assert calls.asked(BUDGET, CONFIDENCE, Wanted(9_002.0, 9_000.0))
    assert not calls.asked(BUDGET, CONFIDENCE, Wanted(9_002.0, 9_002.0))
    calls.answers[4_000:7_000] = LAWFUL  # of what thirty times have
    calls.answers[2_000:3_000] = LAWFUL  # of what fifteen times have
    assert calls.asked(BUDGET, CONFIDENCE, Wanted(8_002.0))
    assert not calls.asked(BUDGET, CONFIDENCE, Wanted(8_000.0))
    assert not few.asked(BUDGET, CONFIDENCE, ANY)
    assert few.lowest(BUDGET, CONFIDENCE) is None


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_a_budget_that_is_not_kept_is_shown_in_fewer_than_one_of_twenty(spread: float) -> None:
    """400 draws of a carrier whose highest calls have a twentieth more lawful ones than may be hit, at every level.

    Callers have one call each, or lognormal many. With a chance of 0.05, more than 33 of 400 would be three standard
    deviations above it.
    """
    n, random = 10_000, np.random.default_rng(11)
    sizes = np.ceil(random.lognormal(0.0, 2 * spread, 4_000)).astype(np.int64)
    callers = random.permutation(np.repeat(np.arange(4_000), sizes)[:n] if spread else np.arange(n))
    top = int(5 * BUDGET * n)
    is_lawful, hit = np.zeros(n, np.bool_), 0
    for caller in random.permutation(np.unique(callers[:top])):
        if hit > 1.05 * BUDGET * n:
            break
        is_lawful |= callers == caller
        hit = int(is_lawful[:top].sum())
    shown = 0
    for draw in range(400):
        found = calls_of(callers, is_lawful, f"gbt-{draw}").lowest(BUDGET, CONFIDENCE)
        shown += found is not None

    assert shown <= 33


def test_who_becomes_known_as_lawful_later_takes_back_what_was_shown() -> None:
    """At even odds a few answers show ten times as many calls. One lawful caller has 400 of these 2,000; 200 may be."""
    n, wrong = 10_000, 0
    callers = np.where((np.arange(n) % 5 == 0) & (np.arange(n) < 2_000), n, np.arange(n))
    for draw in range(100):
        calls = calls_of(callers, callers == n, f"gbt-{draw}")
        found = calls.lowest(BUDGET, 0.5)
        wrong += found is not None and np.sum(callers[calls.margins >= found.margin] == n) > BUDGET * n

    assert wrong < 10


def test_where_all_calls_score_alike_nothing_is_shown_or_asked() -> None:
    calls = calls_of(np.arange(10_000), np.zeros(10_000))
    alike = replace(calls, margins=np.ones(10_000))

    assert alike.lowest(BUDGET, CONFIDENCE) is None
    assert not alike.asked(BUDGET, CONFIDENCE, ANY)
