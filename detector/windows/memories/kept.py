"""Rows of the memories beside the windows - margins, days, signatures - as a copy of an engine carries them over.

They mean something to an engine only that keeps the same: margins of the same model, days and signatures at all.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from detector.windows import group_memory
from detector.windows.days import memory as day_memory
from detector.windows.row_copies import RowCopies
from detector.windows.signatures import memory as signature_memory
from detector.windows.sweep import Days, Groups, Signatures, SweptRows


class Kept(NamedTuple):
    """What an engine keeps beside its windows: identities of its memories, empty where it keeps none.

    Attributes:
        margins_of: `GroupMemory.identity`.
        days_of: `DayMemory.identity`.
        signatures_of: `SignatureMemory.identity`.
    """

    margins_of: str = ""
    days_of: str = ""
    signatures_of: str = ""

    def lacks(self, theirs: "Kept") -> bool:
        """Tell whether rows from elsewhere have something that means nothing here."""
        return any(other not in {"", own} for own, other in zip(self, theirs, strict=True))


NOTHING_KEPT = Kept()
_MEMORIES = (
    (Groups._fields, group_memory.check_rows),
    (Days._fields, day_memory.check_rows),
    (Signatures._fields, signature_memory.check_rows),
)
"""Stores of each field of `Kept`, and what their rows have to be."""


def of_use(parts: Iterable[SweptRows], theirs: Kept, own: Kept) -> Iterator[SweptRows]:
    """The parts that mean the same here as where they are from."""
    useless = {
        store
        for (stores, _), other, mine in zip(_MEMORIES, theirs, own, strict=True)
        if not other or other != mine
        for store in stores
    }
    return (part for part in parts if part.store not in useless)


def check_rows(store: str, rows: RowCopies) -> None:
    """Check what rows of a memory have behind their heads; rows of the windows themselves pass.

    Raises:
        ValueError: A row is none that a detector writes.
    """
    for stores, check in _MEMORIES:
        if store in stores:
            check(rows)
