"""Keep a screener's do-not-originate entries like those of the files that all workers follow.

Every few seconds the place is listed; only what changed is read. A new table is made beside the event loop and takes
the place of the old one between two batches, so no call waits. A list that is damaged leaves its last good one in
force; a place that does not answer leaves everything as it is. A list that is older than it is good for blocks nothing:
it lapses by the clock of this machine.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

import structlog

from detector.columns.windows_port import Windows
from detector.contract.errors import RobocallError
from detector.numbers.do_not_originate import MOST_LISTS, DnoTable
from detector.policy.screening import Screener
from models.store.storage import StoredFile
from streams.numbers.dno_files import DnoFile, DnoFileRefused, DnoFiles
from streams.numbers.dno_text import MAX_ENTRIES
from streams.running.clock import utc_today
from streams.running.daemon_thread import DaemonThread

LOOK_S = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DnoListView:
    """One list, for operators.

    Attributes:
        name: Of the list.
        date: Day of the list, as whoever imported it said.
        age_days: Days since then.
        entries: How many of it are in force.
        is_lapsed: It is older than it says that it is good for, so none is.
        problem: Why a newer file of it is not used; None where there is none.
    """

    name: str
    date: str
    age_days: int
    entries: int
    is_lapsed: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class DnoView:
    """Which lists of others are in force, for operators.

    Attributes:
        entries: In force, each counted once.
        size_bytes: Memory of the table, and of the lists that it was made of.
        confirmed_age_s: Since the place was last looked at, seconds; None where it never answered.
        lists: The lists.
        problem: Why the place, or all that is new in it, is not used; None where nothing is wrong.
    """

    entries: int
    size_bytes: int
    confirmed_age_s: float | None
    lists: tuple[DnoListView, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is known of one list: the file as it was listed, its last good content, and what is wrong with it."""

    listed: StoredFile
    good: DnoFile | None
    problem: str | None = None


class DnoFollower:
    """Follows the files.

    Args:
        files: The place.
        screener: Its `dno` is replaced between two batches.
        interval_s: Between two looks.
        today: The day that it is, UTC.
    """

    def __init__(
        self,
        files: DnoFiles,
        screener: Screener[Windows],
        *,
        interval_s: float = LOOK_S,
        today: Callable[[], date] = utc_today,
    ) -> None:
        self._files = files
        self._screener = screener
        self._interval_s = interval_s
        self._today = today
        self._thread = DaemonThread("do-not-originate lists")
        self._known: dict[str, _Known] = {}
        self._lapsed: set[str] = set()
        self._confirmed_s: float | None = None
        self._silence: str | None = None
        self._excess: str | None = None
        self.loads = 0
        """How often the table was replaced."""

    def view(self) -> DnoView:
        """Say which lists are in force."""
        table = self._screener.dno
        age_s = None if self._confirmed_s is None else time.monotonic() - self._confirmed_s
        lists = tuple(self._seen(name, known) for name, known in sorted(self._known.items()))
        size_bytes = table.size_bytes + sum(
            known.good.entries.size_bytes for known in self._known.values() if known.good
        )
        return DnoView(table.size, size_bytes, age_s, lists, self._silence or self._excess)

    async def run(self) -> None:
        """Look, wait, and look again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Look once, and put what is new in force; never raises for what the place does or holds."""
        try:
            changed = await self._thread.run(self._look)
        except (RobocallError, OSError) as error:
            if str(error) != self._silence:
                self._silence = str(error)
                log.warning("do-not-originate lists cannot be looked for, what is in force stays", cause=self._silence)
            return
        self._confirmed_s, self._silence = time.monotonic(), None
        if changed is not None:
            self._take(*changed)

    def _take(self, known: dict[str, _Known], lapsed: set[str], table: DnoTable | None) -> None:
        for name, one in known.items():
            if one.problem is not None and one is not self._known.get(name):
                log.warning("a do-not-originate list is not used", cause=one.problem)
        for name in sorted(lapsed - self._lapsed):
            log.warning("a do-not-originate list is too old and blocks nothing", list=name)
        self._known, self._lapsed = known, lapsed
        if table is None:
            self._excess = f"more than {MAX_ENTRIES:,} entries or {MOST_LISTS} lists: what was in force stays"
            log.warning("do-not-originate lists are not used", cause=self._excess)
            return
        self._excess = None
        self._screener.dno = table
        self.loads += 1
        log.info("do-not-originate lists loaded", lists=len(known), entries=table.size, size_bytes=table.size_bytes)

    def _look(self) -> tuple[dict[str, _Known], set[str], DnoTable | None] | None:
        """What is there now, what of it has lapsed, and the table of the rest, none where that is too much.

        None where nothing changed.
        """
        listing, today = self._files.listing(), self._today()
        known = {name: self._read(name, listed) for name, listed in listing.items()}
        good = [one.good for one in known.values() if one.good is not None]
        lapsed = {one.name for one in good if one.is_lapsed(today)}
        if known == self._known and lapsed == self._lapsed:
            return None
        good = in_force(good, today)
        if len(good) > MOST_LISTS or sum(one.entries.size for one in good) > MAX_ENTRIES:
            return known, lapsed, None
        return known, lapsed, DnoTable([one.entries for one in good])

    def _read(self, name: str, listed: StoredFile) -> _Known:
        before = self._known.get(name)
        if before is not None and before.listed == listed:
            return before
        try:
            return _Known(listed, self._files.read(name))
        except DnoFileRefused as error:
            return _Known(listed, None if before is None else before.good, str(error))

    def _seen(self, name: str, known: _Known) -> DnoListView:
        good = known.good
        if good is None:
            return DnoListView(name, "", 0, 0, problem=known.problem)
        is_lapsed = name in self._lapsed
        entries = 0 if is_lapsed else good.entries.size
        return DnoListView(name, good.day.isoformat(), good.age_days(self._today()), entries, is_lapsed, known.problem)


def in_force(files: Iterable[DnoFile], today: date) -> list[DnoFile]:
    """Lists that have not lapsed, the newest first: of an entry on two of them the newer one is named."""
    return sorted((one for one in files if not one.is_lapsed(today)), key=lambda one: (-one.day.toordinal(), one.name))
