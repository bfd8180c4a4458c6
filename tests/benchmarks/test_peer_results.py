"""An interrupted comparison of peers goes on where it stopped, and never mixes what cannot be compared."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.turns import Limits
from benchmarks.peers.entries import COPY, JOB, Entry
from benchmarks.peers.results import Results

ENTRIES = [Entry("worker_job", JOB, 100, "arrays"), Entry("floor", COPY, 100, "none")]
ABOUT = {"machine": "m", "python": "3", "commit": "abc", "model": "x", "pinned_to_core": 1, "seed": 7}


def run(cost: float) -> dict[str, Any]:
    return {"cpu_us_per_event": cost, "resident_mib": 10}


def results(path: Path, **about: Any) -> Results:
    made = Results(ENTRIES, ABOUT | about, path)
    made.versions = {entry.name: "1" for entry in ENTRIES}
    return made


def names(made: Results, turns: int) -> list[str]:
    return [entry.name for entry in made.due(Limits(within=0.1, most=turns))]


def test_what_is_finished_is_on_disk_and_is_not_done_again(tmp_path: Path) -> None:
    first = results(tmp_path / "peers.json")
    assert names(first, 2) == ["worker_job", "floor"]
    first.add(ENTRIES[0], run(8.0))
    first.add(ENTRIES[1], run(2.0))
    first.add(ENTRIES[0], run(6.0))

    second = results(tmp_path / "peers.json", commit="abc-dirty")
    second.resume()

    assert names(second, 2) == ["floor"]
    second.add(ENTRIES[1], run(3.0))
    rows = {row["name"]: row for row in json.loads((tmp_path / "peers.json").read_text())["rows"]}
    assert [one["cpu_us_per_event"] for one in rows["worker_job"]["runs"]] == [8.0, 6.0]
    assert rows["floor"]["times_ours"] == {"ratio": 0.375, "low": 0.25, "high": 0.5, "turns": 2}
    assert not names(second, 2)


def test_turns_end_when_every_ratio_is_narrow(tmp_path: Path) -> None:
    made = results(tmp_path / "peers.json")
    for turn in range(6):
        assert names(made, 30) == ["worker_job", "floor"]
        made.add(ENTRIES[0], run(8.0 + turn))
        assert names(made, 30) == ["floor"]
        made.add(ENTRIES[1], run(4.0 + turn / 2))
    assert not names(made, 30)


def test_an_entry_that_was_wrong_is_named_and_done_again(tmp_path: Path) -> None:
    first = results(tmp_path / "peers.json")
    first.add(ENTRIES[0], run(8.0))
    first.fail(ENTRIES[1], "floor: 3 copies of 50")

    found = json.loads((tmp_path / "peers.json").read_text())
    second = results(tmp_path / "peers.json")
    second.resume()

    assert found["failed"] == {"floor": "floor: 3 copies of 50"}
    assert [row["name"] for row in found["rows"]] == ["worker_job"]
    assert names(second, 1) == ["floor"]
    assert not second.failed


@pytest.mark.parametrize("other", [{"commit": "def"}, {"seed": 8}, {"machine": "n"}])
def test_runs_that_cannot_stand_in_one_table_are_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    results(tmp_path / "peers.json").add(ENTRIES[0], run(8.0))

    with pytest.raises(SystemExit, match=f"differs in {next(iter(other))}: leave --resume away"):
        results(tmp_path / "peers.json", **other).resume()


def test_another_number_of_events_is_refused(tmp_path: Path) -> None:
    results(tmp_path / "peers.json").add(ENTRIES[0], run(8.0))
    other = Results([Entry("worker_job", JOB, 200, "arrays")], dict(ABOUT), tmp_path / "peers.json")

    with pytest.raises(SystemExit, match="events of worker_job"):
        other.resume()
