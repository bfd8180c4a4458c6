"""Tables of what a carrier's own traffic teaches."""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.adapting import in_force as of_in_force
from benchmarks.adapting import kinds, poisoned
from benchmarks.adapting import ladder as of_ladder
from benchmarks.adapting import table as of_adapting
from benchmarks.tables.markdown import Result, source, table


def adapting(result: Result) -> str:
    """What `robocall adapt` and `replay --mode enforce` come to."""
    return _carriers(result, of_adapting.HEADINGS, of_adapting.cells)


def ladder(result: Result) -> str:
    """What each thing that is known adds at each carrier."""
    return _carriers(result, of_ladder.HEADINGS, of_ladder.cells)


def in_force(result: Result) -> str:
    """What is labelled by answers about callers drawn by lot, at each carrier."""
    return _carriers(result, of_in_force.HEADINGS, of_in_force.cells)


def poisoning(result: Result) -> str:
    """What a campaign of complaints about lawful callers does."""
    return _carriers(result, poisoned.HEADINGS, poisoned.cells)


def kinds_caught(result: Result) -> str:
    """What is caught of each kind of campaign, over all carriers."""
    return table(list(kinds.CAUGHT_HEADINGS), kinds.caught(result["rows"]))


def kinds_hit(result: Result) -> str:
    """What is hit of each lawful class, over all carriers."""
    return table(list(kinds.HIT_HEADINGS), kinds.hit(result["rows"]))


def _carriers(result: Result, headings: Sequence[str], cells: Callable[[dict[str, Any]], list[str]]) -> str:
    rows = table(list(headings), [cells(row) for row in result["rows"]])
    return f"{rows}\n\nThe last of the runs: {source(result)}"
