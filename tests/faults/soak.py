"""The long form of the failure tests: `make soak`. Writes the table of docs/reliability.md from what it measured.

    python -m tests.faults.soak [--only WORDS] [--seed N]

Each row is written when its run has ended, with the commit that ran, so that an interrupted soak keeps what it has and
`--only` renews single rows. The exit status is 1 when anything was lost, contradicted or counted wrongly.
"""

import argparse
import contextlib
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from detector.windows import WindowEngine
from tests.faults.findings import Findings
from tests.faults.scenarios import Scenario, of_load, of_services, of_storage, of_three_brokers, of_workers, play
from tests.measured_table import MeasuredTable
from tests.processes import ROOT

TABLE = MeasuredTable(
    ROOT / "docs" / "reliability.md",
    "soak",
    "make soak",
    (
        "fault", "times injected", "events", "in flight", "decisions missing", "contradicting", "counts wrong",
        "repeated", "late or overload", "longest gap", "time to recover", "commit",
    ),
)  # fmt: skip

log = logging.getLogger("tests.faults.soak")


def row(scenario: Scenario, found: Findings, built: str) -> list[str]:
    """Cells of one line of the table."""
    return [
        scenario.fault, f"{found.injected}", f"{found.events:,}", f"{found.in_flight}", f"{found.missing}",
        f"{found.contradicting}", f"{found.counts_wrong}", f"{found.repeated:,}", f"{found.late:,}",
        f"{found.longest_gap_s:.1f} s", f"{found.recovery_s:.1f} s", built,
    ]  # fmt: skip


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
    is_clean, built = True, TABLE.commit()
    with tempfile.TemporaryDirectory(prefix="soak-") as name, scenarios(Path(name)) as known:
        for number, scenario in enumerate(one for one in known if chosen.only in one.fault):
            log.info("%s, %s times", scenario.fault, scenario.times)
            try:
                found = play(scenario, Path(name) / f"{number}", chosen.seed)
            except AssertionError as failure:
                log.error("%s: %s", scenario.fault, failure)  # noqa: TRY400 - the sentence says it
                is_clean = False
                continue
            TABLE.write(row(scenario, found, built))
            is_clean &= not (found.missing or found.contradicting or found.counts_wrong)
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
