"""Files of commands: none is read and written at once, by whatever name; and a folder that nobody else can read."""

import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from models.errors import StorageError
from streams.files import changing, open_input, open_output, private_folder, write_whole


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
