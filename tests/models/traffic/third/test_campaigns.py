"""Campaigns of the third author do what their kind is told to do in docs/traffic.md."""

import re

import pytest

from detector.contract.events import CallSetup
from models.traffic.third.carrier import ROBOCALL_KINDS
from models.traffic.third.generate import ThirdTraffic, generate

PLAN = re.compile(r"\+1[2-9]\d\d[2-9]\d{6}")
SETUPS = ThirdTraffic(seed=6, hours=0.6, history_hours=0.1, calls_per_second=12.0, robocall_share=0.3)

Calls = dict[str, dict[str, list[CallSetup]]]


@pytest.fixture(scope="module")
def robocalls() -> Calls:
    """Set-ups by kind and campaign."""
    found: Calls = {}
    for event, truth in generate(SETUPS):
        if isinstance(event, CallSetup) and truth.is_robocall:
            found.setdefault(truth.kind, {}).setdefault(truth.campaign, []).append(event)
    return found


def test_each_kind_has_a_campaign_of_its_own(robocalls: Calls) -> None:
    assert set(robocalls) == set(ROBOCALL_KINDS)


def test_denial_of_service_calls_one_victim(robocalls: Calls) -> None:
    assert all(len({one.called_number for one in calls}) == 1 for calls in robocalls["telephony_dos"].values())


def test_a_neighbour_shows_a_number_of_the_called_area(robocalls: Calls) -> None:
    for calls in robocalls["neighbour_spoofing"].values():
        assert all(one.calling_number[:5] == one.called_number[:5] for one in calls)


def test_few_numbers_flood_and_many_snowshoe(robocalls: Calls) -> None:
    """Calls a number: more in any flood than in any campaign that is spread."""

    def calls_a_number(kind: str) -> list[float]:
        return [len(calls) / len({one.calling_number for one in calls}) for calls in robocalls[kind].values()]

    assert min(calls_a_number("flood")) > max(calls_a_number("one_number_per_call"))
    assert max(calls_a_number("one_number_per_call")) < 1.5


def test_rotated_numbers_are_signed_at_level_a(robocalls: Calls) -> None:
    """Where the calls arrive signed at all."""
    for calls in robocalls["a_attested_rotation"].values():
        assert {one.attestation for one in calls if one.attestation is not None} <= {"A"}


def test_wangiri_comes_from_no_number_of_ours(robocalls: Calls) -> None:
    """Costly destinations, some of them in the plan: +1 473 and +1 876."""
    for calls in robocalls["wangiri"].values():
        for one in calls:
            assert not PLAN.fullmatch(one.calling_number) or one.calling_number[2:5] in {"473", "876"}
