"""What each operation of the feature table means: its name, its formula, and every number that it reads. One table.

All others derive from it: the table lists what the windows have to keep (`detector.features.table`), a check compares
that with what they do keep (`coverage`), and the compiled interpreter finds its numbers by it
(`detector.windows.feature_rows`). The formulas themselves are compiled there, and written once more, slowly, in
`detector.testing.naive_windows`; a property test holds the two together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from detector.features.window_constants import (
    ANSWERED,
    ATTEMPTS,
    ENDED,
    N_SETUP_MEASURES,
    N_WINDOWS,
    NUMBER,
    TALK_S,
    W1H,
)


class Instruction(NamedTuple):
    """How one feature is computed: a line of the program that the windows run for each call.

    Attributes:
        operation: One of the constants below, an index of `OPERATIONS`.
        family: Whose windows are read.
        first: Measure, item or call flag, as the operation has it.
        second: Measure of the whole, or what is compared with, packed by `pack_reference`.
        window: Index of `window_constants.WINDOW_MS`.
        minimum: Fewest calls that it is computed from, or that a comparison is drawn by.
    """

    operation: int
    family: int
    first: int
    second: int
    window: int
    minimum: int


class Count(NamedTuple):
    """One count of the windows: a measure of a family in a window."""

    family: int
    window: int
    measure: int


class Item(NamedTuple):
    """One distinct count of the windows: different items of a family in a window."""

    family: int
    item: int
    window: int


class Operands(NamedTuple):
    """Every number that an instruction reads beside ages and call flags; None where it reads none of the kind.

    Attributes:
        part: What is counted.
        whole: Of what it is a part.
        item: What is counted without repeats.
        beside: What the part is compared with.
        beside_whole: Of what that is a part.
    """

    part: Count | None = None
    whole: Count | None = None
    item: Item | None = None
    beside: Count | None = None
    beside_whole: Count | None = None

    @property
    def counts(self) -> list[Count]:
        """All counts among them."""
        return [count for count in (self.part, self.whole, self.beside, self.beside_whole) if count is not None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One way to compute a feature.

    Attributes:
        name: As tests and pages call it.
        formula: What comes out, in words.
        operands: Says what an instruction of this operation reads.
    """

    name: str
    formula: str
    operands: Callable[[Instruction], Operands]


def pack_reference(family: int, window: int) -> int:
    """Pack what a feature is compared with: a family of the same call, in a window."""
    return family * N_WINDOWS + window


def reference_of(instruction: Instruction) -> tuple[int, int]:
    """Family and window that an instruction compares with; of one that compares nothing its own."""
    if instruction.operation not in COMPARISONS:
        return instruction.family, instruction.window
    return divmod(instruction.second, N_WINDOWS)


def _own(instruction: Instruction, measure: int) -> Count:
    return Count(instruction.family, instruction.window, measure)


def _other(instruction: Instruction, measure: int) -> Count:
    return Count(*reference_of(instruction), measure)


def _attempts(instruction: Instruction) -> Count:
    return _own(instruction, ATTEMPTS)


def _item(instruction: Instruction) -> Operands:
    """Different items; never more than the attempts, which are read with them."""
    return Operands(whole=_attempts(instruction), item=Item(instruction.family, instruction.first, instruction.window))


def _compared(instruction: Instruction) -> Operands:
    whole = WHOLES[instruction.first]
    return Operands(
        part=_own(instruction, instruction.first),
        whole=_own(instruction, whole),
        beside=_other(instruction, instruction.first),
        beside_whole=_other(instruction, whole),
    )


OPERATIONS = (
    Operation("count", "part", lambda instruction: Operands(part=_own(instruction, instruction.first))),
    Operation(
        "ratio",
        "part / whole, cut to [0, 1]",
        lambda instruction: Operands(
            part=_own(instruction, instruction.first), whole=_own(instruction, instruction.second)
        ),
    ),
    Operation("distinct", "items", _item),
    Operation("distinct_ratio", "items / attempts, cut to [0, 1]", _item),
    Operation("calls_per_item", "attempts / items", _item),
    Operation(
        "mean_talk",
        "talk time / answered calls",
        lambda instruction: Operands(part=_own(instruction, TALK_S), whole=_own(instruction, ANSWERED)),
    ),
    Operation(
        "burst",
        "attempts / (attempts of the hour / 60)",
        lambda instruction: Operands(whole=_attempts(instruction), beside=Count(instruction.family, W1H, ATTEMPTS)),
    ),
    Operation("age", "seconds since the first call", lambda _: Operands()),
    Operation("idle", "seconds since the previous call", lambda _: Operands()),
    Operation("flag", "1 where the call shows the flag, else 0", lambda _: Operands()),
    Operation(
        "in_out",
        "received / (received + made by the calling number)",
        lambda instruction: Operands(whole=_attempts(instruction), beside=Count(NUMBER, instruction.window, ATTEMPTS)),
    ),
    Operation(
        "part_of",
        "part / the same of the other key, cut to [0, 1]",
        lambda instruction: Operands(
            part=_own(instruction, instruction.first), beside=_other(instruction, instruction.first)
        ),
    ),
    Operation("level", "share in its whole, as if `minimum` more calls had been like the other key's", _compared),
    Operation("beside", "level / (level + the other key's share)", _compared),
    Operation(
        "surge",
        "rate / (rate + rate of the longer window)",
        lambda instruction: Operands(
            part=_own(instruction, instruction.first), beside=_other(instruction, instruction.first)
        ),
    ),
    Operation("age_beside", "age / (age + the other key's age)", lambda _: Operands()),
)
"""How a feature is computed, by number.

The last five compare: a key with the trunk group or another key of the same call, or with itself over a longer time.
`Instruction.second` then says with what. The compiled interpreter relies on their standing behind all others.
"""
(
    COUNT, RATIO, DISTINCT, DISTINCT_RATIO, CALLS_PER_ITEM, MEAN_TALK, BURST, AGE, IDLE, FLAG, IN_OUT,
    PART_OF, LEVEL, BESIDE, SURGE, AGE_BESIDE,
) = range(len(OPERATIONS))  # fmt: skip
COMPARISONS = range(PART_OF, len(OPERATIONS))

WHOLES = (
    *(ATTEMPTS,) * N_SETUP_MEASURES,
    *(ENDED,) * 2,  # ended, answered
    *(ANSWERED,) * 2,  # short, long
    *(ENDED,) * 4,  # bad number, no answer, busy, rejected
    ANSWERED,  # talk time
)
"""Of what each measure is a share: calls, ended calls or talks; of talk time the mean."""
BURST_PARTS = 60.0
"""Minutes in the hour that the last minute is compared with."""
ALIKE = 0.5
"""Value of a comparison where both sides are alike, or where there is nothing to compare yet."""


def operands_of(instruction: Instruction) -> Operands:
    """Every number that an instruction reads from the windows."""
    return OPERATIONS[instruction.operation].operands(instruction)
