"""A table in a page of docs, of what was measured: each row is written as soon as its run has ended."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.processes import ROOT


@dataclass(frozen=True, slots=True)
class MeasuredTable:
    """A table between `<!-- name -->` and `<!-- /name -->`, whose rows are known by their first cell.

    Attributes:
        page: file that has it.
        name: in its marks.
        command: by which it is renewed.
        heads: of its columns.
    """

    page: Path
    name: str
    command: str
    heads: Sequence[str]

    def write(self, cells: Sequence[str]) -> None:
        """Put a row into the page, in the place of the one with the same first cell."""
        line = f"| {' | '.join(cells)} |\n"
        before, _, rest = self.page.read_text().partition(f"<!-- {self.name} -->")
        inside, _, after = rest.partition(f"<!-- /{self.name} -->")
        rows = [one for one in inside.splitlines(keepends=True) if one.startswith("| ")][1:]
        known = [one.split(" | ")[0] for one in rows]
        if f"| {cells[0]}" in known:
            rows[known.index(f"| {cells[0]}")] = line
        else:
            rows.append(line)
        head = f"| {' | '.join(self.heads)} |\n{'|---' * len(self.heads)}|\n"
        text = f"{machine()} Command: `{self.command}`.\n\n{head}{''.join(rows)}"
        table = f"<!-- {self.name} -->\n{text}<!-- /{self.name} -->"
        self.page.write_text(f"{before}{table}{after}")

    def commit(self) -> str:
        """What runs: the commit, marked where files differ from it, the page with the table aside."""
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{self.page.relative_to(ROOT)}")
        return _git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


def machine() -> str:
    """What it runs on."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "unknown processor",
    )
    memory = psutil.virtual_memory().total / 2**30
    return f"Machine: {psutil.cpu_count()} cores of {model}, {memory:.0f} GiB, everything on it."


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
