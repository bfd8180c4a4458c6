"""Events to columns: keys, classes, measures."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns.call_columns import CallBatch, build_batch
from detector.columns.hashing import HASHED, hash_text, mix
from detector.contract.events import Attestation, CallEnd, CallSetup

AT_MS = 1_700_000_000_000


def setup(calling: str = "+12125550100", called: str = "+13105550100", **more: object) -> CallSetup:
    return CallSetup(
        call_id="c", setup_time_ms=AT_MS, calling_number=calling, called_number=called, trunk_group_id="T",
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


def end(status: int, answer_ms: int | None = None, after_ms: int = 1000) -> CallEnd:
    return CallEnd(
        call_id="c", setup_time_ms=AT_MS, end_time_ms=AT_MS + after_ms, calling_number="+12125550100",
        called_number="+13105550100", trunk_group_id="T", sip_status=status,
        answer_time_ms=None if answer_ms is None else AT_MS + answer_ms,
    )  # fmt: skip


def setups(*events: CallSetup) -> CallBatch:
    return build_batch(events, [True] * len(events), seed=1)


def test_nanp_number_is_its_own_key_and_anything_else_a_hash() -> None:
    batch = setups(setup("+12125550100"), setup("anonymous"), setup("+442071234567"))

    assert batch.calling[0] == 12_125_550_100
    assert (batch.calling[1:] >= HASHED).all()
    assert batch.calling_npanxx.tolist() == [212_555, -1, -1]


def test_non_ascii_text_does_not_shift_its_neighbours() -> None:
    plain = setups(setup("+12125550100"), setup("abc"), setup("+13105550199"))
    mixed = setups(setup("+12125550100"), setup("zürich☎"), setup("+13105550199"))

    assert mixed.calling[[0, 2]].tolist() == plain.calling[[0, 2]].tolist()
    assert mixed.calling[1] == hash_text("zürich☎", seed=1)


def test_origin_is_signer_and_origid_together() -> None:
    batch = setups(setup(), setup(signer_spc="ab", origid="c"), setup(signer_spc="a", origid="bc"))

    assert batch.origin[0] == 0
    assert batch.origin[1] != batch.origin[2]


@pytest.mark.parametrize(
    ("status", "code"), [(404, 1), (484, 1), (604, 1), (486, 2), (600, 2), (480, 3), (487, 3), (603, 4), (503, 0)]
)
def test_release_class_follows_the_sip_status(status: int, code: int) -> None:
    assert build_batch([end(status)], [False], seed=1).release[0] == code


def test_talk_time_is_never_negative() -> None:
    batch = build_batch([end(200, 5_000, after_ms=1_000), end(200, 100, after_ms=1_000)], [False, False], seed=1)

    assert batch.talk_ms.tolist() == [0, 900]


def test_attestation_as_enum_and_as_text_is_the_same() -> None:
    batch = setups(setup(attestation=Attestation.B), setup(attestation="B"), setup())

    assert batch.attestation.tolist() == [2, 2, 0]


def test_sequences_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        build_batch([setup()], [], seed=1)


@settings(max_examples=50)
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=20))
def test_keys_depend_on_the_text_alone(texts: list[str]) -> None:
    """Whatever else is in the batch: equal text, equal key; unequal text, unequal key."""
    batch = setups(*(setup(text) for text in texts))
    alone = [int(setups(setup(text)).calling[0]) for text in texts]

    assert batch.calling.tolist() == alone
    assert len(set(alone)) == len(set(texts))


def test_hash_is_the_same_in_another_process() -> None:
    """Keys outlive the process: snapshots and other workers rely on them."""
    code = "from detector.columns.hashing import hash_text, mix; print(hash_text('anonymous', seed=3), mix(1, 2, 3))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert other.stdout.split() == [str(hash_text("anonymous", seed=3)), str(mix(1, 2, 3))]


def test_hash_spreads_over_all_low_bits() -> None:
    """10,000 near-equal texts fill 64 buckets evenly: chi-square below 120 (63 degrees of freedom, p < 1e-4)."""
    buckets = np.bincount([hash_text(f"trunk-{n}", seed=1) % 64 for n in range(10_000)], minlength=64)
    expected = 10_000 / 64

    assert float(((buckets - expected) ** 2 / expected).sum()) < 120
