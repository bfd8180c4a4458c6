"""What a set-up says of its signature, as integers; the slow twin of the memory of signatures tries all of it."""

import pytest

from detector.columns.call_columns import CallBatch, build_batch
from detector.columns.verdicts import VERSTAT_ABSENT, VERSTAT_FAILED, VERSTAT_NONE, VERSTAT_PASSED, signer_key
from detector.features.signatures import (
    IS_UNLIKE_SWITCH,
    IS_UNLIKE_UPSTREAM,
    KNOWS_UPSTREAM,
    PASSED,
    REPLAYED,
    UNSIGNED,
)
from detector.testing import call_setup


def batch(**fields: str | None) -> CallBatch:
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


def test_the_key_of_a_signer_is_that_of_its_code() -> None:
    assert batch(own_signer_spc="1234").own_signer.tolist() == [signer_key("1234")]
