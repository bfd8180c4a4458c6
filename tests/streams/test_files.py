"""Files of commands: none is read and written at once, by whatever name; and a folder that nobody else can read."""

import os
import stat
from contextlib import ExitStack
from pathlib import Path

import click
import pytest

from models.errors import StorageError
from streams.files import changing, open_input, open_output, private_folder, require_distinct, write_whole


@pytest.mark.parametrize("name", ["plain", "packed.gz", "packed.zst"])
def test_what_is_written_is_read_again(name: str, tmp_path: Path) -> None:
    """Packed as its name says: not the same bytes on the disk."""
    content = b"a line\n" * 1_000
    path = tmp_path / name
    with ExitStack() as stack:
        open_output(str(path), stack).write(content)
    with ExitStack() as stack:
        assert open_input(str(path), stack).read() == content
    assert (path.stat().st_size < len(content)) is (name != "plain")


def test_a_file_that_is_read_is_not_written(tmp_path: Path) -> None:
    """By another path to it, and by a hard link to it."""
    events = tmp_path / "events"
    events.write_text("event")
    (tmp_path / "link").hardlink_to(events)
    (tmp_path / "folder").mkdir()
    for other in (events, tmp_path / "folder" / ".." / "events", tmp_path / "link"):
        with pytest.raises(click.UsageError, match="EVENTS and --out name the same file"):
            require_distinct({"EVENTS": events}, {"--out": other})


def test_two_results_are_not_written_to_one_file_that_is_not_there_yet(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="name the same file"):
        require_distinct({}, {"--out": tmp_path / "new", "--labels": f"{tmp_path}/./new"})


def test_files_that_differ_streams_and_what_was_not_given_pass(tmp_path: Path) -> None:
    """/dev/null may be written twice, and `-` is no file."""
    (tmp_path / "events").write_text("event")
    require_distinct(
        {"EVENTS": tmp_path / "events", "LABELS": None, "MORE": "-"},
        {"--out": tmp_path / "out", "--a": "/dev/null", "--b": "/dev/null", "--c": "-"},
    )


def test_a_private_folder_is_new_each_time_and_for_its_user_alone() -> None:
    one, other = private_folder(), private_folder()
    assert one != other
    assert stat.S_IMODE(one.stat().st_mode) == stat.S_IRWXU


def test_a_file_is_replaced_in_one_step_and_stays_what_it_was(tmp_path: Path) -> None:
    """A link, and one of its owner alone; what cannot be written is left as it is."""
    path, link = tmp_path / "policy.yaml", tmp_path / "link.yaml"
    path.write_text("old")
    path.chmod(0o600)
    link.symlink_to(path)

    write_whole(link, b"new", holds="the policy", setting="ROBOCALL_POLICY_FILE")

    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode), link.is_symlink()) == ("new", 0o600, True)
    assert {one.name for one in tmp_path.iterdir()} == {"policy.yaml", "link.yaml"}
    with pytest.raises(StorageError, match="ROBOCALL_POLICY_FILE"):
        write_whole(path / "inside", b"new", holds="the policy", setting="ROBOCALL_POLICY_FILE")
    assert path.read_text() == "new"


def test_the_lock_of_a_file_is_for_other_users_too(tmp_path: Path) -> None:
    """Whatever the mask of who took it first: a console and a watch run as two."""
    before = os.umask(0o077)
    try:
        with changing(tmp_path / "questions.csv"):
            (lock,) = tmp_path.iterdir()
            assert stat.S_IMODE(lock.stat().st_mode) == 0o666
    finally:
        os.umask(before)
