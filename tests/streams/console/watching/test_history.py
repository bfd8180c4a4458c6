"""What a number, a trunk group or a campaign did by the hour, why and by which version, out of a real archive."""

import html
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.archive.files import ArchiveStore
from streams.console.roles import Role
from streams.console.subjects import Kind, Subject
from streams.console.watching.history import series_of, versions_of
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from tests.streams.archive.archive_case import encoded, put, setup
from tests.streams.console.console_case import CALLER, Browser, Played, decided

NOW_MS = time.time_ns() // 1_000_000
HOUR_MS = 3_600_000
CAMPAIGN = "c0123456789"
FULL_HOUR_MS = NOW_MS // HOUR_MS * HOUR_MS
REASONS = [
    {"code": "score", "text": "score 0.999", "value": 0.999, "threshold": 0.99},
    {"code": "campaign", "text": f"campaign {CAMPAIGN}", "value": None, "threshold": None},
]


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    """Two calls of three hours ago, one blocked; one of an hour ago that a policy in shadow would block."""
    values = [
        decided(1, setup_time_ms=FULL_HOUR_MS - 3 * HOUR_MS),
        decided(2, "block", setup_time_ms=FULL_HOUR_MS - 3 * HOUR_MS + 5_000, reasons=REASONS),
        decided(3, setup_time_ms=FULL_HOUR_MS - HOUR_MS, mode="shadow", would_be="block", policy_version="p2"),
        decided(4, setup_time_ms=FULL_HOUR_MS - HOUR_MS, calling_number="+12025550199"),
        decided(5, setup_time_ms=946_684_800_000, trunk_group_id="tg-2000"),
        decided(6, setup_time_ms=FULL_HOUR_MS - HOUR_MS, trunk_group_id="tg-2000"),
    ]
    events = [setup(n, setup_time_ms=FULL_HOUR_MS - n * HOUR_MS, calling_number=CALLER) for n in (1, 2, 3)]
    store = ArchiveStore(str(tmp_path / "archive"))
    put(store, CALL_DECISIONS, values, at_ms=NOW_MS)
    put(store, CALL_EVENTS, list(map(encoded, events)), at_ms=NOW_MS)
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", store.url)
    return Played(tmp_path)


def part(played: Played, kind: Kind, text: str) -> str:
    link = played.links.link(Subject(kind, text))

    async def visit(browser: Browser) -> str:
        return (await browser.get(f"/about/{link}/history")).text

    return str(played.run(Role.OPERATOR, visit))


def plotted(page: str) -> dict[str, Any]:
    found = re.search(r"data-history='([^']+)'", page)
    assert found is not None
    return json.loads(html.unescape(found[1]))  # type: ignore[no-any-return]


def test_a_number_by_the_hour(played: Played) -> None:
    """Tried and done apart, no hour left out, by which versions, and its windows at its latest call."""
    page = part(played, Kind.NUMBER, CALLER)

    first_s = (FULL_HOUR_MS - 3 * HOUR_MS) // 1_000
    assert plotted(page) == {
        "at_s": [first_s, first_s + 3_600, first_s + 7_200],
        "allow": [1, 0, 1],
        "block": [1, 0, 0],
        "tried_block": [0, 0, 1],
    }
    assert "5 decisions in the 7 days" in page
    assert re.search(r"score</th><td>1</td>", page)
    assert "<td>p2</td>" not in page
    assert '<th scope="row">p2</th><td>m</td><td>shadow</td><td>1</td>' in page
    assert re.search(r"calls</th><td>1 .*?<td>1 .*?<td>1 .*?<td>1 .*?<td>3 ", page)
    assert "answer-seizure ratio" not in page
    assert CALLER not in page


def test_a_trunk_group_and_a_campaign_too(played: Played) -> None:
    """All calls of the trunk group; of the campaign those whose reasons name it."""
    trunk, campaign = part(played, Kind.TRUNK, "tg-chi"), part(played, Kind.CAMPAIGN, CAMPAIGN)
    assert plotted(trunk)["allow"] == [1, 0, 1]
    assert plotted(campaign) == {"at_s": [(FULL_HOUR_MS - 3 * HOUR_MS) // 1_000], "block": [1]}
    assert "Its windows" not in trunk


def test_nothing_and_no_events_are_said(played: Played) -> None:
    assert "No decision in the 7 days" in part(played, Kind.NUMBER, "+13125550100")
    assert "the archive has no <code>call-events</code> of it" in part(played, Kind.NUMBER, "+12025550199")


def test_a_decision_has_no_history_and_no_archive_is_said(tmp_path: Path) -> None:
    played = Played(tmp_path)
    assert "leads nowhere" in part(played, Kind.DECISION, "0" * 32)
    assert "ROBOCALL_ARCHIVE_URL" in part(played, Kind.NUMBER, CALLER)


def test_hours_without_calls_are_none_left_out() -> None:
    assert series_of([]) == {}
    assert series_of([(12, "allow", 5), (10, "block", 1)]) == {
        "at_s": [36_000, 39_600, 43_200],
        "allow": [0, 0, 5],
        "block": [1, 0, 0],
    }


def test_versions_are_summed_over_hours_the_most_first() -> None:
    rows = [("p1", "m1", "shadow", 3, 10, 20), ("p2", "m1", "enforce", 7, 30, 40), ("p1", "m1", "shadow", 5, 5, 15)]
    assert versions_of(rows) == [("p1", "m1", "shadow", 8, 5, 20), ("p2", "m1", "enforce", 7, 30, 40)]


def test_a_switch_with_a_wrong_clock_makes_no_plot_of_a_quarter_of_a_century(played: Played) -> None:
    """Its calls are counted and told, and are not in the plot."""
    page = part(played, Kind.TRUNK, "tg-2000")
    assert plotted(page)["allow"] == [1]
    assert "2 decisions in the 7 days" in page
    assert "1 of them were set up at another time" in page


def test_without_a_call_that_can_be_plotted_there_is_no_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ArchiveStore(str(tmp_path / "archive"))
    put(store, CALL_DECISIONS, [decided(1, setup_time_ms=946_684_800_000)], at_ms=NOW_MS)
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", store.url)
    page = part(Played(tmp_path), Kind.NUMBER, CALLER)
    assert "1 decision in the 7 days" in page
    assert "data-history" not in page


def test_each_look_leaves_a_line(played: Played) -> None:
    """As those at the other parts of the page do."""
    with capture_logs() as lines:
        part(played, Kind.NUMBER, CALLER)
    (line,) = [one for one in lines if one.get("place") == "history"]
    assert (line["event"], line["is_whole"]) == ("console look", False)
    assert CALLER not in str(lines)
