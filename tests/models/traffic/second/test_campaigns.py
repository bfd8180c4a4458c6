"""Campaigns of the second author do what their kind is told to do in docs/traffic.md."""

import re
from random import Random

import pytest

from models.traffic.second.callers import Sender
from models.traffic.second.campaigns import HABITS, Cunning, campaign, campaigns
from tests.models.traffic.second.settings import setting

CUNNING = Cunning(400.0, 1.0, clean=0.2, spoken=0.2, anywhere=0.2, own_origid=0.65)


def of_kind(kind: str, seed: int = 1) -> list[Sender]:
    """One campaign of 1,000 calls in an hour, with the lawful calls that it brings about."""
    return list(campaign(setting(), Random(seed), CUNNING, kind, f"{kind}-0", 1_000.0, 600.0, 3_600.0))


def pairs(sender: Sender, calls: int = 300) -> list[tuple[str, str]]:
    """Calling and called numbers of some calls."""
    random = Random(2)
    return [(calling, called) for calling, (called, _) in (sender.pair(random, 700.0) for _ in range(calls))]


def test_each_kind_has_a_campaign_and_together_they_place_about_the_calls_asked_for() -> None:
    at = setting()

    found = [one for one in campaigns(at, Random(1), CUNNING, 20_000.0) if one.campaign]

    assert {one.kind for one in found} == set(HABITS)
    placed = sum(one.rate * max(0.0, min(one.stop_s, at.length_s) - max(one.begin_s, 0.0)) for one in found)
    assert 12_000 < placed < 35_000


@pytest.mark.parametrize("kind", sorted(HABITS))
def test_a_robocall_has_its_campaign_and_what_it_brings_about_has_none(kind: str) -> None:
    for sender in of_kind(kind):
        assert sender.campaign == (f"{kind}-0" if sender.kind == kind else "")
        assert sender.rate > 0
        assert sender.begin_s < sender.stop_s


@pytest.mark.parametrize("kind", ["flood", "hijacked_number"])
def test_one_number_calls_and_strangers_call_it_back(kind: str) -> None:
    robocalls, *others = of_kind(kind)
    callers = {calling for calling, _ in pairs(robocalls)}

    assert len(callers) == 1
    assert others[0].kind == "spoofed_callback"
    assert {called for _, called in pairs(others[0])} == callers


def test_a_neighbour_shows_a_number_of_the_called_area() -> None:
    """Most of them one of its block."""
    found = pairs(of_kind("neighbour_spoofing")[0])

    assert all(calling[:5] == called[:5] for calling, called in found)
    assert sum(calling[:8] == called[:8] for calling, called in found) > 0.3 * len(found)


def test_no_number_calls_twice_where_each_call_has_its_own() -> None:
    found = pairs(of_kind("one_number_per_call")[0])

    assert len({calling for calling, _ in found}) > 0.99 * len(found)


def test_denial_of_service_calls_one_victim() -> None:
    assert len({called for _, called in pairs(of_kind("telephony_dos")[0])}) == 1


def test_impossible_numbers_are_of_no_numbering_plan() -> None:
    plan = re.compile(r"\+1[2-9]\d\d[2-9]\d{6}")

    assert not any(plan.fullmatch(calling) for calling, _ in pairs(of_kind("invalid_numbers")[0]))


def test_wangiri_comes_from_abroad() -> None:
    assert not any(calling.startswith("+1") for calling, _ in pairs(of_kind("wangiri")[0]))


def test_who_stops_and_returns_pauses_and_has_other_numbers_then() -> None:
    before, after = of_kind("stop_and_return")

    assert before.stop_s == pytest.approx(1_800.0)
    assert after.begin_s == pytest.approx(3_000.0)
    assert not {calling for calling, _ in pairs(before)} & {calling for calling, _ in pairs(after)}
