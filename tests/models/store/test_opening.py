"""Which storage a URL names, and what is said where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import StorageError
from tests.models.store.storages import opened


def test_a_folder_may_be_named_by_path_or_url(tmp_path: Path) -> None:
    opened(f"file://{tmp_path}/a b").write("one", b"x")

    assert opened(str(tmp_path / "a b")).folder == tmp_path / "a b"
    assert opened(tmp_path / "a b").exists("one")


def test_a_relative_path_begins_where_the_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert opened("place").folder == tmp_path / "place"


def test_nothing_is_made_before_something_is_put(tmp_path: Path) -> None:
    assert opened(tmp_path / "place").files() == []
    assert not (tmp_path / "place").exists()


def test_an_unknown_kind_of_url_is_told() -> None:
    with pytest.raises(StorageError, match=r"^cannot use the things at wrong://somewhere \(Protocol.*ROBOCALL_THINGS"):
        opened("wrong://somewhere")


def test_credentials_in_a_url_are_not_shown(tmp_path: Path) -> None:
    """Neither by what was opened nor by its errors."""
    assert opened(f"memory://user:secret@{tmp_path.name}/place").url == f"memory://***@{tmp_path.name}/place"
    with pytest.raises(StorageError) as caught:
        opened("wrong://user:secret@somewhere?sig=secret")
    assert "secret" not in str(caught.value)


def test_a_missing_library_is_told() -> None:
    """In a process of its own, to which Python says what it says when a package is not installed."""
    program = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from models.errors import StorageError\n"
        "from tests.models.store.storages import opened\n"
        "try: opened('s3://things')\n"
        "except StorageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout == (
        "the things at s3:// need a library that is not installed: pip install '.[s3]' in the checkout\n"
    )
