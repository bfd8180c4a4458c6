"""`robocall settle`, as it is typed, on what `robocall adapt` left open: taken, kept, or asked further."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from models.adapt.found import FOUND
from models.budgets.measure import read_beside
from models.serve.artifact import load
from models.serve.manifest import MANIFEST
from streams.archive.files import ArchiveStore
from streams.commands.adapt.lots import CANDIDATE, Lot, forget_lot, read_lot, write_lot
from streams.commands.adapt.places import LOT, LOT_FILE, QUESTIONS
from streams.commands.main import robocall
from streams.kafka.topics import CALL_FEEDBACK
from tests.streams.archive.archive_case import DAY_MS, put
from tests.streams.commands.adapt.carrier_case import Files, answer, fill_in, leave_open, rows_of, said, unjudged
from tests.typed import typed


@pytest.fixture(scope="module")
def left_open(carrier: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an adaptation wrote that asks for answers."""
    return leave_open(carrier, tmp_path_factory.mktemp("open") / "own")


@pytest.fixture
def own(left_open: Path, tmp_path: Path) -> Path:
    return shutil.copytree(left_open, tmp_path / "own")


def settle(own: Path, *options: object) -> Result:
    return CliRunner().invoke(robocall, list(map(str, ["settle", own, *options])), catch_exceptions=False)


def told(own: Path, *, candidate: str, base: str, most: int = 20, delimiter: str = ",") -> None:
    """Fill in the first questions, by whose alert they are about."""
    callers = read_lot(own).callers
    answers = {" ".join(one.asked.call_ids): candidate if one.turn.is_of_candidate else base for one in callers}
    fill_in(own / QUESTIONS, answers.__getitem__, most, delimiter)


def test_answers_come_to_what_a_run_with_them_comes_to(own: Path, carrier: Files, tmp_path: Path) -> None:
    """By the truth, as an analyst would answer: the verdict on the candidate is that of `adapt` itself."""
    answer(own / QUESTIONS, carrier.labels)
    imported = ["feedback", "import", own / QUESTIONS, "--preset", "analyst", "--out", tmp_path / "answers.jsonl"]
    assert typed(*imported).exit_code == 0
    leave_open(carrier, tmp_path / "again", tmp_path / "answers.jsonl")

    done = settle(own)

    assert done.exit_code == 0, done.stderr
    ours, theirs = (json.loads((one / FOUND).read_text()) for one in (own, tmp_path / "again"))
    assert ours["candidates"]["adapted by labels alone"] == theirs["candidates"]["adapted by labels alone"]
    assert ours["candidates"]["adapted by labels alone"]["answers"]["answered"] == [10, 10]


def test_a_candidate_that_is_shown_to_be_better_takes_the_place_of_the_base(own: Path) -> None:
    """With its measure; nothing of the lot is left."""
    lot = read_lot(own)
    told(own, candidate="robocall", base="lawful")

    done = settle(own)

    assert done.stdout == f"adapted model {lot.candidate} is better than {lot.base}: written to {own}\n"
    assert load(own, schema_id=FEATURE_SCHEMA_ID).version == lot.candidate
    measure = read_beside(own, partitions=1)
    assert measure is not None
    assert measure.model_version == lot.candidate
    found = json.loads((own / FOUND).read_text())
    assert (found["version"], found["chosen"]) == (lot.candidate, lot.choice.value)
    assert found["gate"]["passed"] is True
    assert found["gate"]["answers"]["robocalls"] == [0, 10]
    assert not (own / LOT).exists()
    assert not (own / QUESTIONS).exists()


def test_a_misspelt_verdict_is_named_and_the_table_stays_as_it_is(own: Path) -> None:
    """Written anew, the table would have lost what somebody typed."""
    told(own, candidate="robcall", base="lawful")
    typed = (own / QUESTIONS).read_bytes()

    with pytest.raises(RobocallError, match=r"10 verdicts .* are not understood \(question \d+ 'robcall', "):
        settle(own)

    assert (own / QUESTIONS).read_bytes() == typed
    assert read_lot(own).answered == 0


def test_a_candidate_that_is_shown_to_be_worse_is_dropped(own: Path) -> None:
    lot = read_lot(own)
    told(own, candidate="lawful", base="robocall")

    done = settle(own, "--json")

    found = json.loads(done.stdout)
    assert (found["version"], found["base"], found["chosen"]) == (lot.base, lot.base, "base")
    assert (found["answers"], found["missing"]) == (20, 0)
    assert "an analyst's answers show that it is worse" in found["gate"]["reason"]
    assert load(own, schema_id=FEATURE_SCHEMA_ID).version == lot.base
    assert not (own / LOT).exists()


def test_answers_that_do_not_decide_are_kept_and_more_are_asked_for(own: Path) -> None:
    """As many robocalls of either model."""
    told(own, candidate="robocall", base="robocall")
    first = {row["call_ids"] for row in rows_of(own / QUESTIONS)}
    done = settle(own)

    assert "20 more answers would tell" in done.stderr
    assert done.stdout.startswith("kept the base model ")
    assert "so far they do not tell (robocalls where the model of labels alone raises an alert: 10 of 10" in done.stdout
    assert read_lot(own).answered == 20
    assert not first & {row["call_ids"] for row in rows_of(own / QUESTIONS)}


def test_whoever_cannot_tell_leaves_a_row_empty_and_somebody_else_is_asked_about(own: Path) -> None:
    """Nineteen answered: one other question, and not the same one for ever. Without an answer nothing is passed."""
    before = rows_of(own / QUESTIONS)
    unanswered = settle(own)
    assert rows_of(own / QUESTIONS) == before
    told(own, candidate="robocall", base="robocall", most=19)

    done = settle(own)

    (left,) = rows_of(own / QUESTIONS)
    assert "20 rows of" in unanswered.stderr
    assert "1 rows of" in done.stderr
    assert "1 more answers would tell" in done.stderr
    assert left["call_ids"] not in {row["call_ids"] for row in before}


def test_who_is_unsure_is_asked_about_somebody_else_at_once(own: Path) -> None:
    """Though nothing else was answered, and not about the same caller ever again."""
    before = [row["call_ids"] for row in rows_of(own / QUESTIONS)]
    fill_in(own / QUESTIONS, lambda _: "unsure", 1)

    done = settle(own)

    after = [row["call_ids"] for row in rows_of(own / QUESTIONS)]
    assert "1 callers of whom nobody could tell are left out\n" in done.stderr
    assert len(after) == len(before)
    assert before[0] not in after
    assert before[0] not in {" ".join(one.asked.call_ids) for one in read_lot(own).callers}


def test_a_lot_is_closed_where_nobody_else_is_left_to_ask_about(own: Path, tmp_path: Path) -> None:
    """All answered but six of the first, which are asked about once more, and then no more."""
    lot = read_lot(own)
    unknown = {row["call_ids"] for row in rows_of(own / QUESTIONS)[:6]}
    callers = [one for one in lot.callers if " ".join(one.asked.call_ids) not in unknown]
    about = [said({"call_id": call_id}, "analyst") for one in callers for call_id in one.asked.call_ids]
    (tmp_path / "answers.jsonl").write_text("".join(about))

    first = settle(own, "--feedback", tmp_path / "answers.jsonl")
    asked_again = {row["call_ids"] for row in rows_of(own / QUESTIONS)}
    second = settle(own)

    assert asked_again == unknown
    assert "nobody else is left, so who stays open is left out then" in first.stderr
    assert "6 callers of whom nobody could tell are left out, and nobody else is left to ask about" in second.stderr
    assert second.stdout.startswith(f"kept the base model {lot.base}: ")
    assert not (own / LOT).exists()
    assert not (own / QUESTIONS).exists()


def test_the_latest_answer_about_a_call_counts_and_the_row_of_a_caller_stays_answered(own: Path) -> None:
    """The analyst says lawful of all calls of one caller; an older record about one of them changes nothing, ever."""
    caller = next(one for one in read_lot(own).callers if len(one.asked.call_ids) > 2)
    answers, older = own.parent / "answers.jsonl", own.parent / "older.jsonl"
    about = [said({"call_id": one}, "analyst") for one in caller.asked.call_ids]
    answers.write_text("".join(about).replace('"robocall"', '"legitimate"'))
    older.write_text(about[0].replace("1800000000000", "1700000000000"))

    settle(own, "--feedback", answers, "--feedback", older)
    first = [one.answer for one in read_lot(own).callers if one.asked == caller.asked]
    settle(own, "--feedback", older)

    assert first == [False]
    assert [one.answer for one in read_lot(own).callers if one.asked == caller.asked] == [False]


def records_of(lot: Lot, source: str = "analyst") -> list[bytes]:
    """Records as the console publishes them, in favour of the candidate; of the base's callers those of its calls."""
    return [
        said({"call_id": call_id}, source)
        .replace("1800000000000", "1700000000000")
        .replace('"robocall"', '"robocall"' if one.turn.is_of_candidate else '"legitimate"')
        .strip()
        .encode()
        for one in lot.callers[:20]
        for call_id in one.asked.call_ids
    ]


def test_answers_of_files_and_of_the_archive_count(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of whoever looked: complaints about the same calls do not. The table may be gone."""
    lot, asked = read_lot(own), shutil.copytree(own, tmp_path / "asked")
    (asked / QUESTIONS).unlink()
    (tmp_path / "complaints.jsonl").write_bytes(b"\n".join(records_of(lot, "subscriber_report")) + b"\n")
    (tmp_path / "answers.jsonl").write_bytes(b"\n".join(records_of(lot)) + b"\n")
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    put(ArchiveStore(str(tmp_path / "archive")), CALL_FEEDBACK, records_of(lot), at_ms=2 * DAY_MS)

    complained = json.loads(settle(own, "--feedback", tmp_path / "complaints.jsonl", "--json").stdout)
    by_files = json.loads(settle(own, "--feedback", tmp_path / "answers.jsonl", "--json").stdout)
    by_archive = json.loads(settle(asked, "--archive", "--json").stdout)

    assert (complained["answers"], complained["missing"]) == (0, 20)
    assert by_files["version"] == by_archive["version"] == lot.candidate


@pytest.mark.parametrize("at", ["_take_candidate", "note_verdict", "forget_lot"])
def test_what_was_broken_off_is_done_by_the_next_run(own: Path, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power went at any step, the table with the answers is gone, and the folder has no manifest."""
    lot = read_lot(own)
    told(own, candidate="robocall", base="lawful")

    class PowerGone(BaseException):
        pass

    def go(*_: object) -> None:
        raise PowerGone

    with monkeypatch.context() as patched:
        patched.setattr(f"streams.commands.adapt.lots.{at}", go)
        with pytest.raises(PowerGone):
            settle(own)
    for path in (own / QUESTIONS, own / MANIFEST):
        path.unlink()

    settle(own)

    assert load(own, schema_id=FEATURE_SCHEMA_ID).version == lot.candidate
    assert json.loads((own / FOUND).read_text())["chosen"] == "adapted by labels alone"
    assert not (own / LOT).exists()


def test_a_lot_that_is_gone_in_part_is_none(own: Path) -> None:
    """Killed while it was removed: what says that there is one goes first."""
    (own / LOT / LOT_FILE).unlink()

    with pytest.raises(RobocallError, match="has no open lot"):
        settle(own)
    forget_lot(own, own / QUESTIONS)
    assert not (own / LOT).exists()


@pytest.mark.parametrize("harm", ["flipped", "missing", "another"])
def test_a_candidate_that_cannot_serve_leaves_the_base_and_the_answers(own: Path, harm: str) -> None:
    lot, candidate = read_lot(own), own / LOT / CANDIDATE
    told(own, candidate="robocall", base="lawful")
    if harm == "flipped":
        trees = bytearray((candidate / "trees.npz").read_bytes())
        trees[len(trees) // 2] ^= 1
        (candidate / "trees.npz").write_bytes(trees)
    else:
        shutil.rmtree(candidate)
    if harm == "another":
        shutil.copytree(own, candidate, ignore=lambda *_: [LOT])

    with pytest.raises(RobocallError, match="run `robocall adapt` again") as refusal:
        settle(own)

    assert "\n" not in str(refusal.value)
    assert load(own, schema_id=FEATURE_SCHEMA_ID).version == lot.base
    assert read_lot(own).answered == 20


def test_a_damaged_finding_is_one_line(own: Path) -> None:
    (own / FOUND).write_text("{")

    with pytest.raises(RobocallError, match=r"adapting\.json of .* is damaged"):
        settle(own)


def test_a_spreadsheet_may_save_the_table_with_semicolons(own: Path) -> None:
    told(own, candidate="robocall", base="lawful", delimiter=";")

    assert "is better than" in settle(own).stdout


def test_the_table_may_lie_elsewhere(own: Path, tmp_path: Path) -> None:
    """Where somebody may write who may not write models."""
    write_lot(read_lot(own), own, tmp_path / "asked.csv")
    (own / QUESTIONS).unlink()

    done = settle(own, "--questions", tmp_path / "asked.csv")

    assert f"fill in {tmp_path / 'asked.csv'}" in done.stderr
    assert not (own / QUESTIONS).exists()


def test_the_lot_is_for_its_owner_alone(own: Path) -> None:
    """It names callers and whom they called."""
    assert (own / LOT / LOT_FILE).stat().st_mode & 0o077 == 0


def test_a_new_adaptation_forgets_the_lot(own: Path, carrier: Files) -> None:
    """Here one that needs no answers: what was said of the calls that judge suffices."""
    assert unjudged(carrier) != carrier.feedback.read_text()

    leave_open(carrier, own, said_in=carrier.feedback)

    assert not (own / LOT).exists()
    assert not (own / QUESTIONS).exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "has no open lot: all is settled, or nothing was asked"),
        ("{", "cannot be used"),
        ('{"base": 1}', "cannot be used"),
    ],
)
def test_without_a_lot_it_says_so_in_one_line(own: Path, content: str | None, message: str) -> None:
    if content is None:
        shutil.rmtree(own / LOT)
    else:
        (own / LOT / LOT_FILE).write_text(content)

    with pytest.raises(RobocallError, match=message) as refusal:
        settle(own)
    assert "\n" not in str(refusal.value)
