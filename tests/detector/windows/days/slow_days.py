"""A slow twin of the memory of days, histories to hold the two against each other, and how tests ask the engine."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.columns.call_columns import CallBatch, build_batch
from detector.contract.events import CallEvent, CallSetup
from detector.features import days as of_days
from detector.features import window_constants
from detector.features.days import DAY_BEGINS_MS, FEWEST_CALLS, N_FIGURES
from detector.features.schemas import F2, Schema
from detector.features.window_constants import DAY_MS, HOUR_MS
from detector.testing import START_MS, call_end, call_setup, small_windows
from detector.windows import WindowEngine, WindowSettings
from detector.windows.days.counting import ASTRAY_LIMIT

ROOMY = small_windows(keys=256, partitions=2)
EDGE_MS = START_MS - (START_MS - DAY_BEGINS_MS) % DAY_MS
"""A day begins here."""
NUMBERS = ("+12125550100", "+12125550199", "+13105550100", "+442071234567", "anonymous")
SIGNERS: tuple[dict[str, str], ...] = ({}, {"signer_spc": "1234", "origid": "o-1"}, {"origid": "o-2"})
NUMBER = window_constants.NUMBER
FAMILIES = range(of_days.FAMILIES_WITH_DAYS)
PAIRS = [(family, figure) for family in FAMILIES for figure in range(N_FIGURES)]
EVERYTHING = Schema("all", "all-0", (*F2.names, *map(str, PAIRS)), np.array(PAIRS, np.int64))
"""Every figure of every family."""


def day_of(time_ms: int) -> int:
    """Days are told apart by when they begin: at nine in the morning, UTC."""
    return int((datetime.fromtimestamp(time_ms / 1_000, UTC) - timedelta(hours=9)).timestamp() // 86_400)


class Event(NamedTuple):
    """One event of a partition."""

    event: CallEvent
    partition: int


def call(at_ms: int, *, partition: int = 0, **fields: Any) -> Event:
    """A call so long after `EDGE_MS`."""
    return Event(call_setup(f"c{at_ms}", setup_time_ms=EDGE_MS + at_ms, **fields), partition)


def calls_on(*days: float, **fields: Any) -> list[Event]:
    """A call at noon of each of these days after `EDGE_MS`, or at another hour for a fraction."""
    return [call(int((day + 0.5) * DAY_MS), **fields) for day in days]


TALKS = (None, 4, 60, 180)
"""Seconds of talk; None: it was not answered."""


def ended(one: Event, talk_s: int | None, *, after_ms: int = 600_000) -> Event:
    """The end of a call."""
    assert isinstance(one.event, CallSetup)
    answered_ms = None if talk_s is None else after_ms - 1_000 * talk_s
    status = 486 if talk_s is None else 200
    end = call_end(one.event, after_ms=after_ms, answered_after_ms=answered_ms, sip_status=status)
    return Event(end, one.partition)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Calls and ends of few keys at the edges of days, weeks and of all days, some of them far too late."""
    found, setups, at_ms = list[Event](), list[Event](), 0
    steps = (0, 1, DAY_MS - 1, DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 13 * DAY_MS, 27 * DAY_MS, 28 * DAY_MS, 60 * DAY_MS)
    back = (-1, -DAY_MS, -7 * DAY_MS, -27 * DAY_MS, -28 * DAY_MS)
    for _ in range(draw(st.integers(1, 50))):
        if draw(st.booleans()) and setups:
            one, talk_s = draw(st.sampled_from(setups)), draw(st.sampled_from(TALKS))
            found.append(ended(one, talk_s, after_ms=draw(st.sampled_from((600_000, DAY_MS, 8 * DAY_MS)))))
            continue
        at_ms += draw(st.sampled_from((*steps, *back)) | st.integers(-HOUR_MS, 2 * DAY_MS))
        fields = draw(st.sampled_from(SIGNERS)) | {"trunk_group_id": draw(st.sampled_from(("t-1", "t-2")))}
        number, partition = draw(st.sampled_from(NUMBERS)), draw(st.integers(0, 1))
        found.append(call(at_ms, partition=partition, calling_number=number, **fields))
        setups.append(found[-1])
    return found


class Row:
    """One key of the twin: the days of all its calls and ends, from which all is counted anew."""

    def __init__(self) -> None:
        self.newest, self.astray = -1, 0
        self.calls: list[int] = []
        self.ends: list[tuple[int, int | None]] = []

    def turn_to(self, day: int) -> bool:
        """Whether an event of that day counts."""
        if self.newest - day >= of_days.DAYS:
            self.astray += 1
            if self.astray <= ASTRAY_LIMIT:
                return False
            self.newest = day - of_days.DAYS
        self.astray = 0
        if day - self.newest >= of_days.DAYS:
            self.calls, self.ends = [], []
        self.newest = max(day, self.newest)
        return True

    def weight(self, day: int) -> float:
        return float(2.0 ** -(self.newest // 7 - day // 7))

    def figures(self) -> list[float]:
        ago = {self.newest - day for day in self.calls if self.newest - day < of_days.DAYS} - {0}
        first = max(ago, default=0)
        same = [week * 7 in ago for week in range(1, first // 7 + 1)]
        past = [day for day in self.calls if day < self.newest]
        usual = sum(map(self.weight, past)) / sum(map(self.weight, set(past))) if ago else -1.0
        today = self.calls.count(self.newest)
        total = sum(self.weight(day) for day, _ in self.ends)
        talks = [(self.weight(day), talk_s) for day, talk_s in self.ends if talk_s is not None]
        answered = sum(weight for weight, _ in talks)
        return [
            len(ago),
            first,
            min(ago, default=-1),
            len(ago) / first if ago else -1.0,
            sum(same) / len(same) if same else -1.0,
            usual,
            today / (today + usual) if ago else -1.0,
            share(answered, total),
            share(sum(weight for weight, talk_s in talks if talk_s <= 6), answered),
            share(sum(weight for weight, talk_s in talks if talk_s > 120), answered),
        ]


def share(part: float, whole: float) -> float:
    return part / whole if whole >= FEWEST_CALLS else -1.0


class Slow:
    """The twin of the memory: lists of days by key, nothing is thrown away but what is older than all days."""

    def __init__(self) -> None:
        self.rows: dict[Any, Row] = {}
        self.signed: dict[Any, Any] = {}

    def update(self, events: Sequence[Event]) -> list[list[float]]:
        """Figures of all families of each set-up."""
        return [figures for one in events if (figures := self._add(one)) is not None]

    def _add(self, one: Event) -> list[float] | None:
        event, found = one.event, list[float]()
        keys = list(self._keys(one))
        if not isinstance(event, CallSetup):
            talk_s = None if event.answer_time_ms is None else (event.end_time_ms - event.answer_time_ms) // 1_000
            for key in keys:
                if key in self.rows and self.rows[key].turn_to(day_of(event.end_time_ms)):
                    self.rows[key].ends.append((day_of(event.end_time_ms), talk_s))
            return None
        for key in keys:
            if key is None:
                found += [-1.0] * N_FIGURES
                continue
            row, day = self.rows.setdefault(key, Row()), day_of(event.setup_time_ms)
            if row.turn_to(day):
                row.calls.append(day)
            found += row.figures()
        return found

    def _keys(self, one: Event) -> Iterator[tuple[Any, ...] | None]:
        """Number, trunk group, origin and block of a call; None for what it has not."""
        event, partition = one.event, one.partition
        number = event.calling_number
        caller = None if number == "anonymous" else ("number", partition, number)
        yield caller
        yield "trunk", partition, event.trunk_group_id
        origin = self.signed.get(caller)
        if isinstance(event, CallSetup):
            is_signed = event.signer_spc or event.origid
            origin = ("origin", partition, event.signer_spc, event.origid) if is_signed else None
            if is_signed and caller:
                self.signed[caller] = origin
        yield origin
        yield ("block", partition, event.trunk_group_id, number[2:8]) if number.startswith("+1") else None


def engine_of(windows: WindowSettings = ROOMY) -> WindowEngine:
    engine = WindowEngine(windows)
    engine.use(EVERYTHING)
    return engine


def batch_of(events: Sequence[Event]) -> CallBatch:
    setups = [isinstance(one.event, CallSetup) for one in events]
    return build_batch([one.event for one in events], setups, [one.partition for one in events], seed=ROOMY.seed)


def updated(engine: WindowEngine, events: Sequence[Event]) -> NDArray[np.float32]:
    """Figures of each set-up, shape (n_setups, 4 families, N_FIGURES)."""
    rows = engine.update(batch_of(events))
    return rows[:, len(F2.names) :].reshape(-1, of_days.FAMILIES_WITH_DAYS, N_FIGURES)


def numbers_of(engine: WindowEngine, events: Sequence[Event], figure: int) -> list[float]:
    """One figure of the calling number of each set-up."""
    return [float(f"{value:.6g}") for value in updated(engine, events)[:, NUMBER, figure].tolist()]
