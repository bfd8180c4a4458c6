"""Generated traffic against published figures. Each target names its source; without the data the tests skip."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.traffic.first.generate import generate
from models.traffic.first.outcomes import LEVEL_A, LEVEL_B, LEVEL_C, UNSIGNED
from models.traffic.first.spec import TrafficSpec
from models.traffic.span import DEFAULT_START_MS, HOUR_MS

DAY = TrafficSpec(start_ms=DEFAULT_START_MS - 13 * HOUR_MS, hours=24.0, seed=5, calls_per_second=2.0)
TOLL_FREE = (1_800, 1_833, 1_844, 1_855, 1_866, 1_877, 1_888)
DIALLERS = ("outbound_call_centre", "debt_collection", "survey", "political")


@dataclass(frozen=True)
class Day:
    """The calls of a day as columns; talk and ring seconds are NaN where nobody answered."""

    hour: NDArray[np.int64]
    level: NDArray[np.int64]
    is_robocall: NDArray[np.bool_]
    kind: NDArray[np.str_]
    calling: NDArray[np.int64]
    status: NDArray[np.int64]
    cause: NDArray[np.int64]
    talk_s: NDArray[np.float64]
    ring_s: NDArray[np.float64]

    def of(self, *kinds: str) -> NDArray[np.bool_]:
        """Calls of some kinds."""
        return np.isin(self.kind, kinds)


@pytest.fixture(scope="module")
def day() -> Day:
    """A day of the central world, from midnight to midnight UTC."""
    parts = []
    for part in generate(DAY):
        calls = part.calls.take(part.rows[~part.is_end])
        answered = calls.answer_ms >= 0
        parts.append(
            (
                calls.setup_ms // HOUR_MS % 24,
                calls.attestation,
                np.array([campaign != "" for campaign in part.actors.campaigns])[calls.actor],
                np.array(part.actors.kinds)[calls.actor],
                calls.calling,
                calls.status,
                calls.cause,
                np.where(answered, (calls.end_ms - calls.answer_ms) / 1_000, np.nan),
                np.where(answered, (calls.answer_ms - calls.setup_ms) / 1_000, np.nan),
            )
        )
    return Day(*(np.concatenate(column) for column in zip(*parts, strict=True)))


Published = Callable[[str, str], list[str]]


def _percent(hit: NDArray[np.bool_]) -> float:
    return 100 * float(hit.mean())


def test_as_many_calls_are_signed_as_published(day: Day, published: Published) -> None:
    """TransNexus 2024: 35 to 49 % of calls arrive signed, 31 to 32 % at level A; ours within a tenth of the span."""
    signed = [float(value) for value in published("signed_at_termination", "calls arriving with a signature")]
    level_a = [float(value) for value in published("signed_at_termination", "calls arriving signed A")]

    assert 0.9 * min(signed) <= _percent(day.level != UNSIGNED) <= 1.1 * max(signed)
    assert 0.9 * min(level_a) <= _percent(day.level == LEVEL_A) <= 1.1 * max(level_a)


@pytest.mark.parametrize(
    ("metric", "level"), [("A", LEVEL_A), ("B", LEVEL_B), ("C", LEVEL_C), ("unsigned", UNSIGNED), ("all", None)]
)
def test_as_many_calls_of_a_level_are_robocalls_as_published(
    day: Day, published: Published, metric: str, level: int | None
) -> None:
    """TransNexus 2022-06 to 2023-07, by month; ours from 0.8 of the least to 1.25 of the most."""
    shares = [float(value) for value in published("robocall_share_by_attestation", metric)]
    ours = _percent(day.is_robocall if level is None else day.is_robocall[day.level == level])

    assert 0.8 * min(shares) <= ours <= 1.25 * max(shares)


def test_robocalls_keep_the_published_hours(day: Day, published: Published) -> None:
    """FTC honeypot 2014 (clock UTC): by hour of day, and next to none in its eight quiet hours, 04 to 12."""
    (text,) = published("honeypot_ftc_defcon22", "hour-of-day robocall share (hours 0..23, clock looks like UTC)")
    theirs = np.array([float(share) for share in text.split(",")])
    ours = np.bincount(day.hour[day.is_robocall], minlength=24) / day.is_robocall.sum()

    assert np.corrcoef(ours, theirs)[0, 1] > 0.9
    assert ours[4:12].sum() < 0.08


def test_persons_keep_the_published_hours(day: Day, reference_data: Path) -> None:
    """Nodobo: calls of persons by local hour. Ours are five hours behind UTC."""
    with (reference_data / "nodobo" / "hourly-all.csv").open() as lines:
        theirs = {int(row["Hour"]): float(row["Calls"]) for row in csv.DictReader(lines)}
    local = np.bincount((day.hour[day.of("person")] - 5) % 24, minlength=24)

    assert np.corrcoef(local, [theirs[hour] for hour in range(24)])[0, 1] > 0.85


def test_toll_free_callers_are_as_common_as_published(day: Day, published: Published) -> None:
    """Robocalls: 7.3 % of FTC complaints 2020 to 25.2 % of honeypot robocalls 2014; lawful callers at most 11.7 %."""
    least = float(published("ftc_complaints", "toll-free reported numbers")[0])
    most, others = (
        float(published("honeypot_ftc_defcon22", f"toll-free/non-geographic FROM among {callers}")[0].split(",")[0])
        for callers in ("robocalls", "others")
    )
    is_free = np.isin(day.calling // 10_000_000, TOLL_FREE)

    assert least <= _percent(is_free[day.is_robocall]) <= most
    assert 2.0 <= _percent(is_free[~day.is_robocall]) <= others


def test_conversations_are_as_long_as_published(day: Day, published: Published) -> None:
    """Legal Calls Only: conversational traffic has at least 20 % of its talks above 120 s; we want the tail as well."""
    least = float(published("traffic_shape", "conversational calls >120 s")[0].strip(">=%"))
    talk = day.talk_s[day.of("person", "business")]

    assert _percent(talk[~np.isnan(talk)] > 120) >= least
    assert np.nanmean(talk) > 2 * np.nanmedian(talk)


def test_diallers_are_as_short_as_published(day: Day, published: Published) -> None:
    """Legal Calls Only: diallers average below 60 s, nine of ten talks end within; but not of those who pad them."""
    talk = day.talk_s[day.is_robocall & ~day.of("padded_durations")]
    longest = float(published("traffic_shape", "dialer ACD")[0].strip("<s "))
    share = float(published("traffic_shape", "dialer calls <60 s")[0].strip(">=%"))

    assert np.nanmean(talk) < longest
    assert _percent(talk[~np.isnan(talk)] < longest) > share - 4


def test_short_talks_are_rarer_than_the_ceiling_for_lawful_callers_and_not_for_robocalls(day: Day) -> None:
    """Telnyx charges for more than 15 % of talks of at most 6 s: our lawful mix stays below, robocalls do not."""
    ceiling = 15.0
    talked = ~np.isnan(day.talk_s)
    short = day.talk_s <= 6

    assert _percent(short[talked & ~day.is_robocall]) < ceiling < _percent(short[talked & day.is_robocall])


def test_answer_rates_are_those_published(day: Day, published: Published) -> None:
    """Sippy: about 70 % for residential carriers, 50 % wholesale, 20 % where call centres dial; within 15 points."""
    (text,) = published("traffic_shape", "ASR typical")
    residential, _, centres = (float(part.strip("~").split("%")[0]) for part in text.split(", "))
    answered = day.status == 200

    assert _percent(answered[day.of("person")]) == pytest.approx(residential, abs=15)
    assert _percent(answered[day.of(*DIALLERS)]) == pytest.approx(centres, abs=15)


def test_outcomes_of_lawful_diallers_are_those_published(day: Day, published: Published) -> None:
    """Predictive dialling study (unicomsi): busy 3 to 6 %, no answer 25 to 35 % after 25 s; a tenth beside."""
    assert published("traffic_shape", "dialler outcomes, known numbers")[0].startswith("busy 3-6%")
    status = day.status[day.of("reminder", "mass_alert", *DIALLERS)]

    assert 3.0 <= _percent(status == 486) <= 6.0
    assert 25.0 <= _percent(status == 480) <= 38.5


def test_causes_and_statuses_go_together(day: Day) -> None:
    """Each SIP status has the Q.850 cause that RFC 3398 maps it to."""
    pairs = {200: 16, 404: 1, 484: 28, 486: 17, 487: 16, 480: 19, 503: 41, 603: 21, 607: 21, 608: 21}

    assert set(zip(day.status.tolist(), day.cause.tolist(), strict=True)) == set(pairs.items())
