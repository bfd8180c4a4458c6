"""The feature table: one ordered row a feature drives computation, schema id, explanations and the documentation page.

A trained model is bound to `FEATURE_SCHEMA_ID`; any change of the table changes it and asks for a new model.
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from detector.features import kinds, operations
from detector.features.day_features import DAY_FEATURES
from detector.features.kinds import Feature
from detector.features.number_features import NUMBER_FEATURES
from detector.features.operations import Instruction, operands_of, reference_of
from detector.features.signature_features import SIGNATURE_FEATURES
from detector.features.window_constants import (
    ANSWERED,
    ATTEMPTS,
    ATTESTED_A,
    ATTESTED_B,
    ATTESTED_C,
    BAD_NUMBER,
    BLOCK,
    CALL_FLAGS,
    CALLED,
    ENDED,
    FAMILIES,
    INVALID,
    LONG,
    N_FAMILIES,
    N_MEASURES,
    N_WINDOWS,
    NEIGHBOUR_NPA,
    NEIGHBOUR_NXX,
    NEW_NUMBER,
    NOT_ENOUGH_DATA,
    NUMBER,
    ORIGIN,
    OTHER,
    PEER,
    PREFIX,
    RECEIVED,
    SEQUENTIAL,
    SHORT,
    TALK_S,
    TRUNK,
    VERIFICATION_FAILED,
    W1H,
    W1M,
    W5M,
    W10S,
    W24H,
)


def _number() -> Iterator[Feature]:
    family, minimum = NUMBER, kinds.MINIMUM_SAMPLE
    hour, day = W1H, W24H
    yield from kinds.attempts(family, *range(N_WINDOWS))
    yield kinds.burst(family)
    yield from kinds.ages(family, kinds.FAMILY_WORDS[family])
    yield from kinds.distinct(family, "distinct_called", PEER, "called numbers", hour, day)
    yield from kinds.distinct_ratio(family, "distinct_called_ratio", PEER, minimum, "called numbers", hour, day)
    yield from kinds.distinct(family, "distinct_npanxx", PREFIX, "called NPA-NXX", hour, day)
    yield from kinds.distinct_ratio(family, "distinct_npanxx_ratio", PREFIX, minimum, "called NPA-NXX", hour)
    yield from kinds.distinct(family, "distinct_trunks", OTHER, "trunk groups", hour, day)
    sequential = "calls that dial on in sequence"
    yield from kinds.share(family, "sequential_ratio", SEQUENTIAL, ATTEMPTS, 3, sequential, hour, day)
    same_block = "calls into the caller's own NPA-NXX"
    yield from kinds.share(family, "neighbour_nxx_ratio", NEIGHBOUR_NXX, ATTEMPTS, minimum, same_block, hour, day)
    same_area = "calls into the caller's own area code"
    yield from kinds.share(family, "neighbour_npa_ratio", NEIGHBOUR_NPA, ATTEMPTS, minimum, same_area, day)
    yield from kinds.share(family, "attested_a_share", ATTESTED_A, ATTEMPTS, minimum, "A-attested calls", day)
    failed = "calls whose verification failed"
    yield from kinds.share(family, "failed_share", VERIFICATION_FAILED, ATTEMPTS, minimum, failed, day)
    yield from kinds.outcomes(family, minimum, hour, day)
    yield from kinds.other_releases(family, minimum, hour, day)


def _mix(family: int, minimum: int, *windows: int) -> Iterator[Feature]:
    """What a group of callers looks like: attestation and verification."""
    for what, measure, words in (
        ("attested_a_share", ATTESTED_A, "A-attested calls"),
        ("attested_b_share", ATTESTED_B, "B-attested calls"),
        ("attested_c_share", ATTESTED_C, "C-attested calls"),
        ("failed_share", VERIFICATION_FAILED, "calls whose verification failed"),
        ("invalid_share", INVALID, "calls from impossible numbers"),
    ):
        yield from kinds.share(family, what, measure, ATTEMPTS, minimum, words, *windows)


def _group(family: int) -> Iterator[Feature]:
    """Features of trunk, origin and block alike."""
    minimum = kinds.MINIMUM_SAMPLE_GROUP
    five, hour = W5M, W1H
    yield from kinds.attempts(family, W1M, hour, W24H)
    yield kinds.burst(family)
    yield from kinds.ages(family, kinds.FAMILY_WORDS[family])
    yield from kinds.distinct_ratio(family, "distinct_called_ratio", PEER, minimum, "called numbers", hour)
    yield from kinds.distinct_ratio(family, "distinct_calling_ratio", OTHER, minimum, "calling numbers", five, hour)
    yield from kinds.calls_per(family, "calls_per_number", OTHER, minimum, "calling number", hour)
    yield from kinds.share(family, "new_number_share", NEW_NUMBER, ATTEMPTS, minimum, kinds.NEW_NUMBERS, five, hour)
    same_block = "calls into the caller's own NPA-NXX"
    yield from kinds.share(family, "neighbour_nxx_ratio", NEIGHBOUR_NXX, ATTEMPTS, minimum, same_block, hour)
    sequential = "calls that dial on in sequence"
    yield from kinds.share(family, "sequential_ratio", SEQUENTIAL, ATTEMPTS, minimum, sequential, hour)
    yield from kinds.outcomes(family, minimum, hour)


def _called() -> Iterator[Feature]:
    family = CALLED
    yield from kinds.attempts(family, W10S, W5M, W1H, W24H)
    yield kinds.burst(family)
    yield from kinds.distinct(family, "distinct_calling", PEER, "calling numbers", W5M, W1H)
    yield from kinds.distinct_ratio(family, "distinct_calling_ratio", PEER, 3, "calling numbers", W1H)
    yield from kinds.share(family, "new_number_share", NEW_NUMBER, ATTEMPTS, 3, "calls from new numbers", W1H)
    yield from kinds.share(family, "asr", ANSWERED, ENDED, 3, "answered calls (ASR)", W24H)


def _received() -> Iterator[Feature]:
    family, source = RECEIVED, FAMILIES[RECEIVED]
    yield from kinds.attempts(family, W1H, W24H)
    instruction = Instruction(operations.IN_OUT, family, 0, 0, W24H, 2)
    doc = "share of calls received among calls received and made by the calling number in the last 24 hours"
    yield Feature("number_in_out_ratio_24h", "share", 0.0, 1.0, source, 2, doc, instruction)


def _compared_numbers() -> Iterator[Feature]:
    """The calling number against its trunk group, origin and block."""
    family, hour, day = NUMBER, W1H, W24H
    outcomes = (ANSWERED, SHORT, LONG, BAD_NUMBER, TALK_S)
    yield from kinds.part_of(family, TRUNK, kinds.MINIMUM_SAMPLE_GROUP, hour, day)
    yield from kinds.part_of(family, ORIGIN, kinds.MINIMUM_SAMPLE_GROUP, hour)
    yield from kinds.part_of(family, BLOCK, kinds.MINIMUM_SAMPLE, hour)
    yield from kinds.levels(family, TRUNK, day, *outcomes)
    yield from kinds.beside(family, hour, TRUNK, day, ANSWERED, SEQUENTIAL)
    yield from kinds.beside(family, day, TRUNK, day, ANSWERED, BAD_NUMBER, TALK_S)
    yield from kinds.surge(family, hour)
    yield kinds.age_beside(family, TRUNK)


def _compared_trunk() -> Iterator[Feature]:
    """The trunk group now against its own usual day."""
    family, five, hour, day = TRUNK, W5M, W1H, W24H
    watched = (NEW_NUMBER, BAD_NUMBER, ANSWERED, SHORT, SEQUENTIAL, NEIGHBOUR_NXX)
    yield from kinds.beside(family, five, family, day, NEW_NUMBER, BAD_NUMBER)
    yield from kinds.beside(family, hour, family, day, *watched)
    yield from kinds.surge(family, five, hour)
    yield from _new_numbers(family)


def _compared_origin() -> Iterator[Feature]:
    """The origin against its own usual day and against the trunk group."""
    family, five, hour, day = ORIGIN, W5M, W1H, W24H
    yield from kinds.beside(family, hour, family, day, NEW_NUMBER, ANSWERED)
    yield from kinds.beside(family, hour, TRUNK, day, NEW_NUMBER, SHORT, BAD_NUMBER, LONG)
    yield from kinds.levels(family, TRUNK, hour, NEW_NUMBER, ANSWERED, SHORT, BAD_NUMBER)
    yield from kinds.levels(family, TRUNK, day, ANSWERED, SHORT, BAD_NUMBER, TALK_S)
    yield from kinds.surge(family, five, hour)
    yield from kinds.part_of(family, TRUNK, kinds.MINIMUM_SAMPLE_GROUP, hour)
    yield from _new_numbers(family)
    yield kinds.age_beside(family, TRUNK)


def _compared_block() -> Iterator[Feature]:
    """The calling number's block against the trunk group."""
    family, five, hour, day = BLOCK, W5M, W1H, W24H
    yield from kinds.beside(family, hour, TRUNK, day, ANSWERED, SHORT)
    yield from kinds.levels(family, TRUNK, hour, NEW_NUMBER, ANSWERED, SHORT, BAD_NUMBER)
    yield from kinds.surge(family, hour)
    yield from kinds.part_of(family, TRUNK, kinds.MINIMUM_SAMPLE_GROUP, five, hour)
    yield from _new_numbers(family)
    yield kinds.age_beside(family, TRUNK)


def _new_numbers(family: int) -> Iterator[Feature]:
    """Numbers never seen before among the calls of a day."""
    new, minimum = (NEW_NUMBER, ATTEMPTS), kinds.MINIMUM_SAMPLE_GROUP
    yield from kinds.share(family, "new_number_share", *new, minimum, kinds.NEW_NUMBERS, W24H)


# Decisions quote the words of features, so they stay: they say "impossible" of what is called invalid elsewhere.
_FLAG_WORDS = (
    "the call is A-attested",
    "the call is B-attested",
    "the call is C-attested",
    "the signature of the call verified",
    "the signature of the call did not verify",
    "the calling number is impossible",
    "the calling number is foreign",
    "the caller is anonymous or asked for privacy",
    "the call seems to come from the called number itself",
    "the calling number is toll-free",
    "caller and called number share NPA-NXX",
    "the call was forwarded",
    "From and P-Asserted-Identity differ",
    "the call carries a calling name",
    "the calling number was never seen before",
)


def _flags() -> Iterator[Feature]:
    for flag, (name, words) in enumerate(zip(CALL_FLAGS, _FLAG_WORDS, strict=True)):
        instruction = Instruction(operations.FLAG, 0, flag, 0, 0, 0)
        yield Feature(f"call_{name}", "flag", 0.0, 1.0, "call", 0, f"sign that {words}", instruction)


FEATURES: tuple[Feature, ...] = (
    *_number(),
    *_received(),
    *_group(TRUNK),
    *_mix(TRUNK, kinds.MINIMUM_SAMPLE_GROUP, W1H),
    *_group(ORIGIN),
    *_group(BLOCK),
    *_called(),
    *_compared_numbers(),
    *_compared_trunk(),
    *_compared_origin(),
    *_compared_block(),
    *_flags(),
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
N_FEATURES = len(FEATURES)
INDEX: dict[str, int] = {name: column for column, name in enumerate(FEATURE_NAMES)}
"""Feature name to its column."""
_ALL = (*FEATURES, *DAY_FEATURES, *SIGNATURE_FEATURES, *NUMBER_FEATURES)
_BY_NAME = {feature.name: feature for feature in _ALL}


def _reads_trunk(feature: Feature) -> bool:
    return TRUNK in (feature.instruction.family, reference_of(feature.instruction)[0])


OF_TRUNK_GROUPS: frozenset[str] = frozenset(feature.name for feature in FEATURES if _reads_trunk(feature))
"""Features that read the trunk group's windows: what other partitions counted for it comes a moment later."""


def schema_id_of(name: str, features: Iterable[Feature]) -> str:
    """Id of a feature table: its name and a digest of what it computes, in order."""
    rows = "\n".join(f"{f.name} {f.unit} {tuple(f.instruction)}" for f in features)
    return f"{name}-{hashlib.sha256(rows.encode()).hexdigest()[:12]}"


FEATURE_SCHEMA_ID = schema_id_of("f2", FEATURES)
"""Digest of the table."""


def program() -> NDArray[np.int64]:
    """The table as the windows read it: one `Instruction` a row, shape (N_FEATURES, 6) int64."""
    return np.array([feature.instruction for feature in FEATURES], dtype=np.int64)


def wanted_distinct() -> NDArray[np.bool_]:
    """Which families need distinct counts of which windows, shape (N_FAMILIES, N_WINDOWS) bool."""
    wanted = np.zeros((N_FAMILIES, N_WINDOWS), dtype=np.bool_)
    for feature in FEATURES:
        item = operands_of(feature.instruction).item
        if item is not None:
            wanted[item.family, item.window] = True
    return wanted


def wanted_counts() -> NDArray[np.bool_]:
    """Which measures of which windows the features read, shape (N_FAMILIES, N_WINDOWS, N_MEASURES) bool."""
    wanted = np.zeros((N_FAMILIES, N_WINDOWS, N_MEASURES), dtype=np.bool_)
    for feature in FEATURES:
        for count in operands_of(feature.instruction).counts:
            wanted[count] = True
    return wanted


def _figure(feature: Feature, value: float) -> str:
    if feature.unit == "share":
        return f"{100 * value:.0f} %"
    if feature.unit == "s":
        return f"{value:.0f} s"
    return f"{value:.2f}" if feature.unit == "ratio" else f"{value:.0f}"


def explain(name: str, value: float) -> str:
    """Say in one sentence, for a person, what a value of a feature means.

    Args:
        name: Name of the feature.
        value: In the feature's unit, or `NOT_ENOUGH_DATA`.

    Raises:
        KeyError: No feature has that name.
    """
    feature = _BY_NAME[name]
    words = feature.doc[0].upper() + feature.doc[1:]
    if value == NOT_ENOUGH_DATA:
        return f"{words}: not enough data."
    if feature.unit == "flag":
        return f"{words}: {'yes' if value >= 0.5 else 'no'}."  # noqa: PLR2004 - halfway between no and yes
    return f"{words}: {_figure(feature, value)}."
