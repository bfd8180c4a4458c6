"""The results of the runs, written to disk after each, so that an interrupted benchmark can resume."""

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.harness.turns import Limits, Ratio
from benchmarks.peers import table
from benchmarks.peers.entries import Entry

DIRTY = "-dirty"
SAME = ("machine", "python", "commit", "model", "pinned_to_core", "seed")
"""What has to be the same for runs to stand in one table."""


class Results:
    """Runs of each entry.

    Args:
        entries: what is compared.
        about: machine, commit and all else that the figures depend on.
        path: written after each run; None to keep everything in memory.

    Attributes:
        versions: of each entry that was run.
        failed: why a run of an entry was wrong.
    """

    def __init__(self, entries: list[Entry], about: dict[str, Any], path: Path | None) -> None:
        self._entries = entries
        self._about = about
        self._path = path
        self._runs: dict[str, list[dict[str, Any]]] = {entry.name: [] for entry in entries}
        self.versions: dict[str, str] = {}
        self.failed: dict[str, str] = {}

    def resume(self) -> None:
        """Take over the runs of the file; runs that were wrong are done again.

        Raises:
            SystemExit: they are of another commit, machine, seed or number of events.
        """
        if self._path is None or not self._path.exists():
            return
        found = json.loads(self._path.read_text())
        other = [name for name in SAME if _clean(found.get(name)) != _clean(self._about.get(name))]
        events = {row["name"]: row["events"] for row in found["rows"]}
        other += [f"events of {one.name}" for one in self._entries if events.get(one.name, one.events) != one.events]
        if other:
            raise SystemExit(f"{self._path} differs in {', '.join(other)}: leave --resume away, or name another --out")
        self._about["commit"] = found["commit"]
        for row in found["rows"]:
            if row["name"] in self._runs:
                self._runs[row["name"]] = row["runs"]
                self.versions[row["name"]] = row["version"]

    def due(self, limits: Limits) -> list[Entry]:
        """Entries of the next turn, in order; none once all ratios are narrow or the turns are used up.

        An entry whose run was wrong takes no more turns.
        """
        running = [entry for entry in self._entries if entry.name not in self.failed]
        turn = min((len(self._runs[entry.name]) for entry in running), default=limits.most)
        rows = [row for row in self.rows() if row["name"] not in {*self.failed, table.LIKE_FOR_LIKE}]
        complete = all(len(self._runs[entry.name]) == turn for entry in running)
        known = all(row["times_ours"] and Ratio(**row["times_ours"]).is_within(limits.within) for row in rows)
        if turn >= limits.most or (complete and rows and known):
            return []
        return [entry for entry in running if len(self._runs[entry.name]) == turn]

    def add(self, entry: Entry, run: dict[str, Any]) -> None:
        """Add a run and write everything."""
        self._runs[entry.name].append(run)
        self._write()

    def fail(self, entry: Entry, reason: str) -> None:
        """Note that a run was wrong and write everything."""
        self.failed[entry.name] = reason
        self._write()

    def rows(self) -> list[dict[str, Any]]:
        """One an entry that has a run."""
        rows = [
            _row(entry, self.versions[entry.name], self._runs[entry.name])
            for entry in self._entries
            if self._runs[entry.name]
        ]
        table.ratios(rows)
        return rows

    def text(self) -> str:
        """The whole result as JSON."""
        return json.dumps(self._about | {"failed": self.failed, "rows": self.rows()}, indent=1)

    def _write(self) -> None:
        if self._path is None:
            return
        unfinished = self._path.with_suffix(".new")
        unfinished.write_text(self.text())
        unfinished.replace(self._path)


def _clean(value: Any) -> Any:
    """A commit whatever else lies about: the result itself may be a file of the repository."""
    return value.removesuffix(DIRTY) if isinstance(value, str) else value


def _row(entry: Entry, version: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    costs = [run["cpu_us_per_event"] for run in runs]
    return {
        "name": entry.name,
        "does": entry.does,
        "state": entry.state,
        "windows": entry.windows,
        "version": version,
        "events": entry.events,
        "best_cpu_us_per_event": min(costs),
        "median_cpu_us_per_event": statistics.median(costs),
        "resident_mib": max(run["resident_mib"] for run in runs),
        "runs": runs,
    }
