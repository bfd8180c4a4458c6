"""What a set-up says of its signature, as integers; the slow twin of the memory of signatures tries all of it."""

from typing import Any

import pytest

from detector.columns.call_columns import CallBatch, build_batch
from detector.columns.verdicts import VERSTAT_ABSENT, VERSTAT_FAILED, VERSTAT_NONE, VERSTAT_PASSED, signer_key
from detector.contract.events import Attestation
from detector.features.signatures import (
    IS_UNLIKE_SWITCH,
    IS_UNLIKE_UPSTREAM,
    IS_VOUCHED,
    KNOWS_UPSTREAM,
    PASSED,
    REPLAYED,
    UNSIGNED,
)
from detector.testing import call_setup


def batch(**fields: Any) -> CallBatch:
    return build_batch([call_setup("c", **fields)], [True], [0], seed=1)


@pytest.mark.parametrize(
    ("verstat", "code"),
    [
        (None, VERSTAT_ABSENT),
        ("TN-Validation-Passed", VERSTAT_PASSED),
        ("TN-Validation-Passed-A", VERSTAT_PASSED),
        ("TN-Validation-Failed-C", VERSTAT_FAILED),
        ("TN-Validation-Pass", VERSTAT_NONE),
        ("No-TN-Validation", VERSTAT_NONE),
        ("", VERSTAT_NONE),
    ],
)
def test_verdict_of_the_switch(verstat: str | None, code: int) -> None:
    assert batch(verstat=verstat).verstat.tolist() == [code]


@pytest.mark.parametrize(
    ("fields", "bits"),
    [
        ({}, UNSIGNED),
        ({"own_signer_spc": "1234", "upstream_ocn": "567A"}, UNSIGNED),
        ({"own_cause": "passed"}, PASSED),
        ({"own_cause": "passed", "own_signer_spc": "1234", "upstream_ocn": "1234"}, PASSED | KNOWS_UPSTREAM),
        (
            {"own_cause": "passed", "own_signer_spc": "1234", "upstream_ocn": "12345"},
            PASSED | KNOWS_UPSTREAM | IS_UNLIKE_UPSTREAM,
        ),
        ({"own_cause": "passed", "own_signer_spc": "1234", "upstream_ocn": ""}, PASSED),
        ({"own_cause": "passed", "verstat": "TN-Validation-Failed"}, PASSED | IS_UNLIKE_SWITCH),
        ({"own_cause": "replayed", "verstat": "TN-Validation-Passed-A"}, REPLAYED | IS_UNLIKE_SWITCH),
        ({"own_cause": "replayed", "verstat": "TN-Validation-Failed"}, REPLAYED),
    ],
)
def test_our_own_verdict(fields: dict[str, str], bits: int) -> None:
    assert batch(**fields).signature.tolist() == [bits]


BY_SWITCH = {"verstat": "TN-Validation-Passed", "attestation": Attestation.A}
BY_US = {"own_cause": "passed", "own_attestation": Attestation.A}


@pytest.mark.parametrize(
    ("fields", "is_vouched"),
    [
        ({}, False),
        (BY_SWITCH, True),
        (BY_SWITCH | {"attestation": Attestation.B}, False),
        (BY_SWITCH | {"verstat": "TN-Validation-Failed"}, False),
        (BY_US, True),
        (BY_US | {"own_attestation": Attestation.B}, False),
        (BY_US | {"own_attestation": Attestation.B} | BY_SWITCH, False),
        (BY_SWITCH | {"own_cause": "certificate_revoked"}, False),
        (BY_SWITCH | {"own_cause": "orig_mismatch"}, False),
        (BY_SWITCH | {"own_cause": "replayed"}, False),
        (BY_SWITCH | {"own_cause": "not_checked"}, True),  # nobody could tell: then the switch's counts
        (BY_SWITCH | {"own_cause": "certificate_unavailable"}, True),
    ],
)
def test_our_own_verdict_says_whether_a_number_is_vouched_for(fields: dict[str, Any], is_vouched: bool) -> None:
    assert bool(batch(**fields).signature[0] & IS_VOUCHED) is is_vouched


def test_the_origin_is_that_of_our_own_verdict() -> None:
    said = {"signer_spc": "1234", "origid": "a"}
    ours = {"own_cause": "passed", "own_signer_spc": "567A", "own_origid": "b"}

    found = [batch(**one).origin[0] for one in (said, ours, said | ours, {"signer_spc": "567A", "origid": "b"})]

    assert found[1] == found[2] == found[3] != found[0]


def test_the_key_of_a_signer_is_that_of_its_code() -> None:
    assert batch(own_signer_spc="1234").own_signer.tolist() == [signer_key("1234")]
