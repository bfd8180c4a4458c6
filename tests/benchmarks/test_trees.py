"""Commits are walked in order, each once, and only forwards."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.harness import trees


@pytest.fixture
def subjects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A repository with four commits, tagged by their subjects, oldest first."""
    monkeypatch.setattr(trees, "ROOT", tmp_path)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "--quiet"], cwd=tmp_path, check=True)
    for subject in (found := ["one", "two", "three", "four"]):
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", subject], cwd=tmp_path, check=True)
        subprocess.run([*git, "tag", subject], cwd=tmp_path, check=True)
    return found


def test_both_ends_are_walked_and_what_lies_between(subjects: list[str]) -> None:
    """A commit with itself is a walk of one."""
    assert [subject for _, subject in trees.commits_between("two", "four")] == subjects[1:]
    assert [subject for _, subject in trees.commits_between("two", "two")] == ["two"]


@pytest.mark.usefixtures("subjects")
def test_a_walk_backwards_is_refused() -> None:
    """It would be empty, and look as if nothing had changed."""
    with pytest.raises(SystemExit, match="two does not follow from four"):
        trees.commits_between("four", "two")
