"""The long form of the failure tests: `make soak`. Writes the table of docs/reliability.md from what it measured.

    python -m tests.faults.soak [--only WORDS] [--seed N]

Each row is written when its run has ended, with the commit that ran, so that an interrupted soak keeps what it has and
`--only` renews single rows. The exit status is 1 when anything was lost, contradicted or counted wrongly.
"""

import argparse
import contextlib
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from detector.windows import WindowEngine
from tests.faults.findings import Findings
from tests.faults.scenarios import Scenario, of_load, of_services, of_storage, of_three_brokers, of_workers, play
from tests.processes import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- soak -->", "<!-- /soak -->"
HEAD = (
    "| fault | times injected | events | in flight | decisions missing | contradicting | counts wrong | repeated | "
    "late or overload | longest gap | time to recover | commit |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n"
)

log = logging.getLogger("tests.faults.soak")


def row(scenario: Scenario, found: Findings, built: str) -> str:
    """One line of the table."""
    cells = [
        scenario.fault, f"{found.injected}", f"{found.events:,}", f"{found.in_flight}", f"{found.missing}",
        f"{found.contradicting}", f"{found.counts_wrong}", f"{found.repeated:,}", f"{found.late:,}",
        f"{found.longest_gap_s:.1f} s", f"{found.recovery_s:.1f} s", built,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def write_row(line: str, machine: str) -> None:
    """Put a row into the page, in the place of the one of the same fault."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    inside, _, after = rest.partition(END)
    fault = line.split(" | ", maxsplit=1)[0]
    rows = [one for one in inside.splitlines(keepends=True) if one.startswith("| ") and not one.startswith("| fault")]
    known = [one.split(" | ")[0] for one in rows]
    if fault in known:
        rows[known.index(fault)] = line
    else:
        rows.append(line)
    PAGE.write_text(f"{before}{BEGIN}\n{machine}\n\n{HEAD}{''.join(rows)}{END}{after}")


def machine() -> str:
    """What it ran on."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "unknown processor",
    )
    memory = psutil.virtual_memory().total / 2**30
    return f"Machine: {psutil.cpu_count()} cores of {model}, {memory:.0f} GiB, everything on it. Command: `make soak`."


def commit() -> str:
    """What runs: the commit, marked where files differ from it, the page with the table aside."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{PAGE.relative_to(ROOT)}")
    return _git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def scenarios(folder: Path) -> Iterator[list[Scenario]]:
    """All of them."""
    with of_storage(folder) as stored:
        yield [*of_workers(), *of_services(), *of_three_brokers(), *stored, *of_load()]


def main() -> int:
    """Run those that were asked for."""
    parser = argparse.ArgumentParser(prog="make soak", description="Failure tests, long form; about an hour.")
    parser.add_argument("--only", default="", help="run the faults whose name contains this")
    parser.add_argument("--seed", type=int, default=1, help="of traffic and instants")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("tests.faults").setLevel(logging.INFO)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # the server that plays S3 tells every request
    WindowEngine.warm()
    is_clean, built = True, commit()
    with tempfile.TemporaryDirectory(prefix="soak-") as name, scenarios(Path(name)) as known:
        for number, scenario in enumerate(one for one in known if chosen.only in one.fault):
            log.info("%s, %s times", scenario.fault, scenario.times)
            try:
                found = play(scenario, Path(name) / f"{number}", chosen.seed)
            except AssertionError as failure:
                log.error("%s: %s", scenario.fault, failure)  # noqa: TRY400 - the sentence says it
                is_clean = False
                continue
            write_row(row(scenario, found, built), machine())
            is_clean &= not (found.missing or found.contradicting or found.counts_wrong)
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
