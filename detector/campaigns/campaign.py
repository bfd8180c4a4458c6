"""A campaign: its stable name, what it did, why its cells are held for one, and which names it had before."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from detector.campaigns.calls import Cell
from detector.campaigns.joining import Sign
from detector.campaigns.tally import Tally

MOST_CELLS = 256
"""Cells of a campaign that are kept by name; its latest ones."""
MOST_EXAMPLES = 50
"""Calls of a campaign that are kept by id: its latest ones."""
MOST_MERGES = 64
DOUBT = 3.0
"""The mean score of n calls counts n / (n + 3) of it: of few calls it says little."""


class Example(NamedTuple):
    """A call of a campaign.

    Attributes:
        call_id: Identifies it.
        decision_id: Of the decision on it.
        at_ms: Set-up, epoch milliseconds.
        calling_number: Who called.
        called_number: Who was called.
    """

    call_id: str
    decision_id: str
    at_ms: int
    calling_number: str
    called_number: str


class Merge(NamedTuple):
    """That another campaign turned out to be this one.

    Attributes:
        id: The other's.
        at_ms: When that was seen, in event time.
        sign: Why.
        value: How strong the sign was, from 0 to 1.
    """

    id: str
    at_ms: int
    sign: Sign
    value: float


@dataclass(slots=True)
class Campaign:
    """Calls of one robocaller with one purpose, as far as can be told.

    Attributes:
        id: Stable; of two that are merged the older one's stays.
        tally: What it did.
        cells: Its cells, the latest last, each with why it belongs here (None of the first).
        examples: Its latest calls.
        merges: Campaigns that turned out to be this one, in order.
    """

    id: str
    tally: Tally
    cells: dict[Cell, Sign | None] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)

    def take(self, cell: Cell, sign: Sign | None) -> None:
        """Add a cell; the oldest one goes where there are too many."""
        self.cells.setdefault(cell, sign)
        if len(self.cells) > MOST_CELLS:
            del self.cells[next(iter(self.cells))]

    def show(self, example: Example) -> None:
        """Keep a call as an example; the oldest one goes where there are too many."""
        self.examples.append(example)
        del self.examples[:-MOST_EXAMPLES]

    def merge(self, other: "Campaign", merge: Merge) -> None:
        """Take another campaign in, with the names that it had.

        Args:
            other: Younger than this one.
            merge: Why.
        """
        self.tally.merge(other.tally)
        for cell, sign in other.cells.items():
            self.take(cell, sign or merge.sign)
        self.examples = sorted([*self.examples, *other.examples], key=lambda one: one.at_ms)[-MOST_EXAMPLES:]
        self.merges = sorted([*self.merges, *other.merges, merge], key=lambda one: one.at_ms)[-MOST_MERGES:]

    @property
    def confidence(self) -> float:
        """How sure it is that these are robocalls, from 0 to 1: the mean score of the calls, less of few calls."""
        return self.tally.scores / (self.tally.calls + DOUBT)


def name_of(call_id: str, at_ms: int) -> str:
    """Name a campaign by its first call, so that whoever reads the same calls gives the same name.

    No number is in it: a short hash of one could be undone by trying all numbers, and names stay in the archive where
    numbers are digests.

    Args:
        call_id: Of the first call of its first cell.
        at_ms: Set-up of that call, epoch milliseconds.
    """
    digest = blake2b(f"{at_ms}\x1f{call_id}".encode("utf-8", "surrogatepass"), digest_size=5)
    return f"c{digest.hexdigest()}"
