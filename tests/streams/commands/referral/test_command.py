"""A referral from an archive to its reader: whole, signed, and derived again by the same model and by another."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from detector.contract.errors import RobocallError
from streams.archive.files import ArchiveStore
from streams.commands.referral.command import referral
from streams.commands.replay import replay
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.referral.package import manifest_bytes, read, write
from tests.streams.archive.archive_case import encoded, put, setup

CALLS = 40
IMPOSSIBLE = "+11115550123"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls of two callers, one of them impossible, and what the shipped model decided in shadow."""
    folder = tmp_path_factory.mktemp("referral")
    store = ArchiveStore(str(folder / "archive"))
    events = [
        encoded(setup(n, calling_number="+12025550123" if n % 4 else IMPOSSIBLE, called_number=f"+1303555{n:04}"))
        for n in range(CALLS)
    ]
    (folder / "events.jsonl").write_bytes(b"\n".join(events) + b"\n")
    arguments = [str(folder / "events.jsonl"), "--decisions", str(folder / "decisions.jsonl"), "--mode", "shadow"]
    done = CliRunner().invoke(replay, arguments)
    assert done.exit_code == 0, done.output
    put(store, CALL_EVENTS, events)
    put(store, CALL_DECISIONS, (folder / "decisions.jsonl").read_bytes().splitlines())
    (folder / "calls.csv").write_text("call_id\n" + "".join(f"call-{n}\n" for n in range(0, CALLS, 2)))
    return folder


def run(archive: Path, *arguments: str) -> Result:
    environment = {"ROBOCALL_ARCHIVE_URL": str(archive / "archive"), "ROBOCALL_PARTITIONS": "1"}
    return CliRunner().invoke(referral, arguments, env=environment)


def made(archive: Path, out: Path, *more: str) -> Path:
    about = ("--campaign", "car warranty", "--why", "traceback 4711")
    done = run(archive, "make", str(archive / "calls.csv"), *about, *more, "--out", str(out))
    assert done.exit_code == 0, done.output
    return out


def test_every_decision_of_a_package_follows(archive: Path, tmp_path: Path) -> None:
    key = run(archive, "key", "--out", str(tmp_path / "key.pem"))
    (tmp_path / "path.json").write_text("{}")
    package = made(
        archive, tmp_path / "r.zip", "--key", str(tmp_path / "key.pem"), "--attach", str(tmp_path / "path.json")
    )

    done = run(archive, "verify", str(package), "--json")

    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["whole"], found["signed_by"]) == (True, key.stdout.strip())
    assert (found["calls"], found["decisions"], found["follow"]) == (CALLS // 2, CALLS // 2, CALLS // 2)
    assert found["versions_differ"] == []
    assert f"{CALLS // 2} of {CALLS // 2} decisions follow" in done.stderr


def test_decisions_that_do_not_follow_are_named(archive: Path, tmp_path: Path) -> None:
    """Under another policy, which says so too."""
    package = made(archive, tmp_path / "r.zip")
    policy = _other_policy(tmp_path / "policy.yaml")

    done = run(archive, "verify", str(package), "--policy", str(policy), "--json")

    assert isinstance(done.exception, RobocallError), done.output
    assert "do not follow" in str(done.exception)
    found = json.loads(done.stdout)
    assert found["follow"] < found["decisions"]
    assert any("another policy" in text for text in found["versions_differ"])
    assert "; derived label by rule" in found["differences"][0]


def test_decisions_that_rest_on_lists_are_counted_apart(archive: Path, tmp_path: Path) -> None:
    """A campaign is mostly blocked by what stands against its numbers: that is not to be read as forged."""
    rows = [json.loads(line) for line in (archive / "decisions.jsonl").read_bytes().splitlines()]
    for row in rows[:4]:
        row |= {"would_be": "block", "decided_by": "entity_block", "score": None}
    rows[4] |= {"score": 0.5, "decided_by": "model"}
    store = ArchiveStore(str(tmp_path / "archive"))
    put(store, CALL_EVENTS, (archive / "events.jsonl").read_bytes().splitlines())
    put(store, CALL_DECISIONS, [encoded(row) for row in rows])
    (tmp_path / "calls.csv").write_bytes((archive / "calls.csv").read_bytes())

    done = run(tmp_path, "verify", str(made(tmp_path, tmp_path / "r.zip")), "--json")

    found = json.loads(done.stdout)
    assert (found["follow"], found["rest_on_lists"], len(found["differences"])) == (CALLS // 2 - 3, 2, 3)
    said = "decisions do not follow; 2 may rest on a list or a standing decision of then"
    assert str(done.exception) == f"3 of {CALLS // 2} {said}"


def _other_policy(path: Path) -> Path:
    """A rule that labels everybody."""
    condition = "{feature: number_attempts_24h, at_least: 1}"
    path.write_text(
        f"rules:\n  - name: everybody\n    when: [{condition}]\n    action: label\n    category: automated_call\n"
    )
    return path


@pytest.mark.parametrize("signed", [True, False])
def test_who_signed_is_looked_at(archive: Path, tmp_path: Path, signed: bool) -> None:
    from streams.referral.signing import make_key, private_key, public_pem  # noqa: PLC0415 - of this test

    make_key(tmp_path / "key.pem")
    make_key(tmp_path / "other.pem")
    keys = {name: public_pem(private_key(tmp_path / f"{name}.pem").public_key()) for name in ("key", "other")}
    for name, pem in keys.items():
        (tmp_path / f"{name}.pub").write_bytes(pem)
    package = made(archive, tmp_path / "r.zip", *(("--key", str(tmp_path / "key.pem")) if signed else ()))

    right, wrong = (
        run(archive, "verify", str(package), "--no-derive", "--signer", str(tmp_path / f"{name}.pub"))
        for name in ("key", "other")
    )

    assert (right.exit_code == 0) is signed
    assert wrong.exit_code == 1
    assert ("another key signed it" in str(wrong.exception)) is signed


def test_ids_that_are_too_many_or_no_text_are_refused(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"\xff\xfe")

    done = run(archive, "make", str(tmp_path / "junk"), "--campaign", "c", "--why", "w", "--out", str(tmp_path / "r"))

    assert "no CSV in UTF-8" in str(done.exception)
    assert not (tmp_path / "r").exists()


def test_ids_come_as_a_spreadsheet_wrote_them_and_what_is_not_found_is_said(archive: Path, tmp_path: Path) -> None:
    """A caller chooses its call ids: with a quote in it, or like a formula, a call is in the package all the same."""
    store = ArchiveStore(str(tmp_path / "archive"))
    ids = ["=call-0", 'call-"1', "call-2"]
    put(store, CALL_EVENTS, [encoded(setup(n) | {"call_id": one}) for n, one in enumerate(ids)])
    lines = (archive / "decisions.jsonl").read_bytes().splitlines()
    put(store, CALL_DECISIONS, [encoded(json.loads(lines[n]) | {"call_id": one}) for n, one in enumerate(ids)])
    calls = tmp_path / "calls.csv"
    calls.write_text('day,call_id\n1,\'=call-0\n1,"call-""1"\n1,\x1bgone\n')
    arguments = ["make", str(calls), "--campaign", "c", "--why", "w", "--out", str(tmp_path / "r.zip")]

    done = CliRunner().invoke(referral, arguments, env={"ROBOCALL_ARCHIVE_URL": str(tmp_path / "archive")})

    assert done.exit_code == 0, done.output
    told = {json.loads(line)["call_id"] for line in read(tmp_path / "r.zip").files["decisions.jsonl"].splitlines()}
    assert told == {"=call-0", 'call-"1'}
    assert "1 of the calls are not in the archive" in done.stderr
    assert "\x1b" not in done.stderr


def test_a_span_of_years_is_not_replayed(archive: Path, tmp_path: Path) -> None:
    package = read(made(archive, tmp_path / "r.zip"))
    wide = msgspec.structs.replace(package.manifest, first_ms=0)
    with (tmp_path / "w.zip").open("wb") as file:
        write(file, manifest_bytes(wide), package.files, None)
    assert "more than 92 days" in str(run(archive, "verify", str(tmp_path / "w.zip")).exception)


def test_nothing_that_a_package_says_moves_the_cursor(archive: Path, tmp_path: Path) -> None:
    """Not its versions either, and square brackets are no markup."""
    package = read(made(archive, tmp_path / "r.zip"))
    versions = msgspec.structs.replace(package.manifest.versions, models={"\x1b[2J[/x]": 20})
    with (tmp_path / "w.zip").open("wb") as file:
        write(file, manifest_bytes(msgspec.structs.replace(package.manifest, versions=versions)), package.files, None)
    done = run(archive, "verify", str(tmp_path / "w.zip"))
    assert done.exit_code == 0, done.output
    assert "another model" in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("text", ["w" * 1_001, " ", "two\nlines", "\udcff"])
def test_what_no_reader_would_take_is_not_written(archive: Path, tmp_path: Path, text: str) -> None:
    """Why it is referred, and the campaign: a package is refused for them once it is at the authority."""
    for about in (("--campaign", "c", "--why", text), ("--campaign", text, "--why", "w")):
        done = run(archive, "make", str(archive / "calls.csv"), *about, "--out", str(tmp_path / "r.zip"))
        assert (done.exit_code, "has 1 to 1,000 characters" in done.stderr) == (2, True)
    assert not (tmp_path / "r.zip").exists()


def test_the_longest_text_is_read_again(archive: Path, tmp_path: Path) -> None:
    about = ("--campaign", "c" * 1_000, "--why", "w" * 1_000)
    done = run(archive, "make", str(archive / "calls.csv"), *about, "--out", str(tmp_path / "r.zip"))
    assert done.exit_code == 0, done.output
    assert read(tmp_path / "r.zip").manifest.why == "w" * 1_000


def test_a_package_is_not_written_over_what_goes_into_it(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "r.zip").write_text("traceback")
    both = ("--attach", str(tmp_path / "r.zip"), "--out", str(tmp_path / "r.zip"))
    done = run(archive, "make", str(archive / "calls.csv"), "--campaign", "c", "--why", "w", *both)
    assert done.exit_code == 2
    assert (tmp_path / "r.zip").read_text() == "traceback"


def test_an_attached_file_needs_a_name_that_readers_take(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "trace back.json").write_text("{}")
    arguments = ("--campaign", "c", "--why", "w", "--attach", str(tmp_path / "trace back.json"))
    done = run(archive, "make", str(archive / "calls.csv"), *arguments, "--out", str(tmp_path / "r.zip"))
    assert "rename it" in str(done.exception)
    assert not (tmp_path / "r.zip").exists()


@pytest.mark.parametrize("command", ["key", "make", "verify"])
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(referral, [command, "--help"])

    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 5
