"""Slow, exact twins of the fast code: plain lists and sets, every window counted from scratch."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from detector.contract.events import CallEnd, CallEvent, CallSetup
from detector.contract.ports import FeatureMatrix
from detector.features import operations, window_constants
from detector.features.kinds import Feature
from detector.features.table import FEATURES
from detector.features.window_constants import NOT_ENOUGH_DATA

NANP = re.compile(r"\+1([2-9]\d\d)([2-9]\d\d)(\d{4})", re.ASCII)
NON_GEOGRAPHIC = re.compile(r"8(00|33|44|55|66|77|88)|5(00|2\d|33|44|66|77|88)|700|900", re.ASCII)
WHOLES = {
    **dict.fromkeys(("answered", "bad_number", "no_answer", "busy", "rejected", "ended"), "ended"),
    **dict.fromkeys(("short", "long", "talk_s"), "answered"),
}
SEQUENTIAL_WITHIN = 10
SHORT_MS, LONG_MS = 6_000, 120_000
BAD, BUSY, NO_ANSWER, REJECTED = {404, 484, 604}, {486, 600}, {480, 408, 487}, {603, 607, 608}


def block_of(number: str) -> str | None:
    """NPA-NXX of a NANP number, else None."""
    match = NANP.fullmatch(number)
    return match[1] + match[2] if match else None


def is_invalid(number: str) -> bool:
    """Whether the calling number is invalid: it has an N11 code, or has digits and is neither NANP nor E.164.

    The office codes N11 of non-geographic area codes are assigned, except 911.
    """
    block = block_of(number)
    if block:
        area, office = block[:3], block[3:]
        is_assigned = office != "911" and NON_GEOGRAPHIC.fullmatch(area) is not None
        return area[1:] == "11" or (office[1:] == "11" and not is_assigned)
    digits = sum(character in "0123456789" for character in number)
    return digits > 0 and re.fullmatch(r"\+[2-9]\d{6,14}", number, re.ASCII) is None


@dataclass
class History:
    """All that ever happened to one key, in order of arrival."""

    setups: list[tuple[int, str, str | None, str, set[str]]] = field(default_factory=list)
    ends: list[tuple[int, set[str], int]] = field(default_factory=list)
    previous_ms: int | None = None
    last_called: str | None = None

    def add(self, event: CallSetup, peer: str, other: str, dialled: str | None, shown: set[str]) -> None:
        """Remember a set-up.

        Args:
            event: The set-up.
            peer: The other party, of which distinct counts are, and of its prefix.
            other: What else distinct counts are of.
            dialled: Called number, to tell calls in sequence; None where the key is a called number.
            shown: Measures that it shows, by name.
        """
        self.previous_ms = max((setup[0] for setup in self.setups), default=None)
        prefix = block_of(peer)
        counted = shown | ({"sequential"} if self._is_sequential(dialled) else set())
        self.last_called = dialled
        self.setups.append((event.setup_time_ms, peer, prefix, other, counted))

    def _is_sequential(self, dialled: str | None) -> bool:
        if dialled is None or self.last_called is None:
            return False
        if block_of(dialled) is None or block_of(dialled) != block_of(self.last_called):
            return False
        return 1 <= abs(int(dialled) - int(self.last_called)) <= SEQUENTIAL_WITHIN

    def count(self, measure: str, now_ms: int, window: int) -> int:
        """Calls of a measure, or seconds of talk, in `(now_ms - length, now_ms]`; `window` indexes `WINDOW_MS`."""
        start = now_ms - window_constants.WINDOW_MS[window]
        if measure == "talk_s":
            return sum(talk for t, _, talk in self.ends if start < t <= now_ms)
        setups = sum(measure in shown for t, *_, shown in self.setups if start < t <= now_ms)
        return setups + sum(measure in shown for t, shown, _ in self.ends if start < t <= now_ms)

    def distinct(self, item: int, now_ms: int, window: int) -> int:
        """Different values of an item of the set-ups in the window: 0 peers, 1 their prefixes, 2 others."""
        start = now_ms - window_constants.WINDOW_MS[window]
        return len({setup[1 + item] for setup in self.setups if start < setup[0] <= now_ms})


def shown_by(event: CallSetup) -> set[str]:
    """Measures of a set-up, by name."""
    shown = {"attempts"}
    mine, theirs = block_of(event.calling_number), block_of(event.called_number)
    if mine and mine == theirs:
        shown.add("neighbour_nxx")
    if mine and theirs and mine[:3] == theirs[:3]:
        shown.add("neighbour_npa")
    if is_invalid(event.calling_number):
        shown.add("invalid")
    if event.attestation:
        shown.add(f"attested_{event.attestation.lower()}")
    if event.verstat and event.verstat.startswith("TN-Validation-Failed"):
        shown.add("verification_failed")
    return shown


def outcome_of(event: CallEnd) -> tuple[set[str], int]:
    """Measures of an end, and talk time in whole seconds, halves up, 65,535 at most."""
    if event.answer_time_ms is None:
        classes = (("bad_number", BAD), ("busy", BUSY), ("no_answer", NO_ANSWER), ("rejected", REJECTED))
        return {"ended"} | {name for name, statuses in classes if event.sip_status in statuses}, 0
    talk_ms = max(0, event.end_time_ms - event.answer_time_ms)
    lengths = {"short": talk_ms <= SHORT_MS, "long": talk_ms > LONG_MS}
    return {"ended", "answered"} | {name for name, holds in lengths.items() if holds}, min(
        65_535, (talk_ms + 500) // 1000
    )


def call_flags(event: CallSetup, *, is_new: bool) -> set[str]:
    """Flags of the call itself, by name."""
    number, verstat = event.calling_number, event.verstat or ""
    block = block_of(number)
    claims = {
        "verified": verstat.startswith("TN-Validation-Passed"),
        "verification_failed": verstat.startswith("TN-Validation-Failed"),
        "invalid_calling": is_invalid(number),
        "foreign_calling": re.fullmatch(r"\+[2-9]\d{6,14}", number, re.ASCII) is not None,
        "anonymous": bool(event.privacy) or not re.search("[0-9]", number),
        "self_call": block is not None and number == event.called_number,
        "toll_free_calling": block is not None and block[:3] in {"800", "833", "844", "855", "866", "877", "888"},
        "neighbour": block is not None and block == block_of(event.called_number),
        "diverted": bool(event.diversion),
        "from_differs": event.from_number not in (None, number),
        "has_name": bool(event.calling_name),
        "new_number": is_new,
    }
    attested = {f"attested_{event.attestation.lower()}"} if event.attestation else set()
    return attested | {name for name, holds in claims.items() if holds}


class NaiveWindows:
    """Twin of `WindowEngine` with unbounded memory and no approximation.

    For tests alone: each call counts anew all that its keys ever saw.
    """

    def __init__(self, partitions: int = 1) -> None:
        """`partitions`: so many share the calls of an origin, a block and a called number."""
        self.partitions = partitions
        self.families: dict[int, dict[object, History]] = {family: {} for family in range(window_constants.N_FAMILIES)}
        self.signed: dict[str, object] = {}

    def update(self, events: list[CallEvent]) -> FeatureMatrix:
        """Count the events in order; one row for each set-up, shape (n_setups, n_features)."""
        kept = []
        for event in events:
            if isinstance(event, CallSetup):
                kept.append(self._setup(event))
            else:
                self._end(event)
        return np.array(kept, dtype=np.float32).reshape(len(kept), len(FEATURES))

    def _setup(self, event: CallSetup) -> list[float]:
        calling, called, trunk = event.calling_number, event.called_number, event.trunk_group_id
        is_new = calling not in self.families[window_constants.NUMBER]
        shown = shown_by(event) | ({"new_number"} if is_new else set())
        is_ours = event.own_signer_spc or event.own_origid
        signer, origid = (event.own_signer_spc, event.own_origid) if is_ours else (event.signer_spc, event.origid)
        origin = (signer or "", origid or "")
        keys: dict[int, object] = {
            window_constants.NUMBER: calling,
            window_constants.TRUNK: trunk,
            window_constants.CALLED: called,
        }
        if any(origin):
            keys[window_constants.ORIGIN] = self.signed[calling] = origin
        if block_of(calling):
            keys[window_constants.BLOCK] = (trunk, block_of(calling))
        now: dict[int, History] = defaultdict(History)
        for family, key in keys.items():
            now[family] = self.families[family].setdefault(key, History())
            peer = calling if family == window_constants.CALLED else called
            other = trunk if family in (window_constants.NUMBER, window_constants.CALLED) else calling
            dialled = None if family == window_constants.CALLED else called
            now[family].add(event, peer, other, dialled, shown)
        now[window_constants.RECEIVED] = self.families[window_constants.CALLED].get(calling, History())
        flags = call_flags(event, is_new=is_new)
        return [self._value(feature, now, event.setup_time_ms, flags) for feature in FEATURES]

    def _end(self, event: CallEnd) -> None:
        if event.treatment == "block":  # how our own answer ends a call says nothing about it
            return
        shown, talk_s = outcome_of(event)
        calling, trunk = event.calling_number, event.trunk_group_id
        keys: dict[int, object] = {
            window_constants.NUMBER: calling,
            window_constants.TRUNK: trunk,
            window_constants.ORIGIN: self.signed.get(calling),
            window_constants.BLOCK: (trunk, block_of(calling)),
            window_constants.CALLED: event.called_number,
        }
        for family, key in keys.items():
            if key in self.families[family]:
                self.families[family][key].ends.append((event.end_time_ms, shown, talk_s))

    def _value(self, feature: Feature, now: dict[int, History], now_ms: int, flags: set[str]) -> float:  # noqa: PLR0911
        operation, family, first, second, window, minimum = feature.instruction
        history = now[family]

        def count(measure: int, at: int = window) -> int:
            return history.count(window_constants.MEASURES[measure], now_ms, at)

        def share(part: float, whole: float) -> float:
            return min(1.0, part / whole) if whole >= minimum and whole > 0 else NOT_ENOUGH_DATA

        match operations.OPERATIONS[operation].name:
            case "flag":
                return float(window_constants.CALL_FLAGS[first] in flags)
            case "count":
                return self._everywhere(count(first), family)
            case "ratio":
                return share(count(first), count(second))
            case "distinct":
                return self._everywhere(history.distinct(first, now_ms, window), family)
            case "distinct_ratio":
                return share(history.distinct(first, now_ms, window), count(window_constants.ATTEMPTS))
            case "calls_per_item":
                different = history.distinct(first, now_ms, window)
                return (
                    count(window_constants.ATTEMPTS) / different
                    if count(window_constants.ATTEMPTS) >= max(1, minimum)
                    else NOT_ENOUGH_DATA
                )
            case "mean_talk":
                answered = count(window_constants.ANSWERED)
                return count(window_constants.TALK_S) / answered if answered >= max(1, minimum) else NOT_ENOUGH_DATA
            case "burst":
                hourly = self._everywhere(count(window_constants.ATTEMPTS, window_constants.W1H), family)
                return self._everywhere(count(window_constants.ATTEMPTS), family) / max(1.0, hourly / 60)
            case "in_out":
                received = count(window_constants.ATTEMPTS) * self.partitions
                made = now[window_constants.NUMBER].count("attempts", now_ms, window)
                return share(received, received + made)
            case "part_of" | "level" | "beside" | "surge" | "age_beside":
                return self._compared(feature, now, now_ms)
            case "age":
                return self._age(history, now_ms)
            case _:
                return self._seconds(now_ms, history.previous_ms)

    def _everywhere(self, counted: float, family: int) -> float:
        """What all partitions would count: the call itself once, the other ones of this partition so many times."""
        if family in (window_constants.NUMBER, window_constants.TRUNK) or counted == 0:
            return float(counted)
        if family == window_constants.RECEIVED:
            return float(counted * self.partitions)
        return float(1 + (counted - 1) * self.partitions)

    def _compared(self, feature: Feature, now: dict[int, History], now_ms: int) -> float:
        operation, family, first, second, window, minimum = feature.instruction
        name, (reference, usual) = operations.OPERATIONS[operation].name, divmod(second, window_constants.N_WINDOWS)
        measure, whole = window_constants.MEASURES[first], WHOLES.get(window_constants.MEASURES[first], "attempts")
        mine, theirs = now[family], now[reference]

        def half(own: float, other: float) -> float:
            return 0.5 if own == other == 0 else own / (own + other)

        ages = [self._age(history, now_ms) for history in (mine, theirs)]
        if NOT_ENOUGH_DATA in ages:
            return NOT_ENOUGH_DATA
        if name == "age_beside":
            return half(*ages)
        part, their_part = mine.count(measure, now_ms, window), theirs.count(measure, now_ms, usual)
        if name == "part_of":
            everywhere = self._everywhere(their_part, reference)
            share = min(1.0, self._everywhere(part, family) / everywhere) if everywhere else NOT_ENOUGH_DATA
            return share if their_part >= minimum else NOT_ENOUGH_DATA
        if name == "surge":
            span, longest = window_constants.WINDOW_MS[window] / 1000, window_constants.WINDOW_MS[usual] / 1000
            known = min(longest, max(ages[0], span))
            return 0.5 if their_part < minimum else half(part / span, their_part / known)
        usual_share = their_part / max(1, theirs.count(whole, now_ms, usual))
        level = (part + minimum * usual_share) / (mine.count(whole, now_ms, window) + minimum)
        return level if name == "level" else half(level, usual_share)

    def _age(self, history: History, now_ms: int) -> float:
        return self._seconds(now_ms, min((setup[0] for setup in history.setups), default=None))

    @staticmethod
    def _seconds(now_ms: int, then_ms: int | None) -> float:
        return NOT_ENOUGH_DATA if then_ms is None else min(30 * 86_400.0, max(0, now_ms - then_ms) / 1000)
