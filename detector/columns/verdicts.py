"""What a set-up says of its signature: the verdict of the switch, and ours, as integers. Compiled."""

import numpy as np

from detector.columns.arrays import Bytes
from detector.columns.compiled import compiled_borrowing
from detector.columns.facts import ABSENT, ATTESTATION_CODE
from detector.columns.hashing import hash_text, same_bytes
from detector.features import signatures

VERSTAT_ABSENT, VERSTAT_PASSED, VERSTAT_FAILED, VERSTAT_NONE = 0, 1, 2, 3
_PASSED = np.frombuffer(b"TN-Validation-Passed", dtype=np.uint8)
_FAILED = np.frombuffer(b"TN-Validation-Failed", dtype=np.uint8)
SIGNER_SEED = 11
"""Of `signer_key`. Public: who signs has a certificate for its code, so nobody chooses codes that collide."""
_ATTESTED_A = ATTESTATION_CODE["A"]
_NAMES = [cause.value.encode() for cause in signatures.GROUPS]
_CAUSES = np.frombuffer(b"".join(_NAMES), dtype=np.uint8)
_CAUSE_STOPS = np.cumsum([len(name) for name in _NAMES])
_CAUSE_GROUPS = np.array(list(signatures.GROUPS.values()))
_FAILED_GROUPS = sum(1 << group for group in signatures.FAILED)


@compiled_borrowing
def verstat_code(data: Bytes, start: int, stop: int) -> int:
    """Verdict of the switch as it stands in a set-up."""
    if start == ABSENT:
        return VERSTAT_ABSENT
    if stop - start >= len(_PASSED) and same_bytes(data, start, _PASSED, 0, len(_PASSED)):
        return VERSTAT_PASSED
    is_failed = stop - start >= len(_FAILED) and same_bytes(data, start, _FAILED, 0, len(_FAILED))
    return VERSTAT_FAILED if is_failed else VERSTAT_NONE


@compiled_borrowing
def _group_of(data: Bytes, at: int, length: int) -> int:
    """Group of a cause; one that nobody knows counts as a broken signature."""
    begin = 0
    for place in range(len(_CAUSE_STOPS)):
        stop = _CAUSE_STOPS[place]
        if stop - begin == length and same_bytes(data, at, _CAUSES, begin, length):
            return int(_CAUSE_GROUPS[place])
        begin = stop
    return int(signatures.BROKEN)


@compiled_borrowing
def signature_of(
    data: Bytes,
    cause: tuple[int, int],
    own: tuple[int, int],
    upstream: tuple[int, int],
    verstat: int,
    attestations: tuple[int, int],
) -> int:
    """What our own verdict says, as bits of `detector.features.signatures`.

    Args:
        data: Text of the batch.
        cause: Where our verdict's cause stands in it, `ABSENT` without one.
        own: Where the provider code of the signer that we verified stands.
        upstream: Where that of the provider behind the trunk group does.
        verstat: Verdict of the switch.
        attestations: Levels by our own verdict and by the switch, `facts.ATTESTATION_CODE`.
    """
    by_switch = verstat == VERSTAT_PASSED and attestations[1] == _ATTESTED_A
    if cause[0] == ABSENT:
        return signatures.UNSIGNED | (signatures.IS_VOUCHED if by_switch else 0)
    bits = group = _group_of(data, cause[0], cause[1] - cause[0])
    if group == signatures.PASSED:
        bits |= signatures.IS_VOUCHED if attestations[0] == _ATTESTED_A else 0
    elif by_switch and (group == signatures.UNSIGNED or group == signatures.UNCHECKED):  # noqa: PLR1714 - compiled
        bits |= signatures.IS_VOUCHED
    has_passed, has_failed = group == signatures.PASSED, (_FAILED_GROUPS >> group) & 1 != 0
    if (has_passed and verstat == VERSTAT_FAILED) or (has_failed and verstat == VERSTAT_PASSED):
        bits |= signatures.IS_UNLIKE_SWITCH
    if own[1] > own[0] and upstream[1] > upstream[0]:
        bits |= signatures.KNOWS_UPSTREAM
        length = own[1] - own[0]
        if length != upstream[1] - upstream[0] or not same_bytes(data, own[0], data, upstream[0], length):
            bits |= signatures.IS_UNLIKE_UPSTREAM
    return bits


def signer_key(spc: str) -> int:
    """Key of a signer's provider code, as it stands in `CallBatch.own_signer`."""
    return hash_text(spc, seed=SIGNER_SEED)
