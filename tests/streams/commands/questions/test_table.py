"""A table of questions, filled in, comes back as the same records."""

import csv
from pathlib import Path

from click.testing import CliRunner

from detector.contract.events import Verdict
from streams.commands.feedback import feedback
from streams.commands.questions.asked import Asked
from streams.commands.questions.table import COLUMNS, write_table
from tests.streams.commands.ask.test_answering import FIRST, SECOND, records


def test_a_table_that_is_filled_in_gives_the_same_records(tmp_path: Path) -> None:
    """By `robocall feedback import`; what was left open is said, and formulas are none."""
    odd = Asked("=1+1", "1 call", "why", (), "", (), ("=f", "has blank", "e"))
    with (tmp_path / "questions.csv").open("wb") as out:
        write_table([FIRST, SECOND, odd, SECOND], out)
    rows = list(csv.DictReader((tmp_path / "questions.csv").open(newline="")))
    assert [row["campaign"] for row in rows] == [FIRST.what, SECOND.what, "'=1+1", SECOND.what]
    for row, verdict in zip(rows, ("robocall", "", "lawful", "unsure"), strict=True):
        row["verdict"] = verdict
    with (tmp_path / "filled.csv").open("w", newline="") as text:
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)

    done = CliRunner().invoke(
        feedback,
        ["import", str(tmp_path / "filled.csv"), "--preset", "analyst", "--out", str(tmp_path / "answers.jsonl")],
        catch_exceptions=False,
    )

    assert done.exit_code == 0, done.output
    assert "5 records written, 2 rows left open, 0 rows refused" in done.stderr
    wanted = [(one, Verdict.ROBOCALL) for one in "abc"] + [("=f", Verdict.LEGITIMATE), ("e", Verdict.LEGITIMATE)]
    assert records(tmp_path / "answers.jsonl") == wanted
