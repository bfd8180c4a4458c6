"""Cards: whose calls are summed, what is alarming, the trend, and whom to call first."""

from typing import Any

import pytest

from streams.scorecards.cards import By, Card, Trend, cards_of, to_call
from streams.scorecards.counts import Counts
from streams.scorecards.query import Line
from streams.upstreams.entries import Registration, State, UpstreamRole
from tests.streams.upstreams.upstream_case import TODAY, upstream

GONE = Registration(state=State.WITHDRAWN, as_of=TODAY)
REGISTER = (
    upstream("tg-1", legal_name="Acme", contact="noc@acme.example"),
    upstream("tg-2", legal_name="Acme"),
    upstream("tg-3", legal_name="Borealis", registration=GONE),
    upstream("tg-4", legal_name="School", role=UpstreamRole.CUSTOMER, registration=None),
)


def line(trunk: str = "tg-1", signer: str | None = None, **counts: Any) -> Line:
    return Line(trunk, signer, Counts(**({"calls": 100, "judged": 100} | counts)))


def cards(*lines: Line, **more: Any) -> dict[tuple[By, str], Card]:
    return {(one.by, one.key): one for one in cards_of(lines, REGISTER, TODAY, **more)}


def test_calls_are_summed_for_each_thing_that_they_have_in_common() -> None:
    found = cards(line("tg-1", "111A"), line("tg-2", "111A"), line("tg-3"), line("tg-4"), line("tg-9", "222B"))

    assert {key: card.counts.calls for key, card in found.items()} == {
        (By.TRUNK, "tg-1"): 100, (By.TRUNK, "tg-2"): 100, (By.TRUNK, "tg-3"): 100, (By.TRUNK, "tg-4"): 100,
        (By.TRUNK, "tg-9"): 100,
        (By.UPSTREAM, "Acme"): 200, (By.UPSTREAM, "Borealis"): 100, (By.UPSTREAM, "School"): 100,
        (By.UPSTREAM, "unknown"): 100,
        (By.SIGNER, "111A"): 200, (By.SIGNER, "222B"): 100, (By.SIGNER, "unsigned"): 200,
        (By.REGISTRATION, "listed"): 200, (By.REGISTRATION, "withdrawn"): 100, (By.REGISTRATION, "customer"): 100,
        (By.REGISTRATION, "unknown"): 100,
    }  # fmt: skip
    assert (found[By.UPSTREAM, "Acme"].contact, found[By.SIGNER, "111A"].name) == ("noc@acme.example", None)


@pytest.mark.parametrize(
    ("counts", "alarms"),
    [
        ({"suspect": 25}, ("suspect",)),
        ({"suspect": 12}, ()),  # 12 % of 100, but perhaps no more than 7 %
        ({"suspect": 1_200, "calls": 10_000, "judged": 10_000}, ("suspect",)),
        ({"suspect": 19, "judged": 19}, ()),
        ({"invalid": 20, "refused": 20}, ("invalid", "refused")),
        ({"with_a": 100, "rotated": 30}, ("rotated",)),
        ({"signed": 100, "downstream": 30, "third_party": 70}, ("downstream", "third_party")),
        ({"with_ocn": 100, "ocn_unlike": 100}, ()),
        ({"tracebacks": 1}, ("tracebacks",)),
    ],
)
def test_a_share_is_alarming_where_its_lower_bound_is(counts: dict[str, Any], alarms: tuple[str, ...]) -> None:
    assert cards(line(**counts))[By.TRUNK, "tg-1"].alarms == alarms


def test_thresholds_are_settings() -> None:
    found = cards(line(suspect=25, with_ocn=100, ocn_unlike=60), thresholds={"ocn_unlike": 0.5, "suspect": 0.3})

    assert found[By.TRUNK, "tg-1"].alarms == ("ocn_unlike",)


def test_who_is_not_registered_is_alarming_whatever_its_calls() -> None:
    found = cards(line("tg-3"))

    assert {key: card.alarms for key, card in found.items()} == {
        (By.TRUNK, "tg-3"): ("registration",), (By.UPSTREAM, "Borealis"): ("registration",),
        (By.SIGNER, "unsigned"): (), (By.REGISTRATION, "withdrawn"): (),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("suspect", "before", "trend"),
    [(30, (10, 100), Trend.UP), (1, (30, 100), Trend.DOWN), (10, (12, 100), Trend.SAME), (10, (0, 0), Trend.NEW)],
)
def test_a_trend_is_one_where_the_intervals_do_not_meet(suspect: int, before: tuple[int, int], trend: Trend) -> None:
    counts: dict[str, Any] = {"suspect": suspect, "suspect_before": before[0], "judged_before": before[1]}

    assert cards(line(**counts))[By.TRUNK, "tg-1"].trend is trend


def test_a_trunk_group_that_the_register_does_not_name_is_alarming_where_there_is_one() -> None:
    found = cards(line("tg-9"))
    without = cards_of([line("tg-9")], (), TODAY)

    assert [key for key, card in found.items() if card.alarms == ("unknown",)] == [
        (By.TRUNK, "tg-9"), (By.UPSTREAM, "unknown"),
    ]  # fmt: skip
    assert [card.key for card in to_call(found.values())] == ["tg-9"]
    assert [card for card in without if card.alarms] == []


def test_what_did_not_call_on_the_day_has_no_card() -> None:
    assert cards(line(calls=0, judged=0, judged_before=50)) == {}


def test_whom_to_call_are_upstreams_and_trunk_groups_of_nobody_the_worst_first() -> None:
    found = cards_of(
        [line("tg-1", suspect=30), line("tg-9", suspect=60), line("tg-4", suspect=40), line("tg-2", suspect=0)],
        REGISTER,
        TODAY,
    )

    assert [(one.by, one.key) for one in to_call(found)] == [
        (By.TRUNK, "tg-9"), (By.UPSTREAM, "School"), (By.UPSTREAM, "Acme"),
    ]  # fmt: skip


def test_an_archive_without_reasons_does_not_know_what_others_refused() -> None:
    card = cards(line(refused=0), has_reasons=False)[By.TRUNK, "tg-1"]

    assert (card.shares["refused"], card.plain()["refused"], card.plain()["refused_share"]) == (None, None, None)
    assert card.plain()["suspect_share"] == 0.0
