"""The cells that are remembered: which one a call falls in, and which others may be of the same campaign. Bounded.

A number with `BUSY_CALLS` suspect calls is a cell of its own, by whatever way its calls come. A signer that gives each
call another origid tells nothing by it, so its calls by a trunk group are one cell.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from detector.campaigns.calls import ANONYMOUS, Cell, SuspectCall
from detector.campaigns.joining import CellMemory

BUSY_CALLS = 10
"""A number with so many calls is a cell of its own."""
SCATTERED_CALLS, SCATTERED = 20, 0.5
"""Of so many suspect calls that a signer has by a trunk group, this share has an origid that was not seen before."""
MOSTLY = 0.5
MOST_NEAR = 200
"""Cells of a place that one is held against: those that called last. A burst of numbers must not cost more and more."""
HOUR_MS = 3_600_000

Place = tuple[str, ...]
"""What cells of one campaign may share: a calling number, an origin or a trunk group, each with its kind."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is remembered of cells. At a bound goes what was idle longest.

    Attributes:
        cells: Most cells.
        numbers: Most numbers that are counted towards `BUSY_CALLS`.
        idle_ms: A cell that is idle for longer is forgotten: what comes then by its way is another campaign.
    """

    cells: int = 20_000
    numbers: int = 100_000
    idle_ms: int = 24 * HOUR_MS


class Cells:
    """Cells by key, the one idle longest first.

    Args:
        bounds: How much is remembered.

    Attributes:
        forgotten: Cells that had to go at the bound of `cells`.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._memories: OrderedDict[Cell, CellMemory] = OrderedDict()
        self._by_place: defaultdict[Place, dict[Cell, None]] = defaultdict(dict)
        self._calls_of: OrderedDict[str, int] = OrderedDict()
        self._signers: OrderedDict[tuple[str, str], list[int]] = OrderedDict()
        self.forgotten = 0

    def __len__(self) -> int:
        """Number of cells."""
        return len(self._memories)

    def take(self, call: SuspectCall) -> CellMemory:
        """Count a call in its cell and return it; a new cell has no campaign yet.

        Args:
            call: Not counted yet, in order of time.
        """
        self._forget(call.at_ms)
        base = self._base(call)
        calls = _counted(self._calls_of, call.calling_number, self._bounds.numbers)
        is_busy = calls >= BUSY_CALLS and base.caller != ANONYMOUS
        cell = Cell.of_number(call.calling_number) if is_busy else base
        memory = self._memories.get(cell)
        if memory is None:
            memory = self._begin(cell, call)
            if is_busy:
                for one in self._by_place["number", call.calling_number]:
                    _part(self._memories[one], memory)
        if memory.add(call):
            self._register(memory, ("number", call.calling_number))
        if call.trunk_group_id in memory.trunks:
            self._register(memory, ("trunk", call.trunk_group_id))
        self._memories.move_to_end(cell)
        return memory

    def near(self, memory: CellMemory) -> Iterator[CellMemory]:
        """Other cells that share a number, the origin or the trunk group with one, each once: of each the latest."""
        places: list[Place] = [("trunk", trunk) for trunk in sorted(memory.trunks)]
        if memory.cell.origin is not None:
            places.insert(0, ("origin", *memory.cell.origin))
        places += [("number", number) for number in memory.numbers.counts]
        seen = dict.fromkeys(
            cell for place in places for cell in islice(reversed(self._by_place.get(place, {})), MOST_NEAR)
        )
        seen.pop(memory.cell, None)
        yield from (self._memories[cell] for cell in seen)

    def find(self, call: SuspectCall) -> CellMemory | None:
        """Return the cell that a call would fall in, without counting it; None where there is none."""
        base = Cell.of(call)
        chosen = (Cell.of_number(call.calling_number), base, base.without_origid())
        return next((self._memories[cell] for cell in chosen if cell in self._memories), None)

    def campaign_of(self, cell: Cell) -> str | None:
        """Return the campaign that a cell has, empty where it has none; None of a cell that is not remembered."""
        memory = self._memories.get(cell)
        return None if memory is None else memory.campaign

    def restore(self, cell: Cell, first_ms: int, last_ms: int, campaign: str) -> None:
        """Remember a cell of a campaign again, without what joined it to others.

        Args:
            cell: Not remembered yet.
            first_ms: Set-up of the first call, epoch milliseconds.
            last_ms: Of the last one; cells are restored in this order.
            campaign: Its id.
        """
        memory = self._memories[cell] = CellMemory(cell, first_ms, last_ms, campaign=campaign)
        if cell.origin is not None:
            self._register(memory, ("origin", *cell.origin))
        if cell.number:
            self._calls_of[cell.number] = BUSY_CALLS
        self._forget(last_ms)

    def _base(self, call: SuspectCall) -> Cell:
        """The cell of a call whose number is not busy."""
        cell = Cell.of(call)
        if cell.origin is None:
            return cell
        seen = self._signers.setdefault((cell.trunk_group_id, cell.signer_spc), [0, 0])
        seen[0] += 1
        seen[1] += cell not in self._memories
        self._signers.move_to_end((cell.trunk_group_id, cell.signer_spc))
        if len(self._signers) > self._bounds.cells:
            self._signers.popitem(last=False)
        is_scattered = seen[0] >= SCATTERED_CALLS and seen[1] >= SCATTERED * seen[0]
        return cell.without_origid() if is_scattered else cell

    def _begin(self, cell: Cell, call: SuspectCall) -> CellMemory:
        memory = self._memories[cell] = CellMemory(cell, call.at_ms, call.at_ms)
        if cell.origin is not None:
            self._register(memory, ("origin", *cell.origin))
        self._forget(call.at_ms)
        return memory

    def _register(self, memory: CellMemory, place: Place) -> None:
        memory.places.add(place)
        cells = self._by_place[place]
        cells.pop(memory.cell, None)
        cells[memory.cell] = None

    def _forget(self, now_ms: int) -> None:
        """Forget cells that are idle too long, and one where there are more than may be."""
        while self._memories:
            cell, memory = next(iter(self._memories.items()))
            is_full = len(self._memories) > self._bounds.cells
            if not is_full and now_ms - memory.last_ms <= self._bounds.idle_ms:
                return
            self.forgotten += is_full
            del self._memories[cell]
            for place in memory.places:
                del self._by_place[place][cell]
                if not self._by_place[place]:
                    del self._by_place[place]


def _part(base: CellMemory, own: CellMemory) -> None:
    """Take a number that became busy out of a cell that it was in; the campaign goes with it where it made it."""
    calls = min(base.numbers.take_out(own.cell.number), base.calls)
    if base.campaign and calls >= MOSTLY * base.calls:
        own.campaign, base.campaign = own.campaign or base.campaign, ""
    own.calls += calls
    base.calls -= calls
    base.compared_at = 0


def _counted(calls_of: "OrderedDict[str, int]", number: str, most: int) -> int:
    """Count a call of a number; returns how many it has."""
    calls_of[number] = calls_of.get(number, 0) + 1
    calls_of.move_to_end(number)
    if len(calls_of) > most:
        calls_of.popitem(last=False)
    return calls_of[number]
