"""The latest answers of a partition as bytes: they come back as they were, and anything else is refused."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.policy.standing import PolicyMemory
from detector.policy.unjudged import FAILED_OPEN
from streams.screening.repeats import Remembered
from streams.state.policy_memory import decode, encode
from streams.state.repeats_memory import GROUP, Entries, packed, unpacked
from streams.state.snapshot_errors import SnapshotRefused

OUTCOME = msgspec.msgpack.encode(FAILED_OPEN)


def remembered(states: list[int]) -> Remembered:
    count = len(states)
    outcomes = {place: OUTCOME for place, state in enumerate(states) if state & 4}
    return Remembered(np.arange(count), np.linspace(0, 1, count), np.array(states, np.uint8), outcomes)


@given(st.lists(st.integers(0, 7), max_size=40))
def test_what_is_remembered_comes_back_as_it_was(states: list[int]) -> None:
    one = remembered(states)

    again = unpacked(msgspec.msgpack.decode(msgspec.msgpack.encode(packed(one)), type=Entries))

    assert again.keys.tolist() == one.keys.tolist()
    assert again.scores.tolist() == one.scores.tolist()
    assert again.states.tolist() == states
    assert again.outcomes == one.outcomes


def test_more_answers_than_a_group_come_back() -> None:
    one = remembered([7] * (2 * GROUP + 1))

    assert len(packed(one).outcomes) == 3
    assert unpacked(packed(one)).outcomes == one.outcomes


@pytest.mark.parametrize(
    "damaged",
    [
        lambda good: msgspec.structs.replace(good, keys=good.keys[:-8]),
        lambda good: msgspec.structs.replace(good, keys=good.keys[:-1]),
        lambda good: msgspec.structs.replace(good, scores=b""),
        lambda good: msgspec.structs.replace(good, states=b"\0" + good.states[1:]),
        lambda good: msgspec.structs.replace(good, outcomes=()),
        lambda good: msgspec.structs.replace(good, outcomes=(msgspec.Raw(msgspec.msgpack.encode({0: b"x"})),)),
    ],
)
def test_what_is_damaged_is_refused(damaged: object) -> None:
    """Where it is met, with the rest of the memory: one sentence."""
    wrong = damaged(packed(remembered([4, 1])))  # type: ignore[operator]
    content = msgspec.msgpack.encode([[], [], wrong])

    with pytest.raises(SnapshotRefused, match="damaged"):
        decode(content)


def test_a_snapshot_of_a_build_before_has_none_and_that_build_reads_ours() -> None:
    """It took a list of two, and more is ignored by whoever asks for two."""

    class Before(msgspec.Struct, array_like=True):
        held: tuple[msgspec.Raw, ...]
        standing: tuple[msgspec.Raw, ...]

    _, nothing = decode(msgspec.msgpack.encode([[], []]))
    ours = encode(PolicyMemory({}, ()), remembered([7, 1]))

    assert (len(nothing.keys), nothing.outcomes) == (0, {})
    assert msgspec.msgpack.decode(ours, type=Before).held == ()
