"""A model and a worker that tell unassigned codes by two files are told apart, and nobody else is."""

from typing import Any

import pytest

from detector.features.schemas import F2, F4
from models.serve.assigned_codes import of_calls, told_otherwise


def manifest(*codes: str, names: tuple[str, ...] = F4.names) -> dict[str, Any]:
    return {"version": "gbt-1", "feature_names": list(names), "provenance": of_calls(names, codes)}


@pytest.mark.parametrize(
    ("learnt", "read", "said"),
    [
        (("aa",), "bb", "gbt-1 learnt with assigned codes aa, and bb is read"),
        (("aa",), "", "gbt-1 learnt with assigned codes aa, and none is set"),
        (("", "aa"), "bb", "gbt-1 learnt with assigned codes aa, and bb is read"),
        (("",), "bb", "gbt-1 learnt without ROBOCALL_ASSIGNED_CODES_FILE, and bb is read"),
    ],
)
def test_other_codes_are_told(learnt: tuple[str, ...], read: str, said: str) -> None:
    complaint = told_otherwise(manifest(*learnt), read)

    assert complaint is not None
    assert complaint.startswith(said)
    assert "ROBOCALL_ASSIGNED_CODES_FILE" in complaint


@pytest.mark.parametrize(
    ("known", "read"),
    [
        (manifest("aa"), "aa"),
        (manifest(""), ""),
        (manifest("aa", "bb"), "bb"),
        (manifest(), "bb"),  # of before: nobody knows
        (manifest("aa", names=F2.names), "bb"),  # it reads nothing that is made of them
        (manifest() | {"provenance": None}, "bb"),
        (manifest() | {"provenance": {"assigned_codes": "aa"}}, "bb"),
    ],
)
def test_the_same_and_what_nobody_knows_is_no_complaint(known: dict[str, Any], read: str) -> None:
    assert told_otherwise(known, read) is None


def test_a_model_without_the_feature_keeps_nothing() -> None:
    assert (of_calls(F2.names, ("aa",)), of_calls(F4.names, ())) == ({}, {})
