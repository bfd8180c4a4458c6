"""Files that a command line names: none is written that is also read, and none twice."""

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import click

from streams.files import STANDARD_STREAM


def require_distinct(inputs: Mapping[str, str | Path | None], outputs: Mapping[str, str | Path | None]) -> None:
    """Refuse a command line that would write a file which it also reads, or write one file twice.

    Args:
        inputs: files to read by the name of their option; None for one that was not given.
        outputs: files to write, likewise.

    Raises:
        click.UsageError: two options name the same file, by whatever path.
    """
    named = [(option, Path(name)) for option, name in [*outputs.items(), *inputs.items()] if name is not None]
    files = [(option, path) for option, path in named if _is_file(path)]
    for (option, path), (other, other_path) in combinations(files, 2):
        if option in outputs and _same(path, other_path):
            raise click.UsageError(f"{other} and {option} name the same file, {path}: give each its own")


def _is_file(path: Path) -> bool:
    """Whether it is an ordinary file, or would become one: /dev/null may be written twice."""
    return str(path) != STANDARD_STREAM and (path.is_file() or not path.exists())


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)  # by a hard link too
    return one.resolve() == other.resolve()
