"""What an adaptation found, `adapting.json` beside its artifact: on what the decision rests, whichever way it went.

Whoever only reads it, a watch for one, need not load what learns.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOUND = "adapting.json"
SHOWN_BY = "shown_by"
"""Field of a model that answers showed to be better after it was learnt."""


def write_found(found: Mapping[str, Any], folder: Path) -> None:
    """Write it in one step.

    Args:
        found: Plain values.
        folder: Of the artifact.

    Raises:
        OSError: the folder cannot be written.
    """
    unfinished = (folder / FOUND).with_suffix(".new")
    unfinished.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    unfinished.replace(folder / FOUND)


def note_verdict(folder: Path, chosen: str, judged: str, verdict: Mapping[str, Any]) -> None:
    """Say what answers that came later come to.

    Args:
        folder: That an adaptation wrote.
        chosen: The model that is to run.
        judged: The candidate that the answers judge.
        verdict: That they come to, plain values.

    Raises:
        OSError: the file cannot be read or written.
        ValueError: it is damaged.
        KeyError: likewise.
    """
    found = json.loads((folder / FOUND).read_text(encoding="utf-8"))
    found |= {"chosen": chosen, "judged": judged, "gate": verdict}
    found["candidates"][judged] = verdict
    write_found(found, folder)


def shown_later(folder: Path) -> dict[str, Any] | None:
    """What was found of a model that answers showed to be better after it was learnt; None of any other.

    Args:
        folder: That an adaptation wrote; need not be there.
    """
    try:
        found: dict[str, Any] = json.loads((folder / FOUND).read_text(encoding="utf-8"))
        return found if SHOWN_BY in found and found["version"] != found["base"] else None
    except (OSError, ValueError, KeyError):
        return None
