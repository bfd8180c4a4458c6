"""Numbering plans with OCNs: what is read, and what is refused."""

import gzip
from pathlib import Path

import pytest

from streams.scorecards import plan
from streams.scorecards.plan import PlanRefused, load_plan, read_plan


def test_codes_and_blocks_are_read_and_those_without_an_ocn_left_out() -> None:
    found = read_plan(["ocn,company,prefix\n", "111A,a,303555\n", "222B,b,3035550\n", ",c,303556\n"])

    assert found.to_pylist() == [{"prefix": "303555", "plan_ocn": "111A"}, {"prefix": "3035550", "plan_ocn": "222B"}]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "it has no columns prefix and ocn"),
        (["prefix,ocn\n"], "it has no row with an OCN"),
        (["prefix,ocn\n", "30355,111A\n"], "line 2: '30355' is no NPA-NXX or NPA-NXX-X"),
        (["prefix,ocn\n", "303555\n"], "line 2: it has another number of cells"),
        (["prefix,ocn\n", "303555,111A\n", "303555,222B\n"], "line 3: 303555 stands twice"),
        (["prefix,ocn\n", "303555,111A\n", "303556,111A\n", "303557,111A\n"], "line 4: 303557 stands twice, or there"),
    ],
)
def test_what_is_no_plan_is_refused(lines: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MOST_ROWS", 2)
    with pytest.raises(PlanRefused) as refused:
        read_plan(lines)

    assert str(refused.value).startswith(complaint)


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv.gz"
    path.write_bytes(gzip.compress(b"prefix,ocn\n" + b"303555,111A\n" * 100)[:-9])
    with pytest.raises(PlanRefused, match="is damaged, or no CSV"):
        load_plan(str(path))
    path.write_bytes(gzip.compress(b"a,b\n"))
    with pytest.raises(PlanRefused, match=r"plan\.csv\.gz: it has no columns"):
        load_plan(str(path))


def test_the_real_plan_is_read(reference_data: Path) -> None:
    """Every row of 2022 that has an OCN."""
    said: list[int] = []
    found = load_plan(str(reference_data / "nanpa" / "npa_nxx_x_ocn.csv.gz"), said.append)

    assert found.num_rows == 1_284_380
    assert len(said) > 10
