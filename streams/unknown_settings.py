"""Variables that look like settings and that nobody reads: mostly misspelt."""

import difflib
import os
from collections.abc import Mapping

from streams.settings import PREFIX, Settings

_NAMES = ("ARCHIVE", "BRIDGE", "CAMPAIGNS", "CASES", "CONSOLE", "TRACEBACK", "TRACES", "TRUST", "UPSTREAMS", "VERIFY")
PARTS = tuple(f"{PREFIX}{name}_" for name in _NAMES)
"""Prefixes of variables that other classes read and check (`streams.environment.PartSettings`)."""


def unknown_keys(environ: Mapping[str, str] | None = None) -> list[str]:
    """Say for each `ROBOCALL_` variable that no setting reads what was probably meant; empty when there is none."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    given = sorted(os.environ if environ is None else environ)
    ours = (key for key in given if key.upper().startswith(PREFIX) and not key.upper().startswith(PARTS))
    return [_suggestion(key, known) for key in ours if key.upper() not in known]


def _suggestion(key: str, known: list[str]) -> str:
    # Without the prefix, which would make all of them look alike.
    bare = [name.removeprefix(PREFIX) for name in known]
    close = difflib.get_close_matches(key.upper().removeprefix(PREFIX), bare, n=1)
    return f"{key} is not a setting" + (f": did you mean {PREFIX}{close[0]}?" if close else " and is ignored")
