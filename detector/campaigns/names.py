"""Which campaign a call is of, for whoever decides: cells and the names that somebody else gave them. Bounded."""

from collections import OrderedDict
from collections.abc import Iterable

from detector.campaigns.calls import Cell, SuspectCall
from detector.contract.events import CallSetup

MOST_CELLS = 100_000


class CampaignNames:
    """Names of campaigns by cell. Written and asked by one thread.

    Args:
        most: Most cells; beyond it the campaigns go that were told of longest ago.
    """

    def __init__(self, most: int = MOST_CELLS) -> None:
        self._most = most
        self._names: dict[Cell, str] = {}
        self._cells: OrderedDict[str, tuple[Cell, ...]] = OrderedDict()
        self._cleared: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Number of cells that have a name."""
        return len(self._names)

    def take(self, name: str, cells: Iterable[Cell]) -> None:
        """Take what is said of a campaign in the place of what was said before; a cell is of whoever has it last.

        Args:
            name: Id of the campaign.
            cells: All of its cells.
        """
        self.drop(name)
        self._cells[name] = tuple(cells)
        self._names.update(dict.fromkeys(self._cells[name], name))
        while len(self._names) > self._most:
            self.drop(next(iter(self._cells)))

    def drop(self, name: str) -> None:
        """Forget a campaign that was merged or is not kept any more; cells that others have by now stay theirs."""
        for cell in self._cells.pop(name, ()):
            if self._names.get(cell) == name:
                del self._names[cell]

    def clear(self, name: str, *, is_cleared: bool) -> None:
        """Take what a person said of a campaign: calls of a cleared one are not named.

        Args:
            name: Id of the campaign, whose cells may be told of later.
            is_cleared: Its calls are lawful; False takes that back.
        """
        self._cleared.pop(name, None)
        if is_cleared:
            self._cleared[name] = None
            if len(self._cleared) > self._most:
                self._cleared.popitem(last=False)

    def find(self, setup: CallSetup) -> str:
        """Return the id of the campaign that a suspect call is of; empty where none is known, or it is cleared. O(1).

        Args:
            setup: The call.
        """
        call = SuspectCall.of(setup, "", None)
        base = Cell.of(call)
        for cell in (Cell.of_number(call.calling_number), base, base.without_origid()):
            name = self._names.get(cell)
            if name is not None:
                return "" if name in self._cleared else name
        return ""
