"""A slow twin of the memory of signatures, histories to hold the two against each other, and how tests ask for it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.columns.call_columns import CallBatch, build_batch
from detector.contract.events import CallEvent, CallSetup
from detector.features.schemas import F4, FIRST_OF_SIGNATURES
from detector.features.signatures import FEWEST_CALLS, LEAST_SHARE, N_FIGURES
from detector.features.window_constants import DAY_MS, HOUR_MS
from detector.testing import START_MS, call_end, call_setup, small_windows
from detector.trust.verdict import Cause
from detector.windows import WindowEngine, WindowSettings
from detector.windows.signatures.counting import ASTRAY_LIMIT, ASTRAY_MS

ROOMY = small_windows(keys=256, partitions=2)
EDGE_MS = START_MS - START_MS % DAY_MS
PASSED, FAILED, NONE = "TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"
UNCHECKED = {"certificate_unavailable", "not_checked", "revocation_unknown"}
OF_CALLS = {"orig_mismatch", "dest_mismatch", "diversion_broken", "stale", "future"}


class Event(NamedTuple):
    """One event of a partition."""

    event: CallEvent
    partition: int


def call(at_ms: int, *, partition: int = 0, **fields: Any) -> Event:
    """A call so long after `EDGE_MS`."""
    return Event(call_setup(f"c{at_ms}-{partition}", setup_time_ms=EDGE_MS + at_ms, **fields), partition)


def group_of(cause: str | None) -> str:
    """In words what `detector.features.signatures.GROUPS` has as numbers."""
    if cause in {None, "no_identity"}:
        return "unsigned"
    if cause in {"passed", "replayed"}:
        return str(cause)
    if cause in UNCHECKED:
        return "unchecked"
    if cause in OF_CALLS:
        return "mismatch"
    is_certificate = str(cause).startswith("certificate_") or cause == "number_not_covered"
    return "certificate" if is_certificate else "broken"


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Calls of few keys at the edges of hours and days, some of them far too late, and now and then an end."""
    found, at_ms = list[Event](), 0
    steps = (0, 1, 60_000, HOUR_MS - 1, HOUR_MS, 5 * HOUR_MS, DAY_MS, 3 * DAY_MS, 40 * DAY_MS)
    back = (-1, -HOUR_MS, -DAY_MS, -ASTRAY_MS, -ASTRAY_MS - 1, -9 * DAY_MS)
    causes = st.none() | st.sampled_from([cause.value for cause in Cause]) | st.just("of a later build")
    for _ in range(draw(st.integers(1, 6))):
        at_ms += draw(st.sampled_from((*steps, *back)) | st.integers(-HOUR_MS, 2 * HOUR_MS))
        fields = draw(st.fixed_dictionaries({
            "own_cause": causes,
            "own_signer_spc": st.sampled_from((None, "1234", "567A")),
            "upstream_ocn": st.sampled_from((None, "1234", "1235")),
            "verstat": st.sampled_from((None, PASSED, FAILED, NONE)),
            "signer_spc": st.sampled_from((None, "1234")),
            "trunk_group_id": st.sampled_from(("t-1", "t-2")),
        }))  # fmt: skip
        partition = draw(st.integers(0, 1))
        for n in range(draw(st.sampled_from((1, 1, 2, 16)))):
            found.append(call(at_ms + n, partition=partition, **fields))
        if draw(st.booleans()):
            setup = found[-1].event
            assert isinstance(setup, CallSetup)
            found.append(Event(call_end(setup, after_ms=9_000, answered_after_ms=None, sip_status=486), partition))
    return found


class Row:
    """One key of the twin: all its calls, from which everything is counted anew."""

    def __init__(self) -> None:
        self.newest_ms, self.astray, self.first_minute = -1, 0, 1 << 60
        self.calls: list[tuple[int, frozenset[str]]] = []

    def add(self, at_ms: int, facts: frozenset[str]) -> None:
        if self.newest_ms - at_ms > ASTRAY_MS:
            self.astray += 1
            if self.astray <= ASTRAY_LIMIT:
                return
            self.calls, self.newest_ms, self.first_minute = [], at_ms, 1 << 60
        self.astray = 0
        self.first_minute = min(self.first_minute, at_ms // 60_000)
        self.newest_ms = max(self.newest_ms, at_ms)
        self.calls.append((at_ms, facts))

    def total(self, step_ms: int, fact: str | None = None) -> float:
        """Every call counts 2 ** -n, n steps on."""
        steps = (self.newest_ms // step_ms - at // step_ms for at, facts in self.calls if fact is None or fact in facts)
        return sum(2.0**-n for n in steps)

    def share(self, step_ms: int, fact: str) -> float:
        total = self.total(step_ms)
        return self.total(step_ms, fact) / total if total >= FEWEST_CALLS else -1.0

    def lately(self, fact: str) -> float:
        return self.share(HOUR_MS, fact)

    def beside_usual(self, fact: str) -> float:
        now, before = self.lately(fact), self.share(DAY_MS, fact)
        if min(now, before) < 0:
            return -1.0
        return now / (now + before) if now + before > LEAST_SHARE else 0.5

    def surge(self) -> float:
        calls = self.total(DAY_MS)
        return self.total(HOUR_MS) / (self.total(HOUR_MS) + calls / 24) if calls >= FEWEST_CALLS else -1.0


class Slow:
    """The twin of the memory: lists of calls by key, nothing is thrown away."""

    def __init__(self) -> None:
        self.rows: dict[Any, Row] = {}

    def update(self, events: Sequence[Event]) -> list[list[float]]:
        """Figures of each set-up."""
        return [self._add(one.event, one.partition) for one in events if isinstance(one.event, CallSetup)]

    def _row(self, key: Any, at_ms: int, facts: frozenset[str]) -> Row:
        row = self.rows.setdefault(key, Row())
        row.add(at_ms, facts)
        return row

    def _add(self, event: CallSetup, partition: int) -> list[float]:
        group, verstat, at_ms = group_of(event.own_cause), event.verstat, event.setup_time_ms
        has_failed = group in {"broken", "certificate", "mismatch", "replayed"}
        is_contrary = (group == "passed" and verstat == FAILED) or (has_failed and verstat == PASSED)
        signer, upstream = event.own_signer_spc, event.upstream_ocn
        is_known = None not in {signer, upstream, event.own_cause}
        is_foreign = is_known and signer != upstream
        facts = frozenset({group, *["failed"] * has_failed, *["foreign"] * is_foreign})
        groups = ("passed", "broken", "certificate", "mismatch", "replayed", "unchecked")
        figures = [float(group == one) for one in groups]
        figures += [float(is_contrary), float(is_foreign) if is_known else -1.0]
        trunk = self._row(("trunk", partition, event.trunk_group_id), at_ms, facts)
        for fact in ("unsigned", "failed", "foreign"):
            figures += [trunk.lately(fact), trunk.beside_usual(fact)]
        is_ours = event.own_signer_spc or event.own_origid
        who = (event.own_signer_spc, event.own_origid) if is_ours else (event.signer_spc, event.origid)
        if any(who):
            origin = self._row(("origin", partition, *who), at_ms, facts)
            figures += [origin.lately("failed"), origin.beside_usual("failed"), origin.lately("foreign")]
        else:
            figures += [-1.0] * 3
        if not signer:
            return figures + [-1.0] * 3
        row = self._row(("signer", partition, signer), at_ms, facts)
        age_s = min(max(0, at_ms - row.first_minute * 60_000) / 1_000, 30 * 86_400.0)
        return [*figures, age_s, row.share(DAY_MS, "foreign"), row.surge()]


def engine_of(windows: WindowSettings = ROOMY) -> WindowEngine:
    engine = WindowEngine(windows)
    engine.use(F4)
    return engine


def batch_of(events: Sequence[Event]) -> CallBatch:
    setups = [isinstance(one.event, CallSetup) for one in events]
    return build_batch([one.event for one in events], setups, [one.partition for one in events], seed=ROOMY.seed)


def updated(engine: WindowEngine, events: Sequence[Event]) -> NDArray[np.float32]:
    """Figures of each set-up, shape (n_setups, N_FIGURES)."""
    rows = engine.update(batch_of(events))
    return rows[:, FIRST_OF_SIGNATURES : FIRST_OF_SIGNATURES + N_FIGURES]


def figure(engine: WindowEngine, events: Sequence[Event], name: str) -> float:
    """One figure of the last set-up."""
    return float(engine.update(batch_of(events))[-1, F4.names.index(name)])
