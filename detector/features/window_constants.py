"""What the windows measure: lengths, panes, measures, families and call flags, as constants that kernels compile in."""

from dataclasses import dataclass

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

WINDOW_MS = (10 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, DAY_MS)
"""Lengths of the five sliding windows, half-open `(now - length, now]`."""
WINDOW_NAMES = ("10s", "1m", "5m", "1h", "24h")
N_WINDOWS = len(WINDOW_MS)
W10S, W1M, W5M, W1H, W24H = range(N_WINDOWS)
PANES_PER_WINDOW = 8
N_PANES = PANES_PER_WINDOW + 1
PANE_MS = tuple(length // PANES_PER_WINDOW for length in WINDOW_MS)

RING = 8
"""Latest calls that a busy key keeps exactly; one that is not busy keeps one."""

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
N_MEASURES = len(MEASURES)
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
) = range(len(CALL_FLAGS))

FAMILIES = ("number", "trunk", "origin", "block", "called", "received")
N_FAMILIES = len(FAMILIES)
NUMBER, TRUNK, ORIGIN, BLOCK, CALLED, RECEIVED = range(N_FAMILIES)
"""`received` is no store of its own: it is what the called family knows of the calling number."""

ITEMS = ("peer", "prefix", "other")
N_ITEMS = len(ITEMS)
PEER, PREFIX, OTHER = range(N_ITEMS)
"""Counted distinct: the other party, its NPA-NXX, and the trunk of a number or the calling number of the rest."""
Pairs = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Measures for each of the five windows, ascending."""

_HOURLY = (NEIGHBOUR_NXX, SEQUENTIAL, ENDED, ANSWERED, SHORT, LONG, BAD_NUMBER, TALK_S)
_GROUP_5M = (ATTEMPTS, NEW_NUMBER, ENDED, BAD_NUMBER)
_GROUP_1H = (ATTEMPTS, NEIGHBOUR_NXX, SEQUENTIAL, NEW_NUMBER, ENDED, ANSWERED, SHORT, LONG, BAD_NUMBER, TALK_S)
_RELEASES = (NO_ANSWER, BUSY, REJECTED)
_SHOWN = (ATTEMPTS, ANSWERED, SHORT, BAD_NUMBER, *_RELEASES)
"""What `robocall lookup` shows of a trunk group in every window."""
_MIX = (INVALID, ATTESTED_A, ATTESTED_B, ATTESTED_C, VERIFICATION_FAILED)


@dataclass(frozen=True, slots=True)
class Sketch:
    """How one distinct count is kept: `rows` times `levels` registers of a byte.

    Attributes:
        item: What is counted.
        rows: Registers of one level; the relative error is about 0.69 / sqrt(rows) (Lang 2017, "Back to the Future").
        levels: Level n sees one item in 2**(n + 1), the last one as many as that before it.
    """

    item: int
    rows: int
    levels: int


@dataclass(frozen=True, slots=True)
class FamilyShape:
    """How one family stores its windows. To read another measure in a window, add it to `pairs`; all else follows.

    Attributes:
        pairs: Measures kept for each window, ascending; beyond the calls that are kept exactly no other can be read.
        sketches: Distinct counts kept.
        distinct_windows: Windows in which they can be read, the first two; their registers tell times as well as the
            panes of the shorter one do.
        is_wide: Panes of 32 bits and estimates that are remembered, for keys of very many calls; else 16 bits: a pane
            then counts to 65,535 and stays there (talk time is of 32 bits in any case).
    """

    pairs: Pairs
    sketches: tuple[Sketch, ...]
    distinct_windows: tuple[int, int]
    is_wide: bool


SHAPES = {
    NUMBER: FamilyShape(
        pairs=(
            (ATTEMPTS, ANSWERED),
            (ATTEMPTS, ANSWERED),
            (ATTEMPTS, ENDED, ANSWERED),
            tuple(sorted((ATTEMPTS, *_HOURLY, *_RELEASES))),
            tuple(sorted((ATTEMPTS, *_HOURLY, *_RELEASES, NEIGHBOUR_NPA, ATTESTED_A, VERIFICATION_FAILED))),
        ),
        sketches=(Sketch(PEER, 8, 9), Sketch(PREFIX, 8, 8), Sketch(OTHER, 16, 1)),
        distinct_windows=(W1H, W24H),
        is_wide=False,
    ),
    TRUNK: FamilyShape(
        pairs=(
            _SHOWN,
            _SHOWN,
            tuple(sorted({*_SHOWN, *_GROUP_5M})),
            tuple(sorted((*_GROUP_1H, *_MIX, *_RELEASES))),
            tuple(sorted((*_GROUP_1H, *_RELEASES))),
        ),
        sketches=(Sketch(PEER, 128, 12), Sketch(OTHER, 128, 12)),
        distinct_windows=(W5M, W1H),
        is_wide=True,
    ),
    ORIGIN: FamilyShape(
        pairs=((ATTEMPTS,), (ATTEMPTS,), _GROUP_5M, _GROUP_1H, _GROUP_1H),
        sketches=(Sketch(PEER, 64, 12), Sketch(OTHER, 64, 12)),
        distinct_windows=(W5M, W1H),
        is_wide=True,
    ),
    BLOCK: FamilyShape(
        pairs=((ATTEMPTS,), (ATTEMPTS,), _GROUP_5M, _GROUP_1H, _GROUP_1H),
        sketches=(Sketch(PEER, 16, 8), Sketch(OTHER, 16, 8)),
        distinct_windows=(W5M, W1H),
        is_wide=False,
    ),
    CALLED: FamilyShape(
        pairs=((ATTEMPTS,), (ATTEMPTS,), (ATTEMPTS,), (ATTEMPTS, NEW_NUMBER), (ATTEMPTS, ENDED, ANSWERED)),
        sketches=(Sketch(PEER, 16, 8),),
        distinct_windows=(W5M, W1H),
        is_wide=False,
    ),
}

NOT_ENOUGH_DATA = -1.0
"""Value of a feature whose sample is too small to say anything."""

AGE_LIMIT_S = 30 * 86_400.0
"""Ages above this are reported as this."""
LONGEST_TALK_S = 65_535.0
"""Talk times above this are counted as this."""
