"""The policy memory as bytes: it comes back as it was, and anything else is refused with one sentence."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.decisions import Action, Mode
from detector.policy.held import Held
from detector.policy.standing import MAX_TRUNKS, PolicyMemory, StandingDecision
from streams.screening.repeats import Remembered
from streams.state import policy_memory
from streams.state.policy_memory import GROUP, decode, encode
from streams.state.snapshot_errors import SnapshotRefused

INSTANTS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
ACTIONS = st.sampled_from(Action)
HELD = st.builds(Held, ACTIONS, INSTANTS, st.lists(INSTANTS, max_size=5).map(tuple))
STANDING = st.builds(
    StandingDecision,
    TEXTS,
    ACTIONS,
    TEXTS,
    INSTANTS,
    INSTANTS,
    TEXTS,
    st.sampled_from(Mode),
    st.none() | TEXTS,
    st.lists(TEXTS, max_size=MAX_TRUNKS).map(tuple),
    st.booleans(),
    st.lists(st.none() | TEXTS, max_size=MAX_TRUNKS + 1).map(tuple),
)
MEMORIES = st.builds(PolicyMemory, st.dictionaries(TEXTS, HELD), st.lists(STANDING).map(tuple))

SMALL = PolicyMemory(
    {"+12125550123": Held(Action.LABEL, 2_000, (1_000,))},
    (StandingDecision("number:+12125550123", Action.BLOCK, "scam", 1, 2, "model", Mode.SHADOW, "d-1"),),
)


@given(memory=MEMORIES)
def test_any_memory_comes_back_as_it_was(memory: PolicyMemory) -> None:
    """Order included: at the bound the entry set longest ago goes first."""
    again, _ = decode(encode(memory, Remembered.nothing()))

    assert again == memory
    assert list(again.held) == list(memory.held)


def test_more_than_a_group_comes_back_in_order() -> None:
    numbers = [f"+1212555{n:04d}" for n in range(2 * GROUP + 1)]
    memory = PolicyMemory({number: Held(Action.BLOCK, n) for n, number in enumerate(numbers)}, SMALL.standing * 501)

    again, _ = decode(encode(memory, Remembered.nothing()))

    assert list(again.held) == numbers
    assert again == memory


def test_actions_and_modes_are_those_of_the_domain() -> None:
    """Compared by identity in the policy, so equal strings would not do."""
    again, _ = decode(encode(SMALL, Remembered.nothing()))

    assert again.held["+12125550123"].action is Action.LABEL
    assert again.standing[0].mode is Mode.SHADOW


@settings(max_examples=300)
@given(data=st.data())
def test_damage_is_refused_or_decodes_to_a_memory_never_anything_else(data: st.DataObject) -> None:
    changed = bytearray(encode(SMALL, Remembered.nothing()))
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(changed[: data.draw(st.integers(0, len(changed)))])

    try:
        memory, _ = decode(content)
    except SnapshotRefused:
        return
    assert all(isinstance(held, Held) for held in memory.held.values())


@pytest.mark.parametrize(
    "group",
    [
        [["+1", "destroy", 1, []]],
        [["+1", "label", "soon", []]],
        [["+1", "label", 1, [1] * 1_001]],
        [["1" * 1_300, "label", 1, []]],
        [["+1", "label", 2**64 - 1, []]],
        "no list",
    ],
)
def test_what_is_no_entry_is_refused(group: object) -> None:
    """Unknown action, wrong type, too many blocks, too long, too large, no list at all."""
    content = msgspec.msgpack.encode([[msgspec.Raw(msgspec.msgpack.encode(group))], []])

    with pytest.raises(SnapshotRefused, match=r"^policy memory is skipped: it is damaged"):
        decode(content)


def test_more_than_the_bound_is_neither_written_nor_read(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encode(SMALL, Remembered.nothing())
    monkeypatch.setattr(policy_memory, "MAX_BYTES", 10)

    with pytest.raises(SnapshotRefused, match=r"is not written: the most is 10$"):
        encode(SMALL, Remembered.nothing())
    with pytest.raises(SnapshotRefused, match=r"is skipped: the most is 10$"):
        decode(content)


@pytest.mark.parametrize(
    "changes", [{"category": "c" * 1_025}, {"trunk_group_ids": ("t",) * (MAX_TRUNKS + 1)}, {"since_ms": 2**63}]
)
def test_what_could_not_be_read_is_not_written(changes: dict[str, Any]) -> None:
    """Else it would take the place of a snapshot that can be read, and the next start would warm up."""
    memory = PolicyMemory({}, (replace(SMALL.standing[0], **changes),))

    with pytest.raises(SnapshotRefused, match=r"^policy memory is not written: an entry is beyond its bounds"):
        encode(memory, Remembered.nothing())
