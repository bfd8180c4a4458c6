"""Suspect calls to campaigns, call by call in order of time, in a bounded memory.

A call falls in a cell (`detector.campaigns.calls.Cell`), a number that calls much in a cell of its own. A cell with
`FEWEST_CALLS` becomes a campaign, or is joined to one (`detector.campaigns.joining`). It is held against others again
whenever it has grown by a half, and campaigns whose cells are joined then become one: the older name stays.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from detector.campaigns.calls import Cell, SuspectCall
from detector.campaigns.campaign import Campaign, Example, Merge, name_of
from detector.campaigns.cells import Bounds, Cells
from detector.campaigns.joining import CellMemory, Join, Sign, join
from detector.campaigns.tally import Tally

FEWEST_CALLS = 5
"""A cell of fewer calls has no campaign."""
GROWTH = 1.5


@dataclass(slots=True)
class Forgotten:
    """What had to go at a bound, by kind.

    Attributes:
        cells: Cells.
        campaigns: Campaigns.
        open_calls: Calls whose end had not come.
    """

    cells: int = 0
    campaigns: int = 0
    open_calls: int = 0


class Campaigns:
    """Groups suspect calls. Not for several threads at once; what it says follows from the calls and their order.

    Attributes:
        by_id: The campaigns that are remembered, the one idle longest first.
        aliases: Names that campaigns had before they were merged, each with the name that it became then.
        changed: Campaigns by id that changed, were merged or went, since somebody last emptied it.

    Args:
        bounds: How much is remembered of cells.
        most: Most campaigns, and aliases; at the bound goes what was idle longest.
        most_open: Most calls of campaigns whose end is waited for.
    """

    def __init__(self, bounds: Bounds | None = None, *, most: int = 5_000, most_open: int = 50_000) -> None:
        self._cells = Cells(bounds or Bounds())
        self._most = most
        self._most_open = most_open
        self._open: OrderedDict[str, str] = OrderedDict()
        self._forgotten = Forgotten()
        self.by_id: OrderedDict[str, Campaign] = OrderedDict()
        self.aliases: OrderedDict[str, str] = OrderedDict()
        self.changed: dict[str, Campaign] = {}

    @property
    def forgotten(self) -> Forgotten:
        """What had to go at a bound since the beginning."""
        self._forgotten.cells = self._cells.forgotten
        return self._forgotten

    def add(self, call: SuspectCall) -> str:
        """Count a call; returns the id of its campaign, empty as long as its cell has too few calls.

        Args:
            call: Not counted yet; in order of time, as far as it is known.
        """
        memory = self._cells.take(call)
        memory.campaign = self.named(memory.campaign)
        if memory.calls >= FEWEST_CALLS and memory.calls >= GROWTH * memory.compared_at:
            memory.compared_at = memory.calls
            self._join(memory, call)
        if memory.campaign:
            campaign = self.by_id[memory.campaign]
            if memory.cell not in campaign.cells:
                self._move(campaign, memory.cell)
            for one in memory.waiting or [call]:
                self._count(campaign, one, memory.cell.caller)
            memory.waiting.clear()
        return memory.campaign

    def end(self, call_id: str, talk_ms: int | None) -> None:
        """Count the end of a call; of one that is in no campaign nothing happens.

        Args:
            call_id: Identifies the call.
            talk_ms: How long it lasted from the answer on; None where it was never answered.
        """
        campaign = self.by_id.get(self.named(self._open.pop(call_id, "")))
        if campaign is not None:
            campaign.tally.end(talk_ms=talk_ms)
            self.changed[campaign.id] = campaign

    def find(self, call: SuspectCall) -> str:
        """Return the id of the campaign that a call would fall in now, without counting it; empty where there is none.

        Args:
            call: Any call.
        """
        memory = self._cells.find(call)
        return "" if memory is None else self.named(memory.campaign)

    def restore(self, campaigns: Iterable[Campaign], aliases: Mapping[str, str]) -> None:
        """Go on with campaigns that were grouped before: names and counts stay, what joined cells is learnt anew.

        Args:
            campaigns: They are changed from now on.
            aliases: Names that campaigns had, each with the one that it became.
        """
        for campaign in sorted(campaigns, key=lambda one: one.tally.last_ms):
            self.by_id[campaign.id] = campaign
            for cell in campaign.cells:
                self._cells.restore(cell, campaign.tally.first_ms, campaign.tally.last_ms, campaign.id)
        self.aliases.update(aliases)

    def forget_idle(self, since_ms: int) -> None:
        """Forget campaigns that have not called since then, with the names that they had.

        Args:
            since_ms: Epoch milliseconds.
        """
        while self.by_id:
            name, campaign = next(iter(self.by_id.items()))
            if campaign.tally.last_ms >= since_ms:
                return
            self._forget(name)

    def _forget(self, name: str) -> None:
        gone = self.by_id.pop(name)
        former = [one for one in self.aliases if self.named(one) == ""]
        for one in former:
            del self.aliases[one]
        self.changed |= dict.fromkeys((name, *former), gone)

    def named(self, name: str) -> str:
        """Return the id that a campaign has now; empty of one that is not remembered.

        Args:
            name: An id that it has or had.
        """
        while (now := self.aliases.get(name)) is not None:
            name = now
        return name if name in self.by_id else ""

    def _join(self, memory: CellMemory, call: SuspectCall) -> None:
        """Hold a cell, to which a call came, against others, and give it a campaign where it has none."""
        for other in self._cells.near(memory):
            theirs = self.named(other.campaign)
            if not theirs or theirs == memory.campaign:
                continue
            found = join(memory, other)
            if found is None:
                continue
            if memory.campaign:
                memory.campaign = self._merge(self.by_id[memory.campaign], self.by_id[theirs], found, call.at_ms)
            else:
                memory.campaign = theirs
                self.by_id[theirs].take(memory.cell, found.sign)
        if not memory.campaign:
            first = (memory.waiting or [call])[0]
            memory.campaign = name_of(first.call_id, first.at_ms)
            made = self.by_id[memory.campaign] = Campaign(memory.campaign, Tally(memory.first_ms))
            made.take(memory.cell, None)

    def _move(self, campaign: Campaign, cell: Cell) -> None:
        """Put a number in that became busy and made the campaign, and the cells out that it was taken out of."""
        for other in list(campaign.cells):
            if self._cells.campaign_of(other) == "":
                del campaign.cells[other]
        campaign.take(cell, Sign.NUMBERS if campaign.cells else None)

    def _merge(self, one: Campaign, other: Campaign, found: Join, now_ms: int) -> str:
        """Make one campaign of two; returns the name that stays, the older one's."""
        older, younger = sorted((one, other), key=lambda campaign: (campaign.tally.first_ms, campaign.id))
        older.merge(younger, Merge(younger.id, now_ms, found.sign, found.value))
        del self.by_id[younger.id]
        self.aliases[younger.id] = older.id
        self.changed |= {older.id: older, younger.id: younger}
        if len(self.aliases) > self._most:
            gone, _ = self.aliases.popitem(last=False)
            self.changed[gone] = younger
        return older.id

    def _count(self, campaign: Campaign, call: SuspectCall, caller: str) -> None:
        campaign.tally.add(call, caller)
        campaign.show(Example(call.call_id, call.decision_id, call.at_ms, call.calling_number, call.called_number))
        self.by_id.move_to_end(campaign.id)
        self.changed[campaign.id] = campaign
        self._open[call.call_id] = campaign.id
        if len(self._open) > self._most_open:
            self._open.popitem(last=False)
            self._forgotten.open_calls += 1
        if len(self.by_id) > self._most:
            self._forgotten.campaigns += 1
            self._forget(next(iter(self.by_id)))
