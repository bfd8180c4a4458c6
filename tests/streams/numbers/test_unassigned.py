"""What nobody has is what no code and no block covers, in area codes of which enough is known."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from detector.numbers.do_not_originate import DnoList, DnoTable, ascending
from streams.numbers.unassigned import FEWEST_CODES, AssignmentsRefused, unassigned_of


def unassigned(*assigned: str) -> DnoTable:
    return DnoTable([DnoList(DnoList.of([]).source, unassigned_of(DnoList.of(assigned).entries))])


def codes(area: int, offices: range) -> list[str]:
    return [f"{area}{office:03}" for office in offices]


def test_codes_and_blocks_that_nobody_has_are_found() -> None:
    """The first block of 212-999 is assigned, and so are blocks of 212-200, which is assigned whole anyway."""
    table = unassigned(*codes(212, range(200, 300)), "2129990", "2122001", *codes(213, range(200, 299)))

    def prefix(number: str) -> str | None:
        found = table.match(f"+1{number}")
        return None if found is None else found.prefix

    assert [prefix(f"212200{line}") for line in ("0000", "1000", "9999")] == [None] * 3
    assert prefix("2129990123") is None
    assert prefix("2129991123") == "2129991"
    assert prefix("2125550123") == "212555"
    assert [prefix(number) for number in ("2121990000", "2120000000")] == [None, None]  # no office code is 0xx or 1xx
    assert prefix("2135550123") is None  # 99 codes: the file may not know the others
    assert prefix("3105550123") is None


def test_what_says_too_little_is_refused() -> None:
    with pytest.raises(AssignmentsRefused, match=f"no area code has {FEWEST_CODES} assigned codes"):
        unassigned_of({})
    with pytest.raises(AssignmentsRefused, match="there are others"):
        unassigned_of(DnoList.of(["212", *codes(212, range(200, 300))]).entries)


def test_no_number_of_the_real_plan_is_unassigned(reference_data: Path) -> None:
    """The plan of 2022: none of its codes and blocks is, and of the codes that it does not name 70,295 are."""
    with gzip.open(reference_data / "nanpa" / "npa_nxx_x_ocn.csv.gz", "rt") as file:
        prefixes = [row[0] for row in csv.reader(file)][1:]
    assigned = DnoList.of(prefixes)

    table = DnoTable([DnoList(assigned.source, unassigned_of(assigned.entries))])

    first = [ascending(keys) * 10 ** (10 - length) for length, keys in assigned.entries.items()]
    numbers = np.concatenate(first) + 10_000_000_000
    assert len(numbers) == len(prefixes)
    assert not table.lengths(numbers).any()
    assert table.size == 70_295  # counted by sets of texts
