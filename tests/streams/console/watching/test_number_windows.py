"""Windows of a number out of a real archive: those that the engine has, of numbers whose calls it keeps exactly."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from detector.features.window_constants import RING, WINDOW_NAMES
from streams.archive.files import ArchiveStore
from streams.archive.query import ask, connected
from streams.commands.replay import replay
from streams.commands.simulate import simulate
from streams.console.watching import number_windows
from streams.console.watching.number_windows import MEASURES, windows_at
from streams.kafka.topics import CALL_EVENTS
from tests.streams.archive.archive_case import encoded, put, setup

NUMBERS = 60


def windows(store: ArchiveStore, number: str, at_ms: int) -> dict[str, list[float | None]]:
    with connected(store) as connection:

        def rows(sql: str) -> list[Any]:
            found: list[Any] = ask(connection, sql, (number,)).fetchall()
            return found

        return windows_at(rows, "calling_number = ?", at_ms)


def test_they_are_those_of_the_engine(tmp_path: Path) -> None:
    """At the latest call of each of some busy numbers: every feature of these measures, shares of too few calls too."""
    events, features = tmp_path / "events.jsonl", tmp_path / "features.parquet"
    made = ["--hours", "1", "--rate", "6", "--seed", "5", "--out", str(events)]
    assert CliRunner().invoke(simulate, made, catch_exceptions=False).exit_code == 0
    told = [str(events), "--decisions", "/dev/null", "--features", str(features)]
    assert CliRunner().invoke(replay, told, catch_exceptions=False).exit_code == 0
    table = pq.read_table(features)
    by_call = {call_id: row for row, call_id in enumerate(table["call_id"].to_pylist())}
    records = [json.loads(line) for line in events.read_text().splitlines()]
    setups = {one["calling_number"]: one for one in records if one["type"] == "call_setup"}
    busy = Counter(one["calling_number"] for one in records if one["type"] == "call_setup")
    chosen = [number for number, calls in busy.most_common() if 3 <= calls <= RING][:NUMBERS]
    store = ArchiveStore(str(tmp_path / "archive"))
    put(store, CALL_EVENTS, events.read_bytes().splitlines(), at_ms=records[0]["setup_time_ms"])

    compared = 0
    for number in chosen:
        latest = setups[number]
        found = windows(store, number, latest["setup_time_ms"])
        for measure in MEASURES:
            for window, length in enumerate(WINDOW_NAMES):
                name = f"number_{measure}_{length}"
                if name in table.column_names:
                    wanted = table[name][by_call[latest["call_id"]]].as_py()
                    value = found[measure][window] if measure in found else None
                    ours = -1.0 if value is None else value
                    assert abs(ours - wanted) <= 0.51 * (measure == "mean_talk") + 1e-5, (number, name, ours, wanted)
                    compared += 1
    assert len(chosen) >= 20
    assert compared > 10 * len(chosen)


def test_a_record_that_is_there_twice_counts_once_and_a_blocked_call_has_no_end(tmp_path: Path) -> None:
    store, at_ms = ArchiveStore(str(tmp_path / "archive")), 1_760_000_000_000
    call = setup(1, setup_time_ms=at_ms, calling_number="+12025550123")
    blocked = {
        "type": "call_end", "call_id": call["call_id"], "calling_number": "+12025550123", "trunk_group_id": "tg",
        "called_number": "+13035550101", "setup_time_ms": at_ms, "end_time_ms": at_ms, "sip_status": 603,
        "treatment": "block",
    }  # fmt: skip
    put(store, CALL_EVENTS, [encoded(call), encoded(call), encoded(blocked)], at_ms=at_ms)

    found = windows(store, "+12025550123", at_ms)

    assert found == {"attempts": [1] * 5, "distinct_called": [1] * 5}
    assert windows(store, "+12025550199", at_ms) == {}


def test_of_a_number_with_very_many_calls_the_latest_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that reach further back than they do have no value, in place of one that is too low."""
    monkeypatch.setattr(number_windows, "MOST_EVENTS", 4)
    store, at_ms = ArchiveStore(str(tmp_path / "archive")), 1_760_000_000_000
    calls = [setup(n, setup_time_ms=at_ms - n * 5_000, calling_number="+12025550123") for n in range(9)]
    put(store, CALL_EVENTS, list(map(encoded, calls)), at_ms=at_ms)

    found = windows(store, "+12025550123", at_ms)

    assert found["attempts"] == [2, None, None, None, None]
