"""The join with the FCC's database: what is found by what, and what is never found.

The real file is read where it is there; none of its rows stands here.
"""

import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.upstreams import database as rmd
from streams.upstreams.database import Database, DatabaseRefused, Filing, exact_form, near_form, read_database
from streams.upstreams.entries import Registration, State, Sure, Upstream, UpstreamRole
from tests.streams.upstreams.upstream_case import DATABASE, FILINGS, TODAY, upstream

HEAD = "number,frn,business_name,other_frns,other_dba_names,intermediate_provider_choice\n"


def joined(**entry: Any) -> tuple[State, Sure | None, str | None, str | None]:
    found = DATABASE.join(upstream(registration=None, **entry), TODAY)
    assert found.as_of == TODAY
    return found.state, found.by, found.rmd_number, found.conflict


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"rmd_number": "RMD0000001", "frn": "11"}, (State.LISTED, Sure.NUMBER, "RMD0000001", None)),
        ({"frn": "11"}, (State.LISTED, Sure.FRN, "RMD0000001", None)),
        ({"frn": "23", "legal_name": "Aurora Calls"}, (State.LISTED, Sure.FRN, "RMD0000002", None)),
        ({"legal_name": "ACME Telecom L.L.C."}, (State.LISTED, Sure.NAME_EXACT, "RMD0000001", None)),
        ({"legal_name": "The Telecom Acme Corp"}, (State.UNSURE, Sure.NAME_NEAR, "RMD0000001", None)),
        ({"legal_name": "aurora calls"}, (State.UNSURE, Sure.NAME_NEAR, "RMD0000002", None)),
        ({"legal_name": "Nobody Knows Inc"}, (State.MISSING, None, None, None)),
        ({"legal_name": "Nobody", "frn": "99"}, (State.MISSING, None, None, None)),
        ({"legal_name": "Nobody", "rmd_number": "RMD0000009"}, (State.WITHDRAWN, None, None, None)),
        (
            {"legal_name": "Twin Networks"},
            (State.UNSURE, Sure.NAME_EXACT, "RMD0000003", "2 filings fit, RMD0000003, RMD0000004 among them"),
        ),
        ({"frn": "99"}, (State.UNSURE, Sure.NAME_EXACT, "RMD0000001", "RMD0000001 has FRN 0000000011")),
        (
            {"rmd_number": "RMD0000009"},
            (State.WITHDRAWN, None, None, "RMD0000001 is by the same name, or nearly"),
        ),
        (
            {"rmd_number": "RMD0000009", "frn": "11"},
            (State.LISTED, Sure.FRN, "RMD0000001", "it is filed as RMD0000001"),
        ),
        (
            {"rmd_number": "RMD0000001", "frn": "22"},
            (State.LISTED, Sure.NUMBER, "RMD0000001", "RMD0000001 has FRN 0000000011"),
        ),
        (
            {"rmd_number": "RMD0000001", "legal_name": "Shell Four"},
            (State.LISTED, Sure.NUMBER, "RMD0000001", "RMD0000001 is of another name"),
        ),
        (
            {"rmd_number": "RMD0000001", "role": UpstreamRole.GATEWAY},
            (State.LISTED, Sure.NUMBER, "RMD0000001", "RMD0000001 does not say that it is gateway"),
        ),
    ],
)
def test_a_registration_is_found_by_the_surest_of_what_is_known(
    entry: dict[str, object], expected: tuple[State, Sure | None, str | None, str | None]
) -> None:
    assert joined(**entry) == expected


@pytest.mark.parametrize(
    ("before", "state"),
    [
        (State.LISTED, State.WITHDRAWN),
        (State.WITHDRAWN, State.WITHDRAWN),
        (State.UNSURE, State.MISSING),
        (State.MISSING, State.MISSING),
    ],
)
def test_one_that_was_there_and_is_gone_is_withdrawn(before: State, state: State) -> None:
    entry = upstream(legal_name="Nobody", registration=Registration(state=before, as_of=date(2026, 1, 1)))

    assert DATABASE.join(entry, TODAY).state is state


WORDS = st.lists(st.sampled_from(["acme", "north", "tele", "voice", "llc", "inc", "the"]), min_size=1, max_size=3)
NAMES = WORDS.map(" ".join)
NUMBERS = st.integers(0, 12)


@st.composite
def filings(draw: st.DrawFn) -> list[Filing]:
    numbers = draw(st.lists(NUMBERS, unique=True, max_size=8))
    return [Filing(f"RMD{n:07}", f"{draw(NUMBERS):010}", draw(NAMES)) for n in numbers]


ENTRIES = st.builds(
    upstream,
    legal_name=NAMES,
    rmd_number=st.none() | NUMBERS.map("RMD{:07}".format),
    frn=st.none() | NUMBERS.map("{:010}".format),
    registration=st.none(),
)


@given(filings(), ENTRIES, st.randoms(use_true_random=False))
def test_the_join_is_what_looking_at_every_row_finds(rows: list[Filing], entry: Upstream, order: random.Random) -> None:
    """In any order of the rows; and nobody is ever listed whom no number, FRN or whole name leads to."""
    shuffled = order.sample(rows, len(rows))

    found = Database(shuffled).join(entry, TODAY)

    ways = {
        Sure.NUMBER: [one for one in rows if one.number == entry.rmd_number],
        Sure.FRN: [one for one in rows if one.frn == entry.frn],
        Sure.NAME_EXACT: [one for one in rows if exact_form(one.name) == exact_form(entry.legal_name)],
        Sure.NAME_NEAR: [one for one in rows if near_form(one.name) == near_form(entry.legal_name)],
    }
    way = next((way for way, fitting in ways.items() if fitting), None)
    by_name = way in {Sure.NAME_EXACT, Sure.NAME_NEAR}
    if way is None or (by_name and entry.rmd_number is not None):
        state = State.MISSING if entry.rmd_number is None else State.WITHDRAWN
        assert (found.state, found.by, found.rmd_number) == (state, None, None)
        return
    assert (found.by, found.rmd_number) == (way, min(one.number for one in ways[way]))
    is_sure = len(ways[way]) == 1 and way is not Sure.NAME_NEAR and not (by_name and entry.frn is not None)
    assert (found.state is State.LISTED) is is_sure


@given(NAMES)
def test_forms_of_a_name_stay_as_they_are_once_made(name: str) -> None:
    assert exact_form(exact_form(name)) == exact_form(name)
    assert near_form(near_form(name)) == near_form(name)
    assert near_form(exact_form(name).upper()) == near_form(name)


def test_a_file_is_read_with_what_else_it_says() -> None:
    rows = [HEAD, 'RMD0000007,12345,"Acme, Inc.","0005100383;  0031735129","none; A Cme",Yes\n']
    found = read_database(rows)

    assert len(found) == 1
    for frn in ("12345", "5100383", "31735129"):
        entry = upstream(legal_name="A cme", frn=frn)
        assert found.join(entry, TODAY).conflict is None
        assert found.join(entry, TODAY).by is Sure.FRN
    assert found.join(upstream(legal_name="none"), TODAY).state is State.WITHDRAWN  # it was listed before


def test_a_number_of_eight_digits_is_found_when_seven_are_used_up() -> None:
    database = read_database([HEAD, "RMD10000001,1,Acme,,,\n"])

    found = database.join(upstream("tg-1", legal_name="Acme", frn="0000000001"), TODAY)
    assert (found.state, found.rmd_number) == (State.LISTED, "RMD10000001")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "it has no column number, frn, business_name: is it the database?"),
        (["number,business_name\n"], "it has no column frn"),
        ([HEAD], "it has no rows"),
        ([HEAD, "7,1,a,,,\n"], "line 2: no RMD number with an FRN"),
        ([HEAD, "RMD0000001,x,a,,,\n"], "line 2: no RMD number with an FRN"),
        ([HEAD, "RMD000001,1,a,,,\n"], "line 2: no RMD number with an FRN"),
        ([HEAD, "RMD\x1b[31m1,1,a,,,\n"], "line 2: no RMD number with an FRN"),
        ([HEAD, "RMD0000001,1,a,,,\n", "RMD0000001,2,b,,,\n"], "line 3: RMD0000001 stands twice"),
        ([HEAD, "RMD0000001,1,a,,,\n", "RMD0000002,2,b,,,\n"], "more than 1 rows"),
    ],
)
def test_what_is_not_the_database_is_refused(lines: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rmd, "MOST_FILINGS", 1)
    with pytest.raises(DatabaseRefused) as refused:
        read_database(lines)

    assert str(refused.value).startswith(complaint)


def test_the_real_file_is_found_in_by_its_own_numbers_frns_and_names(reference_data: Path) -> None:
    """Of a thousand rows: every number and FRN leads to its own row, and names to it or to one of the same name."""
    import csv  # noqa: PLC0415

    path = reference_data / "rmd" / "rmd_no_contacts.csv"
    text = path.read_text(encoding="utf-8")
    everything, told = read_database(text.splitlines(keepends=True)), []
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert len(everything) == len(rows) > 7_000
    for row in random.Random(7).sample(rows, 1_000):
        by_number, by_frn, by_name = (
            everything.join(upstream(legal_name=row["business_name"], **fields), TODAY)
            for fields in ({"rmd_number": row["number"]}, {"frn": row["frn"]}, {})
        )
        assert (by_number.state, by_number.by, by_number.rmd_number) == (State.LISTED, Sure.NUMBER, row["number"])
        assert (by_frn.state, by_frn.by) == (State.LISTED, Sure.FRN)
        told.append(by_name)
    assert {one.by for one in told} == {Sure.NAME_EXACT}
    assert sum(one.state is State.LISTED for one in told) > 950


def test_filings_of_the_case_are_told_apart() -> None:
    assert len({one.number for one in FILINGS}) == len(DATABASE) == 4
