"""Callers drawn by lot, through a table as a person fills it in: answers let more be labelled, and none is lost."""

import csv
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.budgets.audit import BATCH
from models.budgets.measure import Threshold, read_beside
from streams.archive.files import ArchiveStore
from streams.commands.budgets.asking import KEPT, write_asked
from streams.commands.budgets.command import budgets
from streams.commands.feedback import feedback
from streams.commands.questions.asked import Asked
from streams.commands.questions.table import COLUMNS, QuestionsUnreadable, answered_rows, write_table
from streams.kafka.topics import CALL_EVENTS, CALL_FEEDBACK
from tests.streams.archive.archive_case import put
from tests.streams.commands.budgets import lawful_calls
from tests.streams.commands.budgets.test_command import POLICY, decisions, run

Row = dict[str, str]


@pytest.fixture
def measure(tmp_path: Path, model: Path) -> list[str]:
    """A measure without senders: of these calls a fiftieth may be hit where all count as lawful."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    events = lawful_calls.write(tmp_path / "calls.jsonl", suspects())
    options = ["--partitions", "2", "--policy", str(tmp_path / "policy.yaml"), "--questions", str(tmp_path / "q.csv")]
    return ["measure", "--events", str(events), "--model", str(model), *options]


def suspects(at_ms: int = lawful_calls.START_MS, day: str = "") -> list[tuple[int, str]]:
    """300 people call once each, and each of 80 callers up to nine times within a second."""
    events: list[tuple[int, str]] = []
    for index in range(300):
        called = lawful_calls.sender(index)
        events += lawful_calls.call(f"{day}p-{index}", at_ms + index * 10_000, lawful_calls.person(index), called)
    for index in range(80):
        number, begin_ms = f"+1312555{index:04d}", at_ms + index * 30_000
        for place in range(1 + index % 9):
            name = f"{day}s-{index}-{place}"
            events += lawful_calls.call(name, begin_ms + place * 90, number, lawful_calls.person(place + index))[:1]
    return events


def rows_of(table: Path) -> list[Row]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def fill_in(table: Path, rows: list[Row]) -> None:
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def answer(table: Path, verdict: str = "robocall", most: int = BATCH) -> None:
    """Answer the questions that are open, the first ones."""
    rows = rows_of(table)
    for row in [one for one in rows if not one["verdict"]][:most]:
        row["verdict"] = verdict
    fill_in(table, rows)


def label_of(model: Path) -> Threshold:
    found = read_beside(model, partitions=2)
    assert found is not None
    assert found.label is not None
    return found.label


def test_answers_let_more_be_labelled_and_everything_says_on_what_it_rests(
    tmp_path: Path, model: Path, measure: list[str]
) -> None:
    """From the first questions to a replay that goes by the answers."""
    table = tmp_path / "q.csv"
    first = run(*measure)
    before = label_of(model)
    rows = rows_of(table)

    assert before.is_of_all
    assert len(rows) == BATCH
    assert f"answers about {BATCH} callers drawn by lot may let more be hit: fill in {table}" in first.stderr
    assert {row["verdict"] for row in rows} == {""}
    assert rows[0]["campaign"].startswith("calling number +1")
    assert "drawn by lot" in rows[0]["asked_because"]
    assert not rows[0]["reasons"]
    assert " to +1202555" in rows[0]["examples"]
    for _ in range(3):
        answer(table)
        last = run(*measure, "--afresh")

    after = label_of(model)
    assert not after.is_of_all
    assert after.margin < before.margin
    assert isinstance(after.answers, int)
    assert after.answers > BATCH
    assert f"by answers about {after.answers} callers drawn by lot" in " ".join(last.stderr.split())
    assert len(answered_rows(table)) >= after.answers
    _, told = decisions(tmp_path, model, start_ms=lawful_calls.START_MS + 3_600_000)
    assert f"by answers about {after.answers} callers, drawn by lot from the highest of" in told


def test_a_threshold_that_the_step_limit_holds_back_is_said(tmp_path: Path, model: Path, measure: list[str]) -> None:
    """Measured again it goes on, with no further answer."""
    (tmp_path / "policy.yaml").write_text(POLICY.replace("budgets: {", "budgets: {most_step: 0.01, "))
    run(*measure, "--afresh")
    for _ in range(3):
        answer(tmp_path / "q.csv")
        done = run(*measure)
    label = label_of(model)

    assert f"labels could begin at margin {label.wanted_margin:.3f}, the budget allows it" in done.stderr
    run(*measure)
    assert label_of(model).margin == pytest.approx(label.margin - 0.01)


def test_answers_of_files_count_and_those_of_who_did_not_look_do_not(tmp_path: Path, measure: list[str]) -> None:
    """Of `feedback import`, as the console writes them to the archive too."""
    table, said = tmp_path / "q.csv", tmp_path / "said.jsonl"
    run(*measure)
    asked = [row["call_ids"] for row in rows_of(table)]
    answer(table)
    assert (
        CliRunner().invoke(feedback, ["import", str(table), "--preset", "analyst", "--out", str(said)]).exit_code == 0
    )
    table.unlink()

    run(*measure, "--feedback", str(said))

    assert not {row["call_ids"] for row in rows_of(table)} & set(asked)
    records = [json.loads(line) | {"source": "subscriber_report"} for line in said.read_text().splitlines()]
    said.write_text("".join(json.dumps(one) + "\n" for one in records))
    run(*measure, "--feedback", str(said))
    assert [row["call_ids"] for row in rows_of(table)] == asked


def test_answers_of_the_archive_count_where_it_can_be_read(
    tmp_path: Path, measure: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without DuckDB the measure is made all the same, as if nobody had answered, and says so."""
    table, said = tmp_path / "q.csv", tmp_path / "said.jsonl"
    store = ArchiveStore(str(tmp_path / "archive"))
    lines = (tmp_path / "calls.jsonl").read_bytes().splitlines()
    put(store, CALL_EVENTS, lines, at_ms=lawful_calls.START_MS)
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    place = measure.index("--events")
    measure[place : place + 2] = ["--archive", "--from", "2025-11-20", "--to", "2025-11-21"]
    run(*measure)
    asked = [row["call_ids"] for row in rows_of(table)]
    answer(table)
    CliRunner().invoke(feedback, ["import", str(table), "--preset", "analyst", "--out", str(said)])
    put(store, CALL_FEEDBACK, said.read_bytes().splitlines(), at_ms=lawful_calls.START_MS + 1)
    table.unlink()

    with monkeypatch.context() as changed:
        changed.setitem(sys.modules, "duckdb", None)
        done = run(*measure)
    assert "answers that the archive has are not taken: DuckDB is not installed" in done.stderr
    assert [row["call_ids"] for row in rows_of(table)] == asked
    run(*measure)
    assert not {row["call_ids"] for row in rows_of(table)} & set(asked)


def test_lawful_callers_among_the_highest_let_nothing_more_be_labelled(
    tmp_path: Path, model: Path, measure: list[str]
) -> None:
    table = tmp_path / "q.csv"
    run(*measure)
    before = label_of(model)
    for _ in range(3):
        answer(table, "lawful")
        done = run(*measure, "--afresh")

    assert label_of(model) == before
    assert "nobody is asked about any more; labels: reciprocal pairs or answers hold them where they are" in done.stderr


def test_a_table_half_filled_in_keeps_its_open_questions(tmp_path: Path, measure: list[str]) -> None:
    """A measure of the night changes nothing for who is at it: the rest is asked first, then further ones."""
    table = tmp_path / "q.csv"
    run(*measure)
    asked = [row["call_ids"] for row in rows_of(table)]
    answer(table, most=7)

    run(*measure)

    rows = rows_of(table)
    assert [row["verdict"] for row in rows] == ["robocall"] * 7 + [""] * BATCH
    assert [row["call_ids"] for row in rows[: len(asked)]] == asked
    assert [row["question"] for row in rows] == [str(number) for number in range(1, 8 + BATCH)]


def test_what_was_answered_meanwhile_is_not_asked_again_and_the_newest_answers_stay(tmp_path: Path) -> None:
    table = tmp_path / "q.csv"
    questions = [Asked(f"q {n}", "1 call", "why", (), "", (), (f"c-{n}",)) for n in range(KEPT + 3)]
    write_asked(questions, table)
    answer(table, most=KEPT + 1)

    assert write_asked(questions[KEPT:], table) == 2

    rows = rows_of(table)
    assert [row["campaign"] for row in rows] == [f"q {n}" for n in range(1, KEPT + 3)]
    assert [row["verdict"] for row in rows] == ["robocall"] * KEPT + ["", ""]


def test_without_a_table_it_says_how_to_get_one(measure: list[str]) -> None:
    place = measure.index("--questions")
    done = run(*measure[:place])

    assert "--questions FILE writes them" in done.stderr
    assert json.loads(run(*measure[:place], "--json").stdout)["asked"] == BATCH


def test_the_last_hours_can_be_measured_alone(model: Path, measure: list[str]) -> None:
    """A model that learnt from the hours before is measured on those that judged it."""
    first = run(*measure)
    every = read_beside(model, partitions=2)
    second = run(*measure, "--judge-h", "0.5", "--afresh")

    late = read_beside(model, partitions=2)

    assert "measure more days" in first.stderr
    assert "measure a later day, or adapt and measure with a larger --judge-h" in second.stderr
    assert "more days" not in second.stderr
    assert every is not None
    assert late is not None
    assert late.end_ms - late.begin_ms <= 1_800_000
    assert late.end_ms == every.end_ms
    assert 0 < late.scored < every.scored


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("calls.jsonl", "--events and --questions name the same file"),
        ("own/manifest.json", "is no table of questions"),
        ("policy.yaml", "is no table of questions"),
    ],
)
def test_nothing_else_is_written_over(name: str, message: str, tmp_path: Path, model: Path, measure: list[str]) -> None:
    before = (tmp_path / name).read_bytes()
    measure[measure.index("--questions") + 1] = str(tmp_path / name)

    done = run(*measure)

    assert done.exit_code == 2
    assert message in done.stderr
    assert (tmp_path / name).read_bytes() == before
    assert read_beside(model, partitions=2) is None


def test_a_table_that_cannot_be_written_is_said_before_the_replay(tmp_path: Path, measure: list[str]) -> None:
    measure[measure.index("--questions") + 1] = str(tmp_path / "none" / "q.csv")

    done = CliRunner().invoke(budgets, measure)

    assert isinstance(done.exception, OSError)
    assert "Replaying" not in done.stderr


def test_a_new_day_keeps_the_last_measure_until_it_is_answered_about(
    tmp_path: Path, model: Path, measure: list[str]
) -> None:
    """Unless answers speak against it: then it goes."""
    table = tmp_path / "q.csv"
    for _ in range(4):
        run(*measure, "--afresh")
        answer(table)
    run(*measure, "--afresh")
    before = label_of(model)
    assert before.answers
    lawful_calls.write(tmp_path / "calls.jsonl", suspects(lawful_calls.START_MS + 86_400_000, "next-"))

    done = run(*measure)

    assert "the last measure stays in force" in done.stderr
    assert label_of(model) == before
    for _ in range(3):
        answer(table, "lawful")
        done = run(*measure)
    assert "stays in force" not in done.stderr
    assert label_of(model) != before


@pytest.mark.parametrize("word", ["unsure", "lawful"])
def test_who_cannot_tell_says_so_and_is_not_asked_again(word: str, tmp_path: Path, measure: list[str]) -> None:
    """It counts as lawful, and is no label: `feedback import` refuses it. Another word is no answer."""
    table, said = tmp_path / "q.csv", tmp_path / "said.jsonl"
    run(*measure)
    asked = [row["call_ids"] for row in rows_of(table)]
    answer(table, word, most=3)
    kept = table.read_text()
    answer(table, "robocal", most=2)
    with pytest.raises(QuestionsUnreadable, match="question 4 'robocal'"):
        run(*measure)
    table.write_text(kept)

    run(*measure)

    rows = rows_of(table)
    assert [row["verdict"] for row in rows] == [word] * 3 + [""] * BATCH
    assert [row["call_ids"] for row in rows[3:5]] == asked[3:5]
    done = CliRunner().invoke(feedback, ["import", str(table), "--preset", "analyst", "--out", str(said)])
    assert done.exit_code == (word == "unsure")


def test_ids_that_begin_like_a_formula_are_asked_about(tmp_path: Path, model: Path, measure: list[str]) -> None:
    """Callers choose them. One that several callers show tells of none of them."""
    table = tmp_path / "q.csv"
    lawful_calls.write(tmp_path / "calls.jsonl", suspects(day="-"))
    for _ in range(4):
        run(*measure, "--afresh")
        assert {row["call_ids"][:2] for row in rows_of(table)} == {"'-"}
        answer(table)
    run(*measure, "--afresh")
    assert label_of(model).answers

    same = [(at, line.replace(line.split('"')[7], "same")) for at, line in suspects()]
    lawful_calls.write(tmp_path / "calls.jsonl", same)
    table.unlink()
    last = run(*measure, "--afresh")
    assert not rows_of(table)
    assert "nobody is asked about any more; who was drawn is answered about by now, or shows" in last.stderr


def test_questions_of_another_command_are_not_written_over(tmp_path: Path, measure: list[str]) -> None:
    with (tmp_path / "q.csv").open("wb") as out:
        write_table([Asked("a", "1 call", "another reason", (), "", (), ("c",))], out)

    done = run(*measure)

    assert done.exit_code == 2
    assert "has open questions of another command" in done.stderr
