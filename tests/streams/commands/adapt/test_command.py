"""`robocall adapt`, as it is typed, on an hour of generated traffic: adapted or kept, and what is in force then."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from detector.features.window_constants import HOUR_MS
from models.adapt import rounds
from models.adapt.found import FOUND
from models.budgets.measure import read_beside
from models.serve.artifact import SHIPPED, load, read_card
from models.serve.learning_curve import curve_in
from models.serve.signing import Signing
from models.serve.weighing import with_group_weight
from models.store.registry import Registry
from streams.archive.files import ArchiveStore
from streams.commands.adapt.command import SCARCE, adapt
from streams.commands.adapt.places import LOT, QUESTIONS
from streams.commands.budgets.command import budgets
from streams.commands.feedback import feedback
from streams.commands.replay import replay
from streams.kafka.topics import CALL_EVENTS, CALL_FEEDBACK
from tests.streams.archive.archive_case import DAY_MS, put
from tests.streams.commands.adapt.carrier_case import FAST, Files, answer, leave_open, make_carrier, said, unjudged

KEY = "a key of sixteen bytes or more"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """An hour of the first author's calls, one robocall in three to a trap, and a base that sees little."""
    return make_carrier(tmp_path_factory.mktemp("carrier"))


def run(files: Files, out: Path, *options: object, base: Path | None = None, feedback: Path | None = None) -> Result:
    given = [
        "--events", files.events, "--feedback", feedback or files.feedback, "--base", base or files.base,
        "--senders", files.senders, "--policy", files.policy, "--windows-h", 0, "--out", out, *options,
    ]  # fmt: skip
    return CliRunner().invoke(adapt, list(map(str, given)), catch_exceptions=False)


@pytest.fixture(scope="module")
def adapted(files: Files, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A run that adapts."""
    out = tmp_path_factory.mktemp("models") / "own"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rounds, "PARAMETERS", FAST)
        patched.setenv("ROBOCALL_SIGNING_KEY", "")
        return out, run(files, out, "--curve")


def test_a_better_model_is_written_as_an_artifact_with_its_measure(adapted: tuple[Path, Result], files: Files) -> None:
    """It serves, says on what it rests and how it was made, and a replay goes by its measure."""
    out, done = adapted

    assert done.exit_code == 0
    model = load(out, schema_id=FEATURE_SCHEMA_ID)
    assert done.stdout == f"adapted model {model.version} written to {out}\n"
    assert "labelled callers" in done.stderr
    assert "## Adapted" in read_card(out)
    command = model.manifest["provenance"]["command"]
    assert command.startswith(f"robocall adapt --events {files.events} --feedback {files.feedback} --base")
    assert str(out) not in command
    measure = read_beside(out, partitions=1)
    assert measure is not None
    assert measure.model_version == model.version
    assert measure.label is not None
    found = json.loads((out / FOUND).read_text())
    assert measure.begin_ms >= found["held_back"]["begin_ms"]
    contradicted = {source: sum(count.values()) for source, count in found["labels_contradicted"].items()}
    assert contradicted
    told = ", ".join(f"{source} {count:,}" for source, count in contradicted.items())
    assert f"what all other callers taught contradicts them: {told}" in " ".join(done.stderr.split())
    decisions = out.parent / "decisions.jsonl"
    replayed = CliRunner().invoke(
        replay,
        [str(files.events), "--model", str(out), "--mode", "enforce", "--policy", str(files.policy),
         "--decisions", str(decisions)],
        catch_exceptions=False,
    )  # fmt: skip
    assert replayed.exit_code == 0, replayed.stderr
    assert "labels from margin" in replayed.stderr


def test_a_curve_says_whether_more_labels_would_help(adapted: tuple[Path, Result]) -> None:
    """On the screen, and where the model goes."""
    out, done = adapted

    curve = curve_in(load(out, schema_id=FEATURE_SCHEMA_ID).manifest["metrics"])

    assert curve is not None
    assert curve.points[-1].share == 1.0
    assert "learning curve" in done.stderr
    assert "## Learning curve" in read_card(out)


def test_what_was_learnt_is_added_to_the_trees_of_the_base(adapted: tuple[Path, Result], files: Files) -> None:
    base = load(files.base, schema_id=FEATURE_SCHEMA_ID)

    made_of = load(adapted[0], schema_id=FEATURE_SCHEMA_ID).manifest["provenance"]

    assert (made_of["root"], made_of["root_trees"]) == (base.version, 10)


def test_the_last_hours_can_judge(files: Files, tmp_path: Path) -> None:
    """Forty minutes teach, twenty judge; an hour and more cannot, since nothing would teach."""
    done = run(files, tmp_path / "own", "--judge-h", 1 / 3)

    assert done.exit_code == 0
    found = json.loads((tmp_path / "own" / FOUND).read_text())
    assert found["learnt_from"]["end_ms"] < found["held_back"]["begin_ms"]
    assert found["held_back"]["end_ms"] - found["held_back"]["begin_ms"] < HOUR_MS / 3
    with pytest.raises(RobocallError, match="the last 1 hours are all of the calls"):
        run(files, tmp_path / "own", "--judge-h", 1)


def test_the_registry_takes_an_adapted_model(adapted: tuple[Path, Result], tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")

    model, is_new = registry.add(adapted[0], schema_id=FEATURE_SCHEMA_ID)

    assert is_new
    assert registry.load(model.version, schema_id=FEATURE_SCHEMA_ID).version == model.version


def test_without_enough_feedback_the_base_is_kept_and_measured(files: Files, tmp_path: Path) -> None:
    """Status 0 and one line by default, status 1 with --strict; the folder serves either way."""
    few = tmp_path / "few.jsonl"
    few.write_text("".join(files.feedback.read_text().splitlines(keepends=True)[:3]))

    done = run(files, tmp_path / "own", "--curve", feedback=few)
    strict = run(files, tmp_path / "other", "--strict", "--json", feedback=few)

    version = load(files.base, schema_id=FEATURE_SCHEMA_ID).version
    assert (done.exit_code, strict.exit_code) == (0, 1)
    assert done.stdout.startswith(f"kept the base model {version}: ")
    assert "no learning curve: nothing that was learnt is to run" in done.stderr
    assert "30 needed: add feedback" in done.stdout
    assert done.stdout.count("\n") == 1
    assert json.loads(strict.stdout)["gate"]["passed"] is False
    assert load(tmp_path / "own", schema_id=FEATURE_SCHEMA_ID).version == version
    measure = read_beside(tmp_path / "own", partitions=1)
    assert measure is not None
    assert measure.model_version == version


def test_where_too_little_was_said_unasked_answers_count(files: Files, tmp_path: Path) -> None:
    """Twenty questions are written; the same run with answers to them judges the same candidate."""
    said, out = tmp_path / "said.jsonl", tmp_path / "own"
    said.write_text(unjudged(files))

    before = run(files, out, feedback=said)
    rows = answer(out / QUESTIONS, files.labels)
    imported = ["import", out / QUESTIONS, "--preset", "analyst", "--out", tmp_path / "answers.jsonl"]
    assert CliRunner().invoke(feedback, list(map(str, imported))).exit_code == 0
    run(files, tmp_path / "again", "--feedback", tmp_path / "answers.jsonl", feedback=said)

    assert before.stdout.startswith("kept the base model ")
    assert "or answer 20 questions about callers drawn by lot" in before.stdout
    assert f"`robocall settle {out}`" in " ".join(before.stderr.split())
    found = json.loads((tmp_path / "again" / FOUND).read_text())
    answers = found["candidates"]["adapted by labels alone"]["answers"]
    assert len(rows) == 20
    assert answers["answered"] == [10, 10]
    assert sum(answers["robocalls"]) == sum(row["verdict"] == "robocall" for row in rows)
    assert found["judged"] == "adapted by labels alone"


def test_answers_that_nobody_settled_are_not_written_over(files: Files, tmp_path: Path) -> None:
    """Before anything is learnt; with another table the same folder does."""
    out = leave_open(files, tmp_path / "own")
    answer(out / QUESTIONS, files.labels, most=1)

    done = run(files, out)

    assert done.exit_code == 2
    assert f"`robocall settle {out}` takes them" in " ".join(done.stderr.replace("│", " ").split())
    assert (out / LOT).exists()


def test_a_table_that_cannot_be_written_is_said_before_anything_is_learnt(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.commands.adapt.command.replay_of", lambda *_: pytest.fail("it learns"))

    with pytest.raises(FileNotFoundError):
        run(files, tmp_path / "own", "--questions", tmp_path / "nowhere" / "questions.csv")


def test_without_senders_all_calls_count_as_lawful_in_the_measure(files: Files, tmp_path: Path) -> None:
    """So something is in force all the same; here of the base, which is kept."""
    (tmp_path / "none.jsonl").write_text(said({"call_id": "nobody"}))
    options = [
        "--events",
        files.events,
        "--feedback",
        tmp_path / "none.jsonl",
        "--policy",
        files.policy,
        "--windows-h",
        0,
        "--out",
        tmp_path / "own",
    ]

    done = CliRunner().invoke(adapt, list(map(str, options)), catch_exceptions=False)

    assert done.exit_code == 0
    assert f"budgets: {SCARCE}" in " ".join(done.stderr.split())
    measure = read_beside(tmp_path / "own", partitions=1)
    assert measure is not None
    assert measure.everybody is not None
    assert measure.everybody.calls == measure.scored
    assert measure.measured().label is not None
    assert (
        load(tmp_path / "own", schema_id=FEATURE_SCHEMA_ID).version
        == load(SHIPPED, schema_id=FEATURE_SCHEMA_ID).version
    )
    assert "1 verdict, 0 of them about these calls" in done.stderr


def test_a_key_signs_what_is_kept(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped model needs no signature, its copy does."""
    (tmp_path / "none.jsonl").write_text(said({"call_id": "nobody"}))
    monkeypatch.setenv("ROBOCALL_SIGNING_KEY", KEY)

    run(files, tmp_path / "own", base=SHIPPED, feedback=tmp_path / "none.jsonl")

    assert load(tmp_path / "own", schema_id=FEATURE_SCHEMA_ID, signing=Signing(KEY.encode()))


def test_records_that_cannot_be_used_are_counted_with_the_first(files: Files, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text(said({"call_id": "nobody"}) + '{"verdict": "maybe"}\n\n')

    done = run(files, tmp_path / "own", feedback=mixed)

    assert "1 record of feedback cannot be used, the first:" in done.stderr
    assert "line 2" in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("feedback", b"no record\n", "is a record of feedback"),
        ("feedback", b"", "is a record of feedback"),
        ("senders", b"nobody\n", "names no number"),
        ("events", b"", "there are no call events"),
        ("base", b"", "is no model"),
    ],
)
def test_what_cannot_be_used_is_one_line(name: str, content: bytes, message: str, files: Files, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    if name == "base":
        shutil.copytree(files.base, wrong)
        (wrong / "trees.npz").unlink()
        message = "trees.npz"
    else:
        wrong.write_bytes(content)
    options = {"events": files.events, "feedback": files.feedback, "base": files.base, "senders": files.senders}
    options[name] = wrong
    given = [text for option, path in options.items() for text in (f"--{option}", str(path))]

    with pytest.raises(RobocallError, match=message) as refusal:
        CliRunner().invoke(adapt, [*given, "--windows-h", "0", "--out", str(tmp_path / "own")], catch_exceptions=False)
    assert "\n" not in str(refusal.value)


def test_the_base_is_never_written_over(files: Files) -> None:
    before = {path.name: path.read_bytes() for path in files.base.iterdir()}

    done = run(files, files.base)

    assert done.exit_code == 2
    assert "--out is the base model itself" in done.stderr
    assert {path.name: path.read_bytes() for path in files.base.iterdir()} == before


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_measure_of_a_kept_base_is_that_of_the_command_for_it(weight: float, files: Files, tmp_path: Path) -> None:
    """With a group weight or without: the calls are scored as a replay of the base scores them."""
    few, base = tmp_path / "few.jsonl", files.base
    few.write_text("".join(files.feedback.read_text().splitlines(keepends=True)[:3]))
    if weight:
        base = tmp_path / "grouped"
        with_group_weight(files.base, base, weight, schema_id=FEATURE_SCHEMA_ID)

    done = run(files, tmp_path / "own", base=base, feedback=few)
    options = ["measure", "--events", files.events, "--model", base, "--senders", files.senders]
    measured = CliRunner().invoke(
        budgets, list(map(str, [*options, "--policy", files.policy, "--partitions", 1])), catch_exceptions=False
    )

    assert done.stdout.startswith("kept the base model")
    assert measured.exit_code == 0, measured.stderr
    ours, theirs = read_beside(tmp_path / "own", partitions=1), read_beside(base, partitions=1)
    assert ours is not None
    assert theirs is not None
    assert (ours.model_version, ours.label, ours.block) == (theirs.model_version, theirs.label, theirs.block)
    assert ours.label is not None
    (base / "measure-1.json").unlink()


def test_the_archive_gives_the_same_model_as_the_files_of_it(
    adapted: tuple[Path, Result], files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its feedback is taken by itself, and again from a file it counts once; what was said later than now does not."""
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    store = ArchiveStore(str(tmp_path / "archive"))
    put(store, CALL_EVENTS, files.events.read_bytes().splitlines(), at_ms=DAY_MS)
    past = files.feedback.read_text().replace("1800000000000", "1700000000000")
    later = said({"call_id": "nobody"})
    put(store, CALL_FEEDBACK, [*past.encode().splitlines(), later.encode()], at_ms=2 * DAY_MS)
    (tmp_path / "again.jsonl").write_text(past)
    options = ["--archive", "--from", "1970-01-02", "--to", "1970-01-03T00:00:00", "--partitions", 1, "--windows-h", 0]
    options += ["--feedback", tmp_path / "again.jsonl", "--senders", files.senders, "--policy", files.policy]
    options += ["--base", files.base, "--out", tmp_path / "own"]

    done = CliRunner().invoke(adapt, list(map(str, options)), catch_exceptions=False)

    assert done.exit_code == 0, done.stderr
    count = len(past.splitlines())
    assert f"{count:,} verdicts, {count:,} of them about these calls" in done.stderr
    ours, theirs = (json.loads((one / FOUND).read_text()) for one in (tmp_path / "own", adapted[0]))
    assert ours == theirs
