"""Numbers have the form of the North American plan, and a carrier knows its own."""

import re

import numpy as np
import pytest

from models.traffic.fourth.network.numbers import TEXTS, Numbering, impossible, odd, short_code, text

PLAN = re.compile(r"\+1([2-9]\d\d)([2-9]\d\d)\d{4}")


@pytest.fixture(scope="module")
def numbering() -> Numbering:
    """Numbers of some twenty thousand subscribers."""
    return Numbering(7, 20_000)


def test_subscribers_have_numbers_of_their_own_that_are_in_service(numbering: Numbering) -> None:
    """All of them, no two the same, and in exchanges of the carrier."""
    found = numbering.subscriber(np.arange(numbering.subscribers))

    assert numbering.subscribers >= 20_000
    assert len(np.unique(found)) == numbering.subscribers
    assert np.all(numbering.is_ours(found))
    assert np.all(numbering.is_in_service(found))
    assert not np.any(numbering.is_trap(found))


def test_lines_without_a_subscriber_are_out_of_service_and_some_are_traps(numbering: Numbering) -> None:
    """Every line of the exchanges: as many in service as there are subscribers."""
    lines = numbering.line(np.arange(len(numbering.exchanges) * 10_000))
    traps = lines[numbering.is_trap(lines)]

    assert len(np.unique(lines)) == len(lines)
    assert int(numbering.is_in_service(lines).sum()) == numbering.subscribers
    assert 0 < len(traps) < 0.13 * (len(lines) - numbering.subscribers)
    assert not np.any(numbering.is_in_service(traps))


def test_numbers_elsewhere_have_the_form_of_the_plan(numbering: Numbering) -> None:
    who = np.arange(5_000)
    near = numbering.subscriber(who)
    random = np.random.default_rng(1)
    kinds = (
        numbering.outside(who), numbering.local(who), numbering.toll_free(who), numbering.present(who, near),
        numbering.beside(near, random.random(5_000) < 0.5, random),
    )  # fmt: skip

    for found in kinds:
        for number in found.tolist():
            match = PLAN.fullmatch(text(number))
            assert match, number
            assert not any(code.endswith("11") for code in match.groups())


def test_a_number_with_presence_is_of_the_area_of_the_called(numbering: Numbering) -> None:
    near = numbering.subscriber(np.arange(500))

    assert np.array_equal(numbering.present(np.arange(500), near) // 10_000_000, near // 10_000_000)


def test_numbers_abroad_and_lures_are_no_subscribers_of_the_us(numbering: Numbering) -> None:
    """A lure of an island looks like an area code, but is none of the US."""
    for found in (numbering.abroad(np.arange(2_000)), numbering.lure(np.arange(2_000))):
        for number in found.tolist():
            written = text(number)
            match = PLAN.fullmatch(written)
            assert re.fullmatch(r"\+[2-9]\d{9,14}", written) or (match and match[1] in {"242", "473", "876", "284"})


def test_nobody_can_have_an_impossible_number() -> None:
    for number in impossible(np.random.default_rng(2), 2_000).tolist():
        match = PLAN.fullmatch(text(number))
        assert not match or any(code.endswith("11") for code in match.groups())


def test_odd_callers_show_extensions_texts_or_seven_digits() -> None:
    odds = [text(number) for number in odd(np.arange(1_000), 3).tolist()]

    assert all(one in TEXTS or re.fullmatch(r"\d{3,5}|[2-9]\d{6}", one) for one in odds)
    assert {len(one) for one in odds if one.isdigit()} >= {5, 7}
    assert any(one in TEXTS for one in odds)
    assert all(re.fullmatch(r"\d{5,6}", text(one)) for one in short_code(np.arange(500), 3).tolist())
