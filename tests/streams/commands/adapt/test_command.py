"""`robocall adapt`, as it is typed, on an hour of generated traffic: adapted or kept, and what is in force then."""

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_NAMES, FEATURE_SCHEMA_ID
from models.adapt import rounds
from models.adapt.packaging import FOUND
from models.budgets.measure import read_beside
from models.data.label_files import read_labels
from models.learn.training import Parameters
from models.serve.artifact import SHIPPED, load, read_card
from models.serve.signing import Signing
from models.serve.weighing import with_group_weight
from models.store.registry import Registry
from streams.commands.adapt.command import SCARCE, adapt
from streams.commands.budgets.command import budgets
from streams.commands.replay import replay
from streams.commands.simulate import simulate
from tests.models.small_model import save_small_model

FAST = Parameters(n_trees=25, min_samples_leaf=20, learning_rate=0.2)
POLICY = "budgets: {label_per_million: 50000, block_per_million: 100, windows_h: 0}\n"
BUSY = FEATURE_NAMES.index("number_attempts_5m"), FEATURE_NAMES.index("number_attempts_1h")
KEY = "a key of sixteen bytes or more"


@dataclass(frozen=True, slots=True)
class Files:
    """What a carrier has."""

    events: Path
    feedback: Path
    senders: Path
    policy: Path
    base: Path


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """An hour of the first author's calls, one robocall in four to a trap, and a base that sees little."""
    folder = tmp_path_factory.mktemp("carrier")
    events, labels = folder / "events.jsonl", folder / "labels.csv"
    options = ["--hours", "1", "--rate", "6", "--seed", "5", "--out", str(events), "--labels", str(labels)]
    assert CliRunner().invoke(simulate, options, catch_exceptions=False).exit_code == 0
    truths = read_labels(labels)
    setups = [one for one in map(json.loads, events.read_text().splitlines()) if one["type"] == "call_setup"]
    robocalls = [one for one in setups if truths[one["call_id"]].is_robocall]
    (folder / "feedback.jsonl").write_text("".join(said(one) for one in robocalls[::4]))
    calls = Counter(one["calling_number"] for one in setups if not truths[one["call_id"]].is_robocall)
    known = [number for number, n in calls.items() if n > 1 and number.startswith("+1")][::2]
    (folder / "senders.txt").write_text("".join(f"{number}\n" for number in known))
    (folder / "policy.yaml").write_text(POLICY)
    base = save_small_model(folder / "base", columns=BUSY)
    return Files(events, folder / "feedback.jsonl", folder / "senders.txt", folder / "policy.yaml", base)


def said(event: dict[str, str], source: str = "honeypot") -> str:
    """A record of feedback on a call."""
    record = {"time_ms": 1_800_000_000_000, "verdict": "robocall", "source": source, "call_id": event["call_id"]}
    return json.dumps(record) + "\n"


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
        return out, run(files, out)


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
    decisions = out.parent / "decisions.jsonl"
    replayed = CliRunner().invoke(
        replay,
        [str(files.events), "--model", str(out), "--mode", "enforce", "--policy", str(files.policy),
         "--decisions", str(decisions)],
        catch_exceptions=False,
    )  # fmt: skip
    assert replayed.exit_code == 0, replayed.stderr
    assert "labels from margin" in replayed.stderr


def test_the_registry_takes_an_adapted_model(adapted: tuple[Path, Result], tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")

    model, is_new = registry.add(adapted[0], schema_id=FEATURE_SCHEMA_ID)

    assert is_new
    assert registry.load(model.version, schema_id=FEATURE_SCHEMA_ID).version == model.version


def test_without_enough_feedback_the_base_is_kept_and_measured(files: Files, tmp_path: Path) -> None:
    """Status 0 and one line by default, status 1 with --strict; the folder serves either way."""
    few = tmp_path / "few.jsonl"
    few.write_text("".join(files.feedback.read_text().splitlines(keepends=True)[:3]))

    done = run(files, tmp_path / "own", feedback=few)
    strict = run(files, tmp_path / "other", "--strict", "--json", feedback=few)

    version = load(files.base, schema_id=FEATURE_SCHEMA_ID).version
    assert (done.exit_code, strict.exit_code) == (0, 1)
    assert done.stdout.startswith(f"kept the base model {version}: ")
    assert "30 needed: add feedback" in done.stdout
    assert done.stdout.count("\n") == 1
    assert json.loads(strict.stdout)["gate"]["passed"] is False
    assert load(tmp_path / "own", schema_id=FEATURE_SCHEMA_ID).version == version
    measure = read_beside(tmp_path / "own", partitions=1)
    assert measure is not None
    assert measure.model_version == version


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
    assert "1 verdicts, 1 of them about none of these calls" in done.stderr


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

    assert "1 records of feedback cannot be used, the first:" in done.stderr
    assert "line 2" in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("feedback", b"no record\n", "is a record of feedback"),
        ("feedback", b"", "is a record of feedback"),
        ("senders", b"nobody\n", "names no number"),
        ("events", b"", "no call reached the model in windows of 0 h"),
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
