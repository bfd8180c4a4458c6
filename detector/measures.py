"""What the windows measure: lengths, panes, measures, families and call flags, as constants that kernels compile in."""

from dataclasses import dataclass

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

WINDOW_MS = (10 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, DAY_MS)
"""Lengths of the five sliding windows, half-open `(now - length, now]`."""
WINDOW_NAMES = ("10s", "1m", "5m", "1h", "24h")
N_WINDOWS = 5
W10S, W1M, W5M, W1H, W24H = range(N_WINDOWS)
PANES_PER_WINDOW = 8
N_PANES = PANES_PER_WINDOW + 1
PANE_MS = tuple(length // PANES_PER_WINDOW for length in WINDOW_MS)

RING = 16
COLD_RING = 2

SHORT_TALK_MS = 6 * SECOND_MS
LONG_TALK_MS = 120 * SECOND_MS
SEQUENTIAL_REACH = 10

MEASURES = (
    "attempts",
    "neighbour_nxx",
    "neighbour_npa",
    "sequential",
    "invalid",
    "new_number",
    "attested_a",
    "attested_b",
    "attested_c",
    "verification_failed",
    "ended",
    "answered",
    "short",
    "long",
    "bad_number",
    "no_answer",
    "busy",
    "rejected",
    "talk_s",
)
N_MEASURES = 19
(
    ATTEMPTS,
    NEIGHBOUR_NXX,
    NEIGHBOUR_NPA,
    SEQUENTIAL,
    INVALID,
    NEW_NUMBER,
    ATTESTED_A,
    ATTESTED_B,
    ATTESTED_C,
    VERIFICATION_FAILED,
    ENDED,
    ANSWERED,
    SHORT,
    LONG,
    BAD_NUMBER,
    NO_ANSWER,
    BUSY,
    REJECTED,
    TALK_S,
) = range(N_MEASURES)
N_SETUP_MEASURES = ENDED
"""Measures below are counted at the set-up of a call, the others at its end; talk time is a sum, not a count."""

CALL_FLAGS = (
    "attested_a",
    "attested_b",
    "attested_c",
    "verified",
    "verification_failed",
    "invalid_calling",
    "foreign_calling",
    "anonymous",
    "self_call",
    "toll_free_calling",
    "neighbour",
    "diverted",
    "from_differs",
    "has_name",
    "new_number",
)
(
    FLAG_ATTESTED_A,
    FLAG_ATTESTED_B,
    FLAG_ATTESTED_C,
    FLAG_VERIFIED,
    FLAG_FAILED,
    FLAG_INVALID,
    FLAG_FOREIGN,
    FLAG_ANONYMOUS,
    FLAG_SELF_CALL,
    FLAG_TOLL_FREE,
    FLAG_NEIGHBOUR,
    FLAG_DIVERTED,
    FLAG_FROM_DIFFERS,
    FLAG_HAS_NAME,
    FLAG_NEW_NUMBER,
) = range(15)

FAMILIES = ("number", "trunk", "origin", "block", "called", "received")
N_FAMILIES = 6
NUMBER, TRUNK, ORIGIN, BLOCK, CALLED, RECEIVED = range(N_FAMILIES)
"""`received` is no store of its own: it is what the called family knows of the calling number."""

ITEMS = ("peer", "prefix", "other")
N_ITEMS = 3
PEER, PREFIX, OTHER = range(N_ITEMS)
"""Counted distinct: the other party, its NPA-NXX, and the trunk of a number or the calling number of the rest."""
KEPT_ITEMS = (PEER, OTHER, PREFIX)
"""The items in the order in which a family keeps them: most need no more than the first two."""

_OUTCOMES = (ENDED, ANSWERED, SHORT, LONG, BAD_NUMBER)
_ENDS = (ENDED, ANSWERED, SHORT, LONG, BAD_NUMBER, NO_ANSWER, BUSY, REJECTED, TALK_S)
_ALL = tuple(range(N_MEASURES))


@dataclass(frozen=True, slots=True)
class FamilyShape:
    """How one family stores its windows.

    Attributes:
        measures: Measures that it keeps panes of, ascending.
        items: Number of distinct counts kept, the first of `KEPT_ITEMS`.
        levels: Resolutions of a distinct sketch.
        width: Registers of one resolution.
    """

    measures: tuple[int, ...]
    items: int
    levels: int
    width: int


SHAPES = {
    NUMBER: FamilyShape(
        (ATTEMPTS, NEIGHBOUR_NXX, NEIGHBOUR_NPA, SEQUENTIAL, ATTESTED_A, VERIFICATION_FAILED, *_ENDS), 3, 7, 32
    ),
    TRUNK: FamilyShape(_ALL, 2, 12, 128),
    ORIGIN: FamilyShape((ATTEMPTS, NEIGHBOUR_NXX, SEQUENTIAL, NEW_NUMBER, *_OUTCOMES, TALK_S), 2, 12, 128),
    BLOCK: FamilyShape((ATTEMPTS, NEIGHBOUR_NXX, SEQUENTIAL, NEW_NUMBER, *_OUTCOMES, TALK_S), 2, 7, 32),
    CALLED: FamilyShape((ATTEMPTS, NEW_NUMBER, ENDED, ANSWERED), 1, 7, 32),
}

NOT_ENOUGH_DATA = -1.0
"""Value of a feature whose sample is too small to say anything."""

OPERATIONS = (
    "count",
    "ratio",
    "distinct",
    "distinct_ratio",
    "calls_per_item",
    "mean_talk",
    "burst",
    "age",
    "idle",
    "flag",
    "in_out",
)
COUNT, RATIO, DISTINCT, DISTINCT_RATIO, CALLS_PER_ITEM, MEAN_TALK, BURST, AGE, IDLE, FLAG, IN_OUT = range(11)
"""How a feature is computed; a step of the program is (operation, family, first, second, window, minimum sample)."""
STEP_COLUMNS = 6
AGE_LIMIT_S = 30 * 86_400.0
BURST_PARTS = 60.0
"""Minutes in the hour that the last minute is compared with."""
LONGEST_TALK_S = 65_535.0
