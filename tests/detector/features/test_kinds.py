"""Rows of the feature table: names, bounds, words and instructions of each kind."""

from detector.features import kinds, operations
from detector.features.operations import Instruction, pack_reference
from detector.features.window_constants import (
    ANSWERED,
    ATTEMPTS,
    BAD_NUMBER,
    ENDED,
    LONGEST_TALK_S,
    NUMBER,
    TALK_S,
    TRUNK,
    W1H,
    W1M,
    W24H,
)


def test_a_window_each_is_a_feature_each() -> None:
    short, long = kinds.attempts(NUMBER, W1M, W24H)

    assert (short.name, long.name) == ("number_attempts_1m", "number_attempts_24h")
    assert short.doc == "number of calls of the calling number in the last minute"
    assert long.instruction == Instruction(operations.COUNT, NUMBER, ATTEMPTS, 0, W24H, 0)


def test_a_share_is_a_part_of_its_whole_with_a_minimum_sample() -> None:
    (asr,) = kinds.share(TRUNK, "asr", ANSWERED, ENDED, 20, "answered calls (ASR)", W1H)

    assert (asr.low, asr.high, asr.unit, asr.minimum_sample) == (0.0, 1.0, "share", 20)
    assert asr.instruction == Instruction(operations.RATIO, TRUNK, ANSWERED, ENDED, W1H, 20)


def test_a_comparison_says_with_what_it_compares() -> None:
    """With another key it is named for that key, with its own longer time for what is usual."""
    (trunk,) = kinds.beside(NUMBER, W1H, TRUNK, W24H, BAD_NUMBER)
    (usual,) = kinds.beside(TRUNK, W1H, TRUNK, W24H, BAD_NUMBER)

    assert trunk.name == "number_bad_number_share_1h_vs_trunk_24h"
    assert usual.name == "trunk_bad_number_share_1h_vs_usual"
    assert trunk.instruction.second == pack_reference(TRUNK, W24H)


def test_a_level_of_talk_time_is_seconds_and_of_all_else_a_share() -> None:
    talk, asr = kinds.levels(NUMBER, TRUNK, W24H, TALK_S, ANSWERED)

    assert (talk.unit, talk.high) == ("s", LONGEST_TALK_S)
    assert (asr.unit, asr.high) == ("share", 1.0)
