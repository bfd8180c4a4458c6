"""What a package has of its calls, from a real archive."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from streams.archive.files import ArchiveStore, day_of
from streams.archive.query import ask, connected
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.referral import collecting
from streams.referral.collecting import CALLS, DECISIONS, EXAMPLES, TIMELINE, Collected, collected
from streams.referral.package import PackageRefused
from tests.streams.archive.archive_case import DAY_MS, HOUR_MS, START_MS, encoded, put, setup


def end(number: int, talk_s: int | None, **more: Any) -> dict[str, Any]:
    begun = setup(number, **more)
    answer = {} if talk_s is None else {"answer_time_ms": begun["setup_time_ms"] + 5_000}
    fields = {name: begun[name] for name in ("call_id", "calling_number", "called_number", "trunk_group_id")}
    end_ms = begun["setup_time_ms"] + 5_000 + 1_000 * (talk_s or 0)
    fields |= {"setup_time_ms": begun["setup_time_ms"], "end_time_ms": end_ms}
    return {"type": "call_end", "sip_status": 200 if answer else 486} | fields | answer


def decision(number: int, **more: Any) -> dict[str, Any]:
    begun = setup(number)
    return {
        "call_id": begun["call_id"], "decision_id": f"d{number}", "action": "allow", "mode": "shadow",
        "decided_by": "model", "score": 0.5, "reasons": [], "calling_number": begun["calling_number"],
        "called_number": begun["called_number"], "trunk_group_id": "nyc-ix-7", "setup_time_ms": begun["setup_time_ms"],
        "decided_time_ms": begun["setup_time_ms"], "model_version": "gbt-1", "policy_version": "p-1",
        "feature_schema": "f2-1", "would_be": None, "label": None, "sip": None, "switch_id": None,
    } | more  # fmt: skip


def found_of(tmp_path: Path, events: list[dict[str, Any]], decisions: list[dict[str, Any]], **wanted: Any) -> Collected:
    store = ArchiveStore(str(tmp_path / "archive"))
    put(store, CALL_EVENTS, [encoded(one) for one in events])
    put(store, CALL_DECISIONS, [encoded(one) for one in decisions])
    asked: dict[str, Any] = {"call_ids": ["call-0", "call-1", "call-2"], "made_ms": START_MS + DAY_MS} | wanted
    with connected(store) as connection:
        return collected(connection, asked["call_ids"], asked["made_ms"], "1.0")


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_it_has_the_calls_and_no_other(tmp_path: Path) -> None:
    events = [setup(0), end(0, 30), setup(1), setup(7), end(1, None), end(7, 9)]

    found = found_of(tmp_path, events, [decision(0, would_be="block"), decision(1), decision(7)])

    calls = [json.loads(line) for line in found.files[CALLS].splitlines()]
    assert [(one["type"], one["call_id"]) for one in calls] == [
        ("call_setup", "call-0"), ("call_end", "call-0"), ("call_setup", "call-1"), ("call_end", "call-1"),
    ]  # fmt: skip
    assert {json.loads(line)["decision_id"] for line in found.files[DECISIONS].splitlines()} == {"d0", "d1"}
    assert (found.calls, found.first_ms, found.last_ms) == (2, START_MS, START_MS + 1_000)
    assert found.versions.models == {"gbt-1": 2}
    assert found.versions.policies == {"p-1": 2}


@pytest.mark.parametrize("is_known", [True, False])
def test_whole_rows_are_read_of_the_days_of_the_calls_alone(
    is_known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of other days nothing but ids, and nothing at all where the days are known."""
    store = ArchiveStore(str(tmp_path))
    later = {"setup_time_ms": START_MS + DAY_MS}
    put(store, CALL_EVENTS, [encoded(setup(0)), encoded(end(0, 30))])
    put(store, CALL_DECISIONS, [encoded(decision(0, would_be="block"))])
    put(store, CALL_EVENTS, [encoded(setup(1, **later))], first=2, at_ms=START_MS + DAY_MS)
    put(store, CALL_DECISIONS, [encoded(decision(1) | later)], first=1, at_ms=START_MS + DAY_MS)
    other_day = day_of(START_MS + DAY_MS)
    asked: list[str] = []

    def noting(connection: Any, sql: str) -> Any:
        asked.append(sql)
        return ask(connection, sql)

    monkeypatch.setattr(collecting, "ask", noting)
    day = day_of(START_MS)
    with connected(store) as connection:
        plain = collected(connection, ["call-0"], START_MS, "1.0", (day, day) if is_known else None)
        for file in (tmp_path / "call-decisions" / f"day={other_day}").glob("*.parquet"):
            file.write_bytes(b"damaged")
        if is_known:
            assert collected(connection, ["call-0"], START_MS, "1.0", (day, day)) == plain

    assert len(plain.files[DECISIONS].splitlines()) == 1
    of_archive = [sql for sql in asked if "call_events" in sql or "call_decisions" in sql]
    wide = [sql for sql in of_archive if "min(day)" not in sql]
    assert all(f"day BETWEEN DATE '{day}' AND DATE '{day}'" in sql and "*" not in sql for sql in wide)
    assert [len(wide), len(of_archive)] == ([4, 4] if is_known else [2, 3])


def test_the_timeline_counts_by_hours(tmp_path: Path) -> None:
    later = {"setup_time_ms": START_MS + HOUR_MS}
    events = [setup(0), end(0, 30), setup(1), end(1, None), setup(2, **later)]

    found = found_of(tmp_path, events, [decision(0, would_be="block"), decision(1, action="label"), decision(2)])

    first, second = table(found.files[TIMELINE])
    assert first == {
        "hour": "2026-05-28T20:00:00Z", "calls": "2", "calling_numbers": "2", "called_numbers": "1", "answered": "1",
        "labelled": "1", "blocked": "0", "only_tried": "1", "trunk_groups": "nyc-ix-7",
    }  # fmt: skip
    assert (second["hour"], second["calls"]) == ("2026-05-28T21:00:00Z", "1")


def test_examples_are_chosen_as_for_a_traceback(tmp_path: Path) -> None:
    same = {"calling_number": "+12025550000"}
    events = [setup(0), end(0, 30), setup(1, **same), end(1, 12, **same), setup(2), end(2, None)]

    found = found_of(tmp_path, events, [decision(0)])
    old = found_of(tmp_path / "old", events, [decision(0)], made_ms=START_MS + 11 * DAY_MS)

    example, unanswered = table(found.files[EXAMPLES])
    assert (unanswered["call_id"], unanswered["talk_s"]) == ("call-2", "")
    assert (example["call_id"], example["talk_s"], example["time_utc"]) == ("call-1", "12", "2026-05-28T20:26:41.000Z")
    assert table(old.files[EXAMPLES]) == []


def test_calls_that_the_archive_does_not_have_are_told(tmp_path: Path) -> None:
    with pytest.raises(PackageRefused, match="no decided call"):
        found_of(tmp_path, [setup(7)], [decision(7)])


def test_too_many_calls_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MOST_CALLS", 2)

    with pytest.raises(PackageRefused, match="refer a shorter span"):
        found_of(tmp_path, [setup(0)], [decision(0)])
