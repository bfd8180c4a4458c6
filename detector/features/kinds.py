"""Kinds of features: each function gives rows of the feature table, named, described and with their instruction.

They are called once, when `detector.features.table` is imported. Most give a feature for each window or measure that
they are asked for. A `family`, and the `other` that it is compared with, is one of `FAMILIES`; a `window`, and the
`usual` one, an index of `WINDOW_NAMES`; `part`, `whole` and `measures` are of `MEASURES`, `item` is of `ITEMS`;
`minimum` is the fewest calls that it is computed from; `what` goes into the name, `words` into the description.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from detector.features import operations
from detector.features.operations import Instruction
from detector.features.window_constants import (
    AGE_LIMIT_S,
    ANSWERED,
    ATTEMPTS,
    BAD_NUMBER,
    BLOCK,
    BUSY,
    CALLED,
    ENDED,
    FAMILIES,
    LONG,
    LONGEST_TALK_S,
    NEIGHBOUR_NXX,
    NEW_NUMBER,
    NO_ANSWER,
    NUMBER,
    ORIGIN,
    RECEIVED,
    REJECTED,
    SEQUENTIAL,
    SHORT,
    TALK_S,
    TRUNK,
    W1M,
    W24H,
    WINDOW_NAMES,
)

MINIMUM_SAMPLE = 5
"""Fewest calls that a share of a number's calls is computed from (46 Labs: profiles start at 5 attempts)."""
MINIMUM_SAMPLE_GROUP = 20
"""Fewest calls for shares of trunks, origins and blocks (46 Labs floor for a stable ratio)."""
DRAWN_BY = 5
"""Calls like the trunk group's usual ones that a compared share is drawn by: own calls soon outweigh them."""
UNBOUNDED = float("inf")

FAMILY_WORDS = {
    NUMBER: "of the calling number",
    TRUNK: "of the trunk group",
    ORIGIN: "of the origin (signer and origid)",
    BLOCK: "of the calling number's block (NPA-NXX within the trunk)",
    CALLED: "to the called number",
    RECEIVED: "received by the calling number",
}
NEW_NUMBERS = "calls from numbers never seen before"
_COMPARED = {
    NEIGHBOUR_NXX: ("neighbour_nxx_ratio", "share of calls into the caller's own NPA-NXX"),
    SEQUENTIAL: ("sequential_ratio", "share of calls that dial on in sequence"),
    NEW_NUMBER: ("new_number_share", f"share of {NEW_NUMBERS}"),
    ANSWERED: ("asr", "share of answered calls (ASR)"),
    SHORT: ("sdr", "share of talks of at most 6 s (SDR)"),
    LONG: ("long_share", "share of talks above 120 s"),
    BAD_NUMBER: ("bad_number_share", "share of calls to numbers not in service"),
    TALK_S: ("mean_talk", "mean talk time"),
}
"""Measures that are compared: name, and words that "of calls ..." follows."""
_WINDOW_WORDS = ("10 seconds", "minute", "5 minutes", "hour", "24 hours")


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the feature matrix.

    Attributes:
        name: Unique, `family_what_window`.
        unit: `calls`, `share`, `ratio`, `s`, `flag`, `numbers`.
        low: Lowest value that is not `NOT_ENOUGH_DATA`.
        high: Highest value, infinite where unbounded.
        source: Family whose windows it comes from, or `call`.
        minimum_sample: Fewest calls that it is computed from; below it is `NOT_ENOUGH_DATA`. 0 = always computed.
        doc: What it is, a phrase that continues "This is the ...".
        instruction: How it is computed.
    """

    name: str
    unit: str
    low: float
    high: float
    source: str
    minimum_sample: int
    doc: str
    instruction: Instruction


def name_of(family: int, what: str, window: int) -> str:
    """Name a feature of a family in a window."""
    return f"{FAMILIES[family]}_{what}_{WINDOW_NAMES[window]}"


def calls_of(family: int, window: int) -> str:
    """Say which calls are counted."""
    return f"calls {FAMILY_WORDS[family]} in the last {_WINDOW_WORDS[window]}"


def attempts(family: int, *windows: int) -> Iterator[Feature]:
    """Numbers of calls."""
    for window in windows:
        instruction = Instruction(operations.COUNT, family, ATTEMPTS, 0, window, 0)
        name = name_of(family, "attempts", window)
        doc = f"number of {calls_of(family, window)}"
        yield Feature(name, "calls", 0.0, UNBOUNDED, FAMILIES[family], 0, doc, instruction)


def share(family: int, what: str, part: int, whole: int, minimum: int, words: str, *windows: int) -> Iterator[Feature]:
    """Shares of the measure `part` in the measure `whole`, in [0, 1]."""
    for window in windows:
        instruction = Instruction(operations.RATIO, family, part, whole, window, minimum)
        doc = f"share of {words} among {calls_of(family, window)}"
        yield Feature(name_of(family, what, window), "share", 0.0, 1.0, FAMILIES[family], minimum, doc, instruction)


def distinct(family: int, what: str, item: int, words: str, *windows: int) -> Iterator[Feature]:
    """Numbers of different items."""
    for window in windows:
        instruction = Instruction(operations.DISTINCT, family, item, 0, window, 0)
        doc = f"number of different {words} among {calls_of(family, window)}"
        yield Feature(name_of(family, what, window), "numbers", 0.0, UNBOUNDED, FAMILIES[family], 0, doc, instruction)


def distinct_ratio(family: int, what: str, item: int, minimum: int, words: str, *windows: int) -> Iterator[Feature]:
    """Different items for each call, in [0, 1]."""
    for window in windows:
        instruction = Instruction(operations.DISTINCT_RATIO, family, item, 0, window, minimum)
        doc = f"number of different {words} for each of the {calls_of(family, window)}"
        yield Feature(name_of(family, what, window), "ratio", 0.0, 1.0, FAMILIES[family], minimum, doc, instruction)


def calls_per(family: int, what: str, item: int, minimum: int, words: str, *windows: int) -> Iterator[Feature]:
    """Calls for each different item, at least 1."""
    for window in windows:
        instruction = Instruction(operations.CALLS_PER_ITEM, family, item, 0, window, minimum)
        doc = f"calls for each different {words} among {calls_of(family, window)}"
        yield Feature(
            name_of(family, what, window), "ratio", 1.0, UNBOUNDED, FAMILIES[family], minimum, doc, instruction
        )


def mean_talk(family: int, minimum: int, *windows: int) -> Iterator[Feature]:
    """Mean talk times, seconds."""
    for window in windows:
        instruction = Instruction(operations.MEAN_TALK, family, 0, 0, window, minimum)
        doc = f"mean talk time of answered {calls_of(family, window)}"
        name = name_of(family, "mean_talk", window)
        yield Feature(name, "s", 0.0, LONGEST_TALK_S, FAMILIES[family], minimum, doc, instruction)


def burst(family: int) -> Feature:
    """Calls of the last minute against those of a mean minute of the last hour."""
    doc = f"calls {FAMILY_WORDS[family]} in the last minute against its mean minute of the last hour"
    instruction = Instruction(operations.BURST, family, 0, 0, W1M, 0)
    return Feature(f"{FAMILIES[family]}_burst", "ratio", 0.0, UNBOUNDED, FAMILIES[family], 0, doc, instruction)


def ages(family: int, words: str) -> Iterator[Feature]:
    """Time since the first and since the previous call, seconds."""
    name = FAMILIES[family]
    high = AGE_LIMIT_S
    first = f"time since the first call {words} that is remembered"
    previous = f"time since the previous call {words}"
    yield Feature(f"{name}_age", "s", 0.0, high, name, 0, first, Instruction(operations.AGE, family, 0, 0, 0, 0))
    yield Feature(f"{name}_idle", "s", 0.0, high, name, 2, previous, Instruction(operations.IDLE, family, 0, 0, 0, 0))


def part_of(family: int, other: int, minimum: int, *windows: int) -> Iterator[Feature]:
    """How much of the traffic of the trunk group (or another key of the call) a key is, in [0, 1]."""
    for window in windows:
        instruction = Instruction(
            operations.PART_OF, family, ATTEMPTS, operations.pack_reference(other, window), window, minimum
        )
        name = name_of(family, f"part_of_{FAMILIES[other]}", window)
        doc = f"share of calls {FAMILY_WORDS[family]} among {calls_of(other, window)}"
        yield Feature(name, "share", 0.0, 1.0, FAMILIES[family], minimum, doc, instruction)


def levels(family: int, other: int, window: int, *measures: int) -> Iterator[Feature]:
    """Shares that few calls do not throw about: as if `DRAWN_BY` more calls had been like the other key's.

    Each is in [0, 1]; of `TALK_S` it is the mean talk time, seconds.
    """
    for measure in measures:
        what, words = _COMPARED[measure]
        instruction = Instruction(
            operations.LEVEL, family, measure, operations.pack_reference(other, window), window, DRAWN_BY
        )
        doc = f"{words} of {calls_of(family, window)} and {DRAWN_BY} more like those {FAMILY_WORDS[other]}"
        name = name_of(family, f"{what}_level", window)
        unit, high = ("s", LONGEST_TALK_S) if measure == TALK_S else ("share", 1.0)
        yield Feature(name, unit, 0.0, high, FAMILIES[family], 0, doc, instruction)


def beside(family: int, window: int, other: int, usual: int, *measures: int) -> Iterator[Feature]:
    """Shares against the trunk group's (or another key's) in the window `usual`, 0.5 where they are alike."""
    for measure in measures:
        what, words = _COMPARED[measure]
        instruction = Instruction(
            operations.BESIDE, family, measure, operations.pack_reference(other, usual), window, DRAWN_BY
        )
        against = f"{FAMILIES[other]}_{WINDOW_NAMES[usual]}" if other != family else "usual"
        doc = f"{words} of {calls_of(family, window)} against {calls_of(other, usual)} (0.5 = alike)"
        name = f"{name_of(family, what, window)}_vs_{against}"
        yield Feature(name, "ratio", 0.0, 1.0, FAMILIES[family], 0, doc, instruction)


def surge(family: int, *windows: int) -> Iterator[Feature]:
    """The rate of short windows against the last day's, in [0, 1], 0.5 where they are alike."""
    for window in windows:
        instruction = Instruction(
            operations.SURGE, family, ATTEMPTS, operations.pack_reference(family, W24H), window, 3
        )
        doc = f"rate of {calls_of(family, window)} against that of the last 24 hours (0.5 = alike)"
        yield Feature(name_of(family, "surge", window), "ratio", 0.0, 1.0, FAMILIES[family], 0, doc, instruction)


def age_beside(family: int, other: int) -> Feature:
    """A key's age against another key's, in [0, 1], 0.5 where they are alike."""
    instruction = Instruction(operations.AGE_BESIDE, family, 0, operations.pack_reference(other, 0), 0, 0)
    words = f"time since the first call {FAMILY_WORDS[family]} that is remembered"
    doc = f"{words} against that {FAMILY_WORDS[other]} (0.5 = alike)"
    name = f"{FAMILIES[family]}_age_vs_{FAMILIES[other]}"
    return Feature(name, "ratio", 0.0, 1.0, FAMILIES[family], 0, doc, instruction)


def outcomes(family: int, minimum: int, *windows: int) -> Iterator[Feature]:
    """What became of the calls: the field's ASR, SDR, talk times and release mix."""
    yield from share(family, "asr", ANSWERED, ENDED, minimum, "answered calls (ASR)", *windows)
    yield from share(family, "sdr", SHORT, ANSWERED, minimum, "talks of at most 6 s (SDR)", *windows)
    yield from share(family, "long_share", LONG, ANSWERED, minimum, "talks above 120 s", *windows)
    yield from mean_talk(family, minimum, *windows)
    yield from share(
        family, "bad_number_share", BAD_NUMBER, ENDED, minimum, "calls to numbers not in service", *windows
    )


def other_releases(family: int, minimum: int, *windows: int) -> Iterator[Feature]:
    """Why calls were not answered."""
    yield from share(family, "no_answer_share", NO_ANSWER, ENDED, minimum, "unanswered calls", *windows)
    yield from share(family, "busy_share", BUSY, ENDED, minimum, "busy calls", *windows)
    yield from share(family, "rejected_share", REJECTED, ENDED, minimum, "rejected calls", *windows)
