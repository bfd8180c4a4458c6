"""YAML files that people write, read with a bound; whatever is wrong with one is one line."""

from pathlib import Path
from typing import Any

import yaml

from detector.contract.errors import RobocallError


def read_yaml(path: Path, most_bytes: int, invalid: type[RobocallError], otherwise: str) -> Any:
    """Read a file. It blocks for the disk, and for as long as its text takes to read.

    Args:
        path: of the file.
        most_bytes: that it may have.
        invalid: what is raised.
        otherwise: what to do where there is no such file.

    Raises:
        RobocallError: `invalid`; the file cannot be opened, is too large, or is no YAML.
    """
    try:
        with path.open("rb") as file:
            text = file.read(most_bytes + 1)
    except OSError as error:
        raise invalid(f"{path}: {error.strerror}; {otherwise}") from error
    if len(text) > most_bytes:
        raise invalid(f"{path}: larger than {most_bytes:,} bytes")
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", look at line {mark.line + 1}"
        raise invalid(f"{path}: no YAML{where}") from error
