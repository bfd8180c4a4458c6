"""Kinds by the pattern of the calls, and what is said for it."""

import re
from pathlib import Path

import pytest

from detector.campaigns.calls import Cell, SuspectCall, caller_class
from detector.campaigns.campaign import Campaign
from detector.campaigns.joining import Sign
from detector.campaigns.pattern import Kind, evidence, figures, kind_of
from detector.campaigns.tally import Tally
from tests.detector.campaigns.calls_of import START_MS, suspect

PAGE = Path(__file__).parents[3] / "docs" / "campaigns.md"


def _tally(calls: list[SuspectCall]) -> Tally:
    tally = Tally(START_MS)
    for call in calls:
        tally.add(call, caller_class(call.calling_number))
    return tally


CALLS = {
    Kind.TELEPHONY_DOS: [suspect(n, called_number="+13105550001") for n in range(20)],
    Kind.INVALID_NUMBERS: [suspect(n, calling_number=f"+1911555{n:04d}") for n in range(20)],
    Kind.FOREIGN_NUMBERS: [suspect(n, calling_number=f"+2526155{n:04d}") for n in range(20)],
    Kind.NEIGHBOUR_SPOOFING: [
        suspect(n, calling_number=f"+1310555{n:04d}", called_number=f"+1310555{9_000 - 50 * n:04d}") for n in range(20)
    ],
    Kind.SEQUENTIAL_DIALLING: [suspect(n, called_number=f"+1310555{2 * n:04d}") for n in range(20)],
    Kind.LOW_AND_SLOW: [suspect(1_800 * n, called_number=f"+1310555{37 * n:04d}") for n in range(20)],
    Kind.FLOOD: [suspect(n, calling_number="+12125550001", called_number=f"+1310555{37 * n:04d}") for n in range(20)],
    Kind.ONE_NUMBER_PER_CALL: [suspect(n, called_number=f"+1310555{37 * n:04d}") for n in range(20)],
    Kind.SNOWSHOE: [
        suspect(n, calling_number=f"+1212555{n % 7:04d}", called_number=f"+1310555{37 * n:04d}") for n in range(20)
    ],
}


@pytest.mark.parametrize("kind", Kind)
def test_a_pattern_has_its_name(kind: Kind) -> None:
    assert kind_of(_tally(CALLS[kind])) is kind


def test_each_kind_is_explained() -> None:
    """On the page of campaigns, in the order in which they are tried."""
    table = PAGE.read_text(encoding="utf-8").partition("| kind | ")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \| .", table, re.MULTILINE) == list(Kind)


def test_answers_are_unknown_until_some_calls_have_ended() -> None:
    tally = _tally(CALLS[Kind.FLOOD])
    for _ in range(4):
        tally.end(talk_ms=8_000)
    assert figures(tally).answered_ratio is None
    tally.end(talk_ms=None)
    assert figures(tally).answered_ratio == 0.8
    assert figures(tally).talk_s == 8.0


def test_there_are_not_more_numbers_than_calls() -> None:
    """Beyond 64 they are estimated, which is too many as often as too few."""
    calls = [suspect(n) for n in range(300)]
    tally = _tally(calls[:1])
    for call in calls[1:]:
        tally.add(call, "")
        found = figures(tally)
        assert max(found.numbers, found.called) <= tally.calls


def test_evidence_is_said_in_words() -> None:
    campaign = Campaign("c1", _tally(CALLS[Kind.FLOOD]))
    told = evidence(campaign)
    assert told[0] == "20 suspect calls from 1 number to 20"
    assert "trunk groups: tg-1 100%" in told
    assert "attestation: none 100%" in told


def test_signs_that_joined_its_ways_are_said_in_words() -> None:
    """Of one it is said in the singular."""
    campaign = Campaign("c1", _tally(CALLS[Kind.FLOOD]))
    ways = [Cell(f"tg-{number}", "", "", "domestic", "") for number in range(4)]
    campaign.cells |= dict(zip(ways, (None, Sign.TIMES, Sign.TIMES, Sign.ORIGIN), strict=True))

    assert evidence(campaign)[-2:] == [
        "2 more ways in, joined by calls at the same times by a shared trunk group",
        "1 more way in, joined by the same signer and origination id",
    ]


def test_confidence_is_less_of_few_calls() -> None:
    few, many = (Campaign("c1", _tally([suspect(n) for n in range(calls)])) for calls in (5, 500))
    assert few.confidence < many.confidence < 0.95
