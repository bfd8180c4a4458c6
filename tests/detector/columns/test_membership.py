"""Filters of sets of texts: whatever is in the set is found, by hashes that do not depend on where a text stands."""

from collections.abc import Collection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.arrays import Ints
from detector.columns.hashing import hash_text
from detector.columns.membership import FEWEST_PLACES, MembershipFilter, hash_spans, hash_texts, like_any
from detector.contract.decisions import Action
from detector.policy.standing import StandingDecision, StandingDecisions

TEXTS = st.text(max_size=12)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([f"+1212555{n:04}" for n in range(40)]))))
def test_what_is_in_the_set_is_found_whatever_came_and_went(changes: list[tuple[bool, str]]) -> None:
    members: dict[str, None] = {}
    filter_ = MembershipFilter(40)
    for comes, text in changes:
        if comes and text not in members:
            members[text] = None
            filter_.add(text)
        elif not comes and text in members:
            del members[text]
            filter_.discard(text)

    assert filter_.may_have(hash_texts(members)).all()
    if not members:
        assert not filter_.may_have(hash_texts([text for _, text in changes])).any()


@pytest.mark.parametrize("number", [3_000, 100_000])
def test_few_of_those_that_are_not_in_the_set_are_found_however_full_it_is(number: int) -> None:
    members = [f"+1212{n:07}" for n in range(number)]
    others = hash_texts([f"+1415{n:07}" for n in range(20_000)])
    filter_ = MembershipFilter(number)
    for start in range(0, number, 1_000):
        filter_.add_all(members[start : start + 1_000])

    assert filter_.may_have(hash_texts(members)).all()
    assert 0 < filter_.may_have(others).sum() < 20_000 // 12


def test_a_text_costs_the_same_whatever_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that grows when it is full hashes all that is in it again, while every call waits."""
    hashed: list[int] = []

    def counting(texts: Collection[str]) -> Ints:
        hashed.append(len(texts))
        return hash_texts(texts)

    def counting_one(text: str, *, seed: int) -> int:
        hashed.append(1)
        return hash_text(text, seed=seed)

    monkeypatch.setattr("detector.columns.membership.hash_texts", counting)
    monkeypatch.setattr("detector.columns.membership.hash_text", counting_one)
    standing = StandingDecisions(max_entries=20_000)
    for n in range(20_100):
        standing.set(StandingDecision(f"number:+1212{n:07}", Action.BLOCK, "c", 0, 1, "analyst"))

    assert len(standing) == 20_000
    assert hashed == [1] * 20_200  # each that came, and the hundred that had to go


def test_nothing_is_lost_where_more_texts_share_a_place_than_it_can_count() -> None:
    digits = np.frombuffer("".join(f"{n:07}" for n in range(1_500_000)).encode(), np.uint8)
    starts = np.arange(0, len(digits), 7)
    hashes = hash_spans(digits, np.stack((starts, starts + 7), axis=1))
    of_place = [f"{n:07}" for n in (hashes & (FEWEST_PLACES - 1) == 1).nonzero()[0].tolist()]
    assert len(of_place) > 256
    filter_ = MembershipFilter(0)
    filter_.add_all(of_place)
    for gone in of_place[:-1]:
        filter_.discard(gone)

    assert filter_.may_have(hash_texts(of_place[-1:])).all()


@given(st.lists(TEXTS), TEXTS)
def test_a_text_has_one_hash_wherever_it_stands(texts: list[str], before: str) -> None:
    encoded = [text.encode("utf-8", "surrogatepass") for text in [before, *texts]]
    stops = np.cumsum([len(text) for text in encoded])
    spans = np.stack((stops[:-1], stops[1:]), axis=1).reshape(len(texts), 2)
    data = np.frombuffer(b"".join(encoded), np.uint8)

    assert hash_spans(data, spans).tolist() == hash_texts(texts).tolist()


def test_an_absent_text_is_an_empty_one() -> None:
    absent = hash_spans(np.frombuffer(b"abc", np.uint8), np.array([(-1, -1)]))

    assert absent.tolist() == hash_texts([""]).tolist()


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans())))
def test_all_that_are_equal_to_one_are_found(rows: list[tuple[str, bool]]) -> None:
    chosen = {text for text, is_one in rows if is_one}

    found = like_any(hash_texts([text for text, _ in rows]), np.array([is_one for _, is_one in rows], np.bool_))

    assert found.tolist() == [text in chosen for text, _ in rows]


def test_nobody_can_choose_texts_that_are_looked_for_in_vain() -> None:
    """They were chosen to share the place of a member under the seed of an older build, which all could read."""
    older = 5
    wanted = hash_text("+12125550100", seed=older) & (FEWEST_PLACES - 1)
    texts = [f"+1415{n:07}" for n in range(400_000)]
    alike = [text for text in texts if hash_text(text, seed=older) & (FEWEST_PLACES - 1) == wanted]
    filter_ = MembershipFilter.of(["+12125550100"])

    assert len(alike) > 50
    assert filter_.may_have(hash_texts(alike)).sum() < 5
