"""What a budget goes by: what lets it be spent from the lowest margin on, and what a person said holds for all."""

import numpy as np
import pytest

from detector.policy.budgets import Budgets
from models.budgets.audit import LAWFUL, ROBOCALL, UNKNOWN, Wanted
from models.budgets.bounds import ReferenceCalls
from models.budgets.making import asked_by_lot
from models.budgets.ways import ways_of
from tests.models.budgets.test_making import STANDING, calls_of, found_of, measured


def test_people_keep_the_budget_beside_answers() -> None:
    """One in a hundred of those who call each other would be hit: answers about others do not outweigh that."""
    everybody, people = calls_of(40_000), calls_of(20_000, shift=-0.1)
    robocallers = np.full(40_000, ROBOCALL, np.int8)

    found = measured(found_of(None, people, everybody, robocallers))

    assert found.label is not None
    assert found.label.answers
    assert found.label.margin == pytest.approx(9.89, abs=1e-3)


def test_nobody_is_asked_where_pairs_or_earlier_answers_let_no_more_be_hit() -> None:
    """Pairs hold the labels from the fifth batch on; then blocks are asked about."""
    everybody, people, answers = calls_of(40_000), calls_of(20_000, shift=-0.1), np.full(40_000, UNKNOWN, np.int8)
    given, budgets = 0, Budgets(block_per_million=50)
    for _ in range(60):
        found = found_of(None, people, everybody, answers)
        measure = measured(found, budgets=budgets)
        asked = asked_by_lot(found, budgets, STANDING, measure)
        if not asked:
            break
        answers[np.concatenate(asked)] = ROBOCALL
        given += len(asked)

    assert measure.label is not None
    assert measure.label.margin == pytest.approx(9.89, abs=1e-3)
    assert given <= 100
    crowd, answers = calls_of(400_000), np.full(400_000, UNKNOWN, np.int8)
    answers[(crowd.margins >= 9.85) & (crowd.margins < 9.9)] = LAWFUL
    senders, budgets = found_of(calls_of(100_000, shift=-0.11), None, crowd, answers), Budgets(most_of_all=1_000)
    measure = measured(senders, budgets=budgets)
    assert measure.label is not None
    assert measure.label.margin < 9.9  # where answers lead at best
    asked = asked_by_lot(senders, budgets, STANDING, measure)
    assert all(crowd.margins[places].min() > 9.97 for places in asked)  # about blocks


def test_whatever_a_budget_goes_by_calls_that_a_person_called_lawful_keep_it() -> None:
    """3,000 of the highest calls are known to be lawful; 400 of 400,000 may be labelled, and 40 blocked."""
    everybody, answers = calls_of(400_000), np.full(400_000, UNKNOWN, np.int8)
    answers[-3_000:] = LAWFUL
    found = found_of(calls_of(100_000, shift=-0.11), None, everybody, answers)

    measure = measured(found, budgets=Budgets(most_of_all=1_000))

    assert measure.label is not None
    assert measure.block is not None
    assert found.audited.lawful_from(measure.label.margin) <= 0.001
    assert found.audited.lawful_from(measure.block.margin) <= 0.0001


def test_an_answer_about_blocks_takes_none_away_that_need_none() -> None:
    """Robocallers block each other by standing blocks, and answers come by fives: all calls allow blocks throughout."""
    random = np.random.default_rng(3)
    lawful, robocallers, each = 300_000, 600, 200
    callers = np.concatenate([np.arange(lawful) // 8, lawful + np.repeat(np.arange(robocallers), each)])
    start = np.repeat(random.integers(0, 80_000_000, robocallers), each)
    at_ms = np.concatenate([random.integers(0, 86_400_000, lawful), start + random.integers(0, 3_600_000, len(start))])
    level = np.repeat(random.normal(2.5, 1.0, robocallers), each)
    margins = np.concatenate([random.normal(-4, 1.5, lawful), level + random.normal(0, 1.2, len(level))])
    callers = np.unique(callers, return_inverse=True)[1]
    everybody, answers = ReferenceCalls(margins, callers, at_ms), np.full(len(margins), UNKNOWN, np.int8)
    reached = []
    for _ in range(8):
        found = found_of(None, None, everybody, answers)
        measure = measured(found)
        assert measure.block is not None, measure.complaints
        reached.append(measure.block.margin)
        labels, blocks = ways_of(found, Budgets(), STANDING)
        asked = blocks.audited.asked(blocks.budget, blocks.confidence, Wanted(measure.block.wanted_margin))
        for places in asked[:5]:
            answers[places] = np.where(places < lawful, LAWFUL, ROBOCALL)

    assert labels.audited is found.audited
    assert reached == sorted(reached, reverse=True)
    assert reached[-1] < reached[0]
