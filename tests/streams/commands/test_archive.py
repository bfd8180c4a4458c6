"""The commands that keep the archive tidy, as an operator runs them once a day."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.archive.files import ArchiveStore
from streams.commands.archive import archive
from streams.kafka.topics import CALL_EVENTS
from tests.streams.archive.archive_case import encoded, files_in, put, rows, setup


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    """Three small files of May 2026, long past."""
    made = ArchiveStore(str(tmp_path / "archive"))
    for n in range(3):
        put(made, CALL_EVENTS, [encoded(setup(n))], first=n)
    return made


def run(store: ArchiveStore, *arguments: str, **environment: str) -> Result:
    done = CliRunner().invoke(archive, arguments, env={"ROBOCALL_ARCHIVE_URL": store.url} | environment)
    assert done.exit_code == 0, done.output
    return done


def test_compact_says_what_it_merged_and_is_done_the_second_time(store: ArchiveStore) -> None:
    assert "3 files merged to 1; 0 deleted" in run(store, "compact").stderr
    assert "0 files merged to 0; 0 deleted" in run(store, "compact").stderr
    assert [row["call_id"] for row in rows(store, CALL_EVENTS)] == ["call-0", "call-1", "call-2"]


def test_prune_deletes_what_its_dry_run_lists(store: ArchiveStore, tmp_path: Path) -> None:
    """The newest file stays, without rows: the sink goes on from its name."""
    policy = {"ROBOCALL_ARCHIVE_RETENTION": "call-events=1"}
    before = files_in(tmp_path)
    listed = run(store, "prune", "--dry-run", **policy)
    assert [f"archive/{line}" for line in listed.stdout.splitlines()] == before
    assert "3 files" in listed.stderr
    assert files_in(tmp_path) == before
    assert "3 files" in run(store, "prune", **policy).stderr
    assert files_in(tmp_path) == before[-1:]
    assert rows(store, CALL_EVENTS) == []


def test_other_topics_and_younger_days_stay(store: ArchiveStore) -> None:
    run(store, "prune", ROBOCALL_ARCHIVE_RETENTION="call-decisions=1,call-events=99999")
    assert len(rows(store, CALL_EVENTS)) == 3


@pytest.mark.parametrize("command", ["run", "query", "export", "compact", "prune"])
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(archive, [command, "--help"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 5
