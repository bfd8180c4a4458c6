"""Commits of this repository, each checked out in a folder of its own, and how its `robocall` is started there."""

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Tree:
    """A work tree.

    Attributes:
        commit: what is checked out, abbreviated; empty for the tree of this file.
        folder: where.
    """

    commit: str
    folder: Path

    def command(self, *arguments: str) -> list[str]:
        """`robocall` of this tree with these arguments, in the Python of this process."""
        scripts = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]["scripts"]
        module, _, _ = scripts["robocall"].partition(":")
        return [sys.executable, "-m", module, *arguments]

    def environment(self) -> dict[str, str]:
        """That of this process, with the modules of this tree before all others. Start in `folder` as well."""
        return os.environ | {"PYTHONPATH": str(self.folder)}


HERE = Tree("", ROOT)


@contextmanager
def checked_out(commits: Sequence[str], kept: Path | None) -> Iterator[list[Tree]]:
    """Commits in work trees of their own.

    Args:
        commits: as git takes them.
        kept: the trees lie in this folder and stay there, with what their Python has compiled; None for temporary ones.

    Raises:
        SystemExit: there is no such commit.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="robocall-trees-") as made:
            yield [_tree(commit, kept or Path(made)) for commit in commits]
    finally:
        _git("worktree", "prune")


def commits_between(first: str, last: str) -> list[tuple[str, str]]:
    """Each commit of the branch from one to a later one, both included, oldest first: abbreviated, and its subject.

    Raises:
        SystemExit: there is no such commit, or the second does not follow from the first.
    """
    log = ("log", "--format=%h\t%s", "--reverse", "--first-parent")
    after = _git(*log, f"{first}..{last}")
    if _git("merge-base", first, last) != _git("rev-parse", f"{first}^{{commit}}"):
        raise SystemExit(f"{last} does not follow from {first}")
    lines = [_git(*log, "-1", first), *after.splitlines()]
    return [(commit, subject) for commit, _, subject in (line.partition("\t") for line in lines)]


def _tree(commit: str, parent: Path) -> Tree:
    name = _git("rev-parse", "--short", "--verify", f"{commit}^{{commit}}")
    folder = parent.resolve() / name
    if not folder.exists():
        _git("worktree", "add", "--quiet", "--detach", str(folder), name)
    return Tree(name, folder)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()
